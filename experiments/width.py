"""Does the wider network converge first, however its learning rate is chosen?

    scripts/run width                                         # MLPs of width 8, 32, 128 on digits
    scripts/run width --tune=none                             # at one shared rate alone
    scripts/run width --family=cnn --widths=4,8,16,32
    scripts/run width --dataset=mnist --widths=16,64,256 --full

Each width against the next larger one, three times over: at one shared rate, each tuned by the same
search on other seeds, and at the rate of the narrowest transferred by muP. Tuned and transferred
have to agree before anything is said of size itself (STATISTICS, section 2).

Expect wider to be first in steps and the order to turn in FLOPs, where a wide step costs more
(Sankararaman et al. 2020; Yang et al. 2022). How much of the gap in steps is the shared rate's
doing is told as a share.
"""

from absl import flags

from experiments import _causes, _flags
from lab.causes import Level
from lab.words import Cause, Tune

QUESTION = "Does the wider network converge first, however its learning rate is chosen?"

_ASKED = _causes.define()
_FAMILY = flags.DEFINE_string("family", "mlp", "Family of networks.")
_WIDTHS = flags.DEFINE_list("widths", ["8", "32", "128"], "Two widths or more, the smallest first.")
_DEPTH = flags.DEFINE_integer("depth", 2, "Hidden layers, or convolutions.")
REGIMES = (Tune.NONE, Tune.GRID, Tune.MUP)
LEVELS = {
    Tune.NONE: "shared rate",
    Tune.DEFAULT: "rate by rule",
    Tune.GRID: "tuned by a grid",
    Tune.RANDOM: "tuned at random",
    Tune.HALVING: "tuned by halving",
    Tune.MUP: "transferred by muP",
}


def main() -> None:
    """Flags to study to answer; with --tune in that one way alone."""
    _causes.scale(
        {"tune": "grid"},
        {"members": 256, "widths": "4,8,16,32,64,128,256", "tune_trials": 13},
    )
    widths = _causes.sizes("widths", _WIDTHS.value)
    regimes = (_causes.tune(),) if flags.FLAGS["tune"].present else REGIMES
    models = _causes.sized(_FAMILY.value, widths, depth=_DEPTH.value)
    seeds = iter(_flags.seeds(len(widths) * len(regimes)))
    spec = _causes.data_spec(_ASKED)

    def level(regime: Tune) -> Level:
        ending = "" if len(regimes) == 1 else f"-{regime.value}"
        cohorts = tuple(
            _causes.cohort(_ASKED, f"width-{width}{ending}", spec, model, next(seeds))
            for width, model in zip(widths, models, strict=True)
        )
        return Level(LEVELS[regime], cohorts, tune=regime)

    _causes.answer("width", Cause.WIDTH, QUESTION, [level(one) for one in regimes])


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
