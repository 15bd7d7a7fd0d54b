"""Does the deeper network converge later, and do residual connections undo it?

    scripts/run depth                                         # MLPs of 2 and 8 layers on digits
    scripts/run depth --depths=2,4,8,16 --width=64
    scripts/run depth --family=resnet --depths=3,9 --width=4 --full     # 20 and 56 layers

The shallower against the deeper network, plain and with skips, all with their layers normalised.
Every network is tuned by the same search on other seeds.

Expect plain depth to slow convergence down in steps and more so in FLOPs, and skips to repair some
of it (He et al. 2016; Sankararaman et al. 2020): what share of the gap they take away is told.
"""

from absl import flags

from experiments import _causes, _flags
from lab.causes import Level
from lab.words import Cause

QUESTION = "Does the deeper network converge later, and do residual connections undo it?"

_ASKED = _causes.define()
_FAMILY = flags.DEFINE_enum(
    "family", "mlp", ["mlp", "cnn", "resnet"], "Family of networks; of resnet 6n+2 layers."
)
_DEPTHS = flags.DEFINE_list(
    "depths", ["2", "8"], "Two depths or more: hidden layers, convolutions, or blocks (n)."
)
_WIDTH = flags.DEFINE_integer("width", 32, "Units of a layer, or channels of a convolution.")

_NORMALISATION = flags.DEFINE_enum(
    "normalisation", "layer", ["none", "batch", "layer", "group"], "Of every hidden layer."
)

DIALS = {"mlp": "depth", "cnn": "depth", "resnet": "blocks"}


def main() -> None:
    """Flags to study to answer."""
    _causes.scale({"tune": "grid"}, {"members": 256, "depths": "2,4,8,16,32", "tune_trials": 13})
    depths = _causes.sizes("depths", _DEPTHS.value)
    dial, spec = DIALS[_FAMILY.value], _causes.data_spec(_ASKED)
    seeds = iter(_flags.seeds(2 * len(depths)))

    def level(name: str, skips: bool) -> Level:
        models = _causes.sized(
            _FAMILY.value,
            depths,
            dial,
            width=_WIDTH.value,
            normalisation=_NORMALISATION.value,
            skips=skips,
        )
        cohorts = tuple(
            _causes.cohort(_ASKED, f"{dial}-{depth}-{name}", spec, model, next(seeds))
            for depth, model in zip(depths, models, strict=True)
        )
        return Level(name, cohorts)

    _causes.answer("depth", Cause.DEPTH, QUESTION, [level("plain", False), level("residual", True)])


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
