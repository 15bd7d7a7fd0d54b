"""Budgets that follow all cohorts equally far: a smaller net may take more steps for its FLOPs."""

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction

from lab.costs import step_cost
from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.records.costs import exact_cost
from lab.specs import CohortSpec, CosineSchedule
from lab.training.member import make_member
from lab.training.problem import make_problem
from lab.words import Clock, Use


def equal_budgets(
    cohorts: Sequence[CohortSpec], data: DataArrays, clock: Clock
) -> tuple[CohortSpec, ...]:
    """The cohorts with budgets of, on that clock, what the costliest one's comes to or more.

    In FLOPs each is followed as far as the cohort whose declared steps come to most, up to the next
    evaluation. Schedules keep their declared steps: that of a member is the same whatever its
    budget. UsageError where a cosine would end before the budget does, for the rest of it would
    train at its last rate alone, and where a budget is larger than a member can count to.
    """
    match clock:
        case Clock.STEPS:
            return tuple(cohorts)
        case Clock.FLOPS:
            costs = [_flops_per_step(cohort, data) for cohort in cohorts]
        case _:
            raise UsageError(f"budgets cannot be equal in {clock.label}: pass steps or flops")
    most = max(cost * cohort.budget_steps for cost, cohort in zip(costs, cohorts, strict=True))
    return tuple(
        _followed(cohort, most / cost) for cost, cohort in zip(costs, cohorts, strict=True)
    )


def _flops_per_step(cohort: CohortSpec, data: DataArrays) -> Fraction:
    """As the plan will count them; trained weights cost what drawn ones do."""
    if cohort.initial.source is not None:
        drawn = dataclasses.replace(cohort.initial, source=None, use=Use.PRETRAINED, fresh=())
        cohort = dataclasses.replace(cohort, initial=drawn)
    member = make_member(cohort, make_problem(cohort.data, data))
    return exact_cost(step_cost(member, data.train, cohort.batch_size).flops)


def _followed(cohort: CohortSpec, steps: Fraction) -> CohortSpec:
    """For so many steps, up to the next evaluation."""
    budget = math.ceil(steps / cohort.eval_every) * cohort.eval_every
    schedule = cohort.recipe.schedule
    if isinstance(schedule, CosineSchedule) and schedule.decay_steps < budget:
        raise UsageError(
            f"cohort {cohort.name!r} gets a budget of {budget} steps, and its cosine is down after "
            f"{schedule.decay_steps}: pass --budget_clock=steps, --schedule_steps={budget} or "
            "more, or --schedule=constant"
        )
    return dataclasses.replace(cohort, budget_steps=budget)
