"""The flags of what time is counted in."""

from collections.abc import Sequence

from absl import flags

from lab.data.arrays import DataArrays
from lab.specs import CohortSpec
from lab.training.budgets import equal_budgets
from lab.words import Clock

SECONDS = flags.DEFINE_bool(
    "seconds", True, "Time a step of one member of each cohort alone, and count in seconds too."
)
_BUDGET_CLOCK = flags.DEFINE_enum(
    "budget_clock",
    "steps",
    ["steps", "flops"],
    "What members may spend equally much of; with flops those of smaller networks take more steps, "
    "until they have spent what --budget_steps of the costliest come to.",
)


def fingerprint() -> str:
    """What the flags add to the cohorts that were declared."""
    return str(_BUDGET_CLOCK.value)


def budgeted(cohorts: Sequence[CohortSpec], data: DataArrays) -> tuple[CohortSpec, ...]:
    """The cohorts with the budgets that the flag gives them."""
    return equal_budgets(cohorts, data, Clock(_BUDGET_CLOCK.value))
