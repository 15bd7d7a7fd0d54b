"""Does a harder problem turn the order of a smaller and a larger network round?

    scripts/run difficulty                                    # MLPs of width 16 and 64 on digits
    scripts/run difficulty --fractions=0.5,0.2,0.1 --noises= --numbers_of_classes=
    scripts/run difficulty --dataset=mnist --widths=16,256 --full

The same networks on the set as it is, on a share of its training examples, with a share of wrong
labels, and on its first few classes; every cohort is tuned by the same search on other seeds.

Expect the larger network to be first in steps throughout, by less where the problem is easy: there
both are done within a few evaluations. How the gap changes is told as a share of that on the set as
it is.
"""

import dataclasses
from typing import Any

from absl import flags

from experiments import _causes, _flags
from experiments._unused import require_unused
from lab.causes import Level
from lab.quantities import exact
from lab.specs import DataSpec
from lab.words import Cause

QUESTION = "Does a harder problem turn the order of a smaller and a larger network round?"

_ASKED = _causes.define(target=("0.75", "0.85"))
_FRACTIONS = flags.DEFINE_list(
    "fractions", ["0.3", "0.1"], "Shares of the training examples, each a level; may be empty."
)
_NOISES = flags.DEFINE_list(
    "noises", ["0.2"], "Shares of wrong training labels, each a level; may be empty."
)
_CLASSES = flags.DEFINE_list(
    "numbers_of_classes", ["3"], "How many of the first classes, each a level; may be empty."
)
_WIDTHS = flags.DEFINE_list("widths", ["16", "64"], "Two widths or more, the smallest first.")
_FAMILY = flags.DEFINE_string("family", "mlp", "Family of networks.")

PLAIN = "as it is"


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"tune": "grid"},
        {
            "members": 256,
            "widths": "4,16,64,256",
            "fractions": "0.5,0.2,0.1,0.05",
            "noises": "0.1,0.2,0.4",
            "numbers_of_classes": "2,3,5",
            "tune_trials": 13,
        },
    )
    require_unused(
        ["train_fraction", "label_noise", "classes"], "the experiment turns these dials itself"
    )
    widths = _causes.sizes("widths", _WIDTHS.value)
    models, plain = _causes.sized(_FAMILY.value, widths), _causes.data_spec(_ASKED, draws=True)
    problems = _problems(plain)
    seeds = iter(_flags.seeds(len(widths) * len(problems)))

    def level(name: str, data: DataSpec) -> Level:
        ending = "" if name == PLAIN else f"-{name.replace(' ', '-')}"
        cohorts = tuple(
            _causes.cohort(_ASKED, f"width-{width}{ending}", data, model, next(seeds))
            for width, model in zip(widths, models, strict=True)
        )
        return Level(name, cohorts)

    levels = [level(name, data) for name, data in problems.items()]
    _causes.answer("difficulty", Cause.DIFFICULTY, QUESTION, levels)


def _problems(plain: DataSpec) -> dict[str, DataSpec]:
    """The set at each level of difficulty, by the level's name."""

    def harder(**dial: Any) -> DataSpec:
        return dataclasses.replace(plain, difficulty=dataclasses.replace(plain.difficulty, **dial))

    problems = {PLAIN: plain}
    for share in _causes.numbers("fractions", _FRACTIONS.value):
        problems[f"{exact(share)} of the examples"] = harder(train_fraction=share)
    for share in _causes.numbers("noises", _NOISES.value):
        problems[f"{exact(share)} of the labels wrong"] = harder(label_noise=share)
    for number in _causes.whole_numbers("numbers_of_classes", _CLASSES.value, "2,10"):
        problems[f"{number} classes"] = harder(classes=tuple(range(number)))
    return problems


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
