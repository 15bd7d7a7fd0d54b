"""Which optimizers turn the order of a smaller and a larger network round?

    scripts/run optimizer                                     # MLPs of width 16 and 64 on digits
    scripts/run optimizer --optimizers=sgd,adam --widths=8,32,128
    scripts/run optimizer --tune=none                         # at the rates declared, untuned

The same networks under each optimizer; every cohort is tuned by the same search on other seeds,
about a middle that suits the optimizer.

Expect the wider network to be first in steps under all of them: an optimizer changes how large the
gap is, which is told as a share of that under the first one.
"""

import dataclasses

from absl import flags

from experiments import _causes, _flags, _training
from experiments._unused import require_unused
from lab.causes import Level
from lab.words import Cause

QUESTION = "Which optimizers turn the order of a smaller and a larger network round?"

_ASKED = _causes.define()
_OPTIMIZERS = flags.DEFINE_list(
    "optimizers", ["adam", "sgd", "nesterov", "rmsprop", "lion"], "Named as for --optimizer."
)
_WIDTHS = flags.DEFINE_list("widths", ["16", "64"], "Two widths or more, the smallest first.")
_FAMILY = flags.DEFINE_string("family", "mlp", "Family of networks.")

RATES = {
    "adam": 0.003,
    "sgd": 0.1,
    "nesterov": 0.03,
    "adamw": 0.003,
    "nadam": 0.003,
    "rmsprop": 0.003,
    "adagrad": 0.1,
    "lion": 0.001,
    "lamb": 0.01,
    "muon": 0.03,
    "schedule_free": 0.01,
    "prodigy": 1.0,
}
"""Where a search for each begins: the order of magnitude that small networks take."""


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"tune": "grid"},
        {"members": 256, "widths": "4,16,64,256", "optimizers": ",".join(RATES), "tune_trials": 13},
    )
    require_unused(
        ["optimizer", "momentum", "weight_decay", "learning_rate"],
        "the experiment goes through optimizers, each with a rate of its own",
    )
    widths = _causes.sizes("widths", _WIDTHS.value)
    names = _causes.among("optimizers", _OPTIMIZERS.value, list(RATES))
    models, spec = _causes.sized(_FAMILY.value, widths), _causes.data_spec(_ASKED)
    seeds = iter(_flags.seeds(len(widths) * len(names)))

    def level(name: str) -> Level:
        cohorts = tuple(
            dataclasses.replace(
                _causes.cohort(_ASKED, f"width-{width}-{name}", spec, model, next(seeds)),
                optimizer=_training.named_optimizer(name, RATES[name]),
            )
            for width, model in zip(widths, models, strict=True)
        )
        return Level(name, cohorts)

    _causes.answer("optimizer", Cause.OPTIMIZER, QUESTION, [level(name) for name in names])


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
