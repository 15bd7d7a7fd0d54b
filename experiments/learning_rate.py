"""At which shared learning rates does the larger network converge first, and where does it turn?

    scripts/run learning_rate                                 # MLPs of width 16 and 64 on digits
    scripts/run learning_rate --rates=0.001,0.01,0.1 --optimizer=sgd
    scripts/run learning_rate --family=cnn --widths=4,16

Both networks at each of several shared rates, all rates lanes of one program, and once more with
each network's rate tuned by the same search on other seeds, which is what the shared rates are held
against.

Expect the wider network to be first in steps at every rate at which both learn, by a margin that
changes with the rate; what share of the gap a rate makes up, and where the order turns if it does,
is told.
"""

import dataclasses

from absl import flags

from experiments import _causes, _flags
from experiments._unused import require_unused
from lab.causes import Level
from lab.errors import UsageError
from lab.quantities import exact
from lab.specs import Setting, Varied
from lab.words import Cause, Hyperparameter, Tune

QUESTION = "At which shared learning rates does the larger network converge first?"

_ASKED = _causes.define(learning_rate=0.01)
_RATES = flags.DEFINE_list(
    "rates",
    ["0.0003", "0.001", "0.003", "0.01", "0.02", "0.04", "0.06"],
    "The shared rates, each with --members of either network.",
)
_WIDTHS = flags.DEFINE_list("widths", ["16", "64"], "Two widths or more, the smallest first.")
_FAMILY = flags.DEFINE_string("family", "mlp", "Family of networks.")


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"tune": "grid"}, {"members": 256, "widths": "4,8,16,32,64,128,256", "tune_trials": 13}
    )
    require_unused(["sequential", "vary"], "members have several rates")
    if _causes.tune() is Tune.NONE:
        require_unused(["learning_rate"], "all rates are those of --rates")
    widths = _causes.sizes("widths", _WIDTHS.value)
    rates = _causes.numbers("rates", _RATES.value)
    if len(set(rates)) < max(2, len(rates)):
        raise UsageError(
            f"rates is {','.join(_RATES.value)}; it takes two or more, each once: pass "
            "--rates=0.001,0.01"
        )
    models, spec = _causes.sized(_FAMILY.value, widths), _causes.data_spec(_ASKED)
    seeds = _flags.seeds(2 * len(widths))
    vary = Varied(Hyperparameter.LEARNING_RATE, tuple(rates))
    declared = tuple(
        _causes.cohort(_ASKED, f"width-{width}", spec, model, seed)
        for width, model, seed in zip(widths, models, seeds, strict=False)
    )
    shared = tuple(
        dataclasses.replace(one, members=len(rates) * one.members, vary=(*one.vary, vary))
        for one in declared
    )
    tuned = tuple(
        dataclasses.replace(one, name=f"{one.name}-tuned", seed=seed)
        for one, seed in zip(declared, seeds[len(widths) :], strict=True)
    )
    levels = [
        Level(exact(rate), shared, (Setting(Hyperparameter.LEARNING_RATE, rate),), Tune.NONE)
        for rate in rates
    ]
    if _causes.tune() is not Tune.NONE:
        levels.insert(0, Level("tuned", tuned))
    _causes.answer("learning_rate", Cause.LEARNING_RATE, QUESTION, levels)


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
