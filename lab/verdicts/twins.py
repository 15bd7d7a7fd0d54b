"""The same nets with rates tuned and with rates transferred: a claim about size takes both.

Where they disagree the answer depends on tuning (STATISTICS, section 2).
"""

import dataclasses
from collections.abc import Collection, Iterable

from lab.specs import CohortSpec, Setting, holding
from lab.verdicts.reading import DIRECTED
from lab.verdicts.words import Verdict
from lab.words import Hyperparameter

_OF_A_MEASUREMENT = ("name", "seed", "members", "tuned", "budget_steps")
_OF_TUNING = ("optimizer", "recipe")
_OF_TRANSFER = ("parametrisation", "base_width")


def training(cohort: CohortSpec, at: Iterable[Setting] = ()) -> str:
    """What a cohort has in common with one that is trained alike but for how its rates came.

    All that is declared of it, without what a search was for, what muP changes, and how many
    members were measured how long. `at` are the settings of the members that are meant.
    """
    settings = tuple(at)
    if settings:
        cohort = holding(dataclasses.replace(cohort, vary=(), tuned=None), settings)
    searched = {Hyperparameter.LEARNING_RATE.value}
    if cohort.tuned is not None:
        searched |= {one.hyperparameter.value for one in cohort.tuned.search.also}
    blanked = {**dict.fromkeys(_OF_TUNING, searched), "initial": _OF_TRANSFER}
    kept = (one.name for one in dataclasses.fields(cohort) if one.name not in _OF_A_MEASUREMENT)
    return repr([(name, _without(getattr(cohort, name), blanked.get(name, ()))) for name in kept])


def _without(value: object, names: Collection[str]) -> object:
    if not names or not dataclasses.is_dataclass(value):
        return value
    fields = dataclasses.fields(value)
    kept = [(one.name, getattr(value, one.name)) for one in fields if one.name not in names]
    return type(value).__name__, kept


def agree(tuned: Verdict, transferred: Verdict) -> bool:
    """Whether both name one direction."""
    return tuned is transferred and tuned in DIRECTED
