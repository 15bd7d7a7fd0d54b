"""Budgets of equal FLOPs: a smaller net takes more steps, and is followed as far as the larger."""

import dataclasses

import pytest
from toys import DIGITS, easy_images, mlp_cohort

from lab.costs import StepCost
from lab.errors import UsageError
from lab.specs import (
    ConstantSchedule,
    ContrastSpec,
    CosineSchedule,
    InitialSpec,
    MLPSpec,
    RecipeSpec,
    ScheduleSpec,
    SourceSpec,
    StepSchedule,
    StudySpec,
)
from lab.training.budgets import equal_budgets
from lab.training.planning import plan_study
from lab.words import Clock

DATA = easy_images()
SMALL, LARGE = (
    mlp_cohort(name=name, model=MLPSpec(width, depth=1))
    for name, width in (("small", 4), ("large", 32))
)


def study_of(*cohorts) -> StudySpec:
    return StudySpec("?", cohorts, (ContrastSpec("small", "large"),))


def spent(cohorts) -> dict[str, float]:
    """What the plans, which count for themselves, say that a member may spend at most."""
    plans = plan_study(study_of(*cohorts), {DIGITS: DATA}, 2, 1, {})
    return {one.cohort.name: one.flops_per_step * one.cohort.budget_steps for one in plans}


def test_each_is_followed_as_far_as_the_costliest_and_less_than_an_evaluation_further() -> None:
    cohorts = equal_budgets((SMALL, LARGE), DATA, Clock.FLOPS)
    small, large = cohorts
    assert large == LARGE
    assert small == dataclasses.replace(SMALL, budget_steps=small.budget_steps)
    assert small.budget_steps > 3 * SMALL.budget_steps
    assert small.budget_steps % small.eval_every == 0
    total = spent(cohorts)
    once = total["small"] * small.eval_every / small.budget_steps
    assert total["large"] <= total["small"] < total["large"] + once


@pytest.mark.parametrize(
    ("costs", "evaluations"),
    # A tenth of what three tenths cost: whole, and no rounding may say otherwise. And what is more
    # than whole by one part in 10^11, which no rounding may take away.
    [((0.1, 0.3), 9), ((1e10, 3e10 + 1), 10)],
)
def test_costs_are_compared_exactly(monkeypatch, costs, evaluations) -> None:
    found = iter(costs)
    monkeypatch.setattr("lab.training.budgets.step_cost", lambda *_: StepCost(next(found), 1.0, 1))
    one = [dataclasses.replace(each, budget_steps=3 * each.eval_every) for each in (SMALL, LARGE)]
    small, large = equal_budgets(one, DATA, Clock.FLOPS)
    assert large == one[1]
    assert small.budget_steps == evaluations * SMALL.eval_every


def test_on_steps_nothing_changes_and_equal_nets_keep_equal_budgets() -> None:
    assert equal_budgets((SMALL, LARGE), DATA, Clock.STEPS) == (SMALL, LARGE)
    twin = dataclasses.replace(LARGE, name="twin", seed=9)
    assert equal_budgets((LARGE, twin), DATA, Clock.FLOPS) == (LARGE, twin)


def test_trained_weights_cost_what_drawn_ones_do() -> None:
    initial = InitialSpec(source=SourceSpec("nowhere"))
    given = [dataclasses.replace(one, initial=initial) for one in (SMALL, LARGE)]
    found = equal_budgets(given, DATA, Clock.FLOPS)
    plain = equal_budgets((SMALL, LARGE), DATA, Clock.FLOPS)
    assert [one.budget_steps for one in found] == [one.budget_steps for one in plain]
    assert all(one.initial == initial for one in found)


def small_with(schedule: ScheduleSpec):
    recipe = RecipeSpec(schedule=schedule)
    return equal_budgets((dataclasses.replace(SMALL, recipe=recipe), LARGE), DATA, Clock.FLOPS)[0]


@pytest.mark.parametrize("schedule", [ConstantSchedule(), StepSchedule(14), CosineSchedule(9999)])
def test_schedules_keep_the_steps_they_were_declared_with(schedule: ScheduleSpec) -> None:
    assert small_with(schedule).recipe.schedule == schedule


def test_a_cosine_that_ends_before_the_budget_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"down after 40: pass --budget_clock=steps, --schedule_steps=\d+ or"
    ):
        small_with(CosineSchedule(SMALL.budget_steps))


def test_what_a_member_cannot_count_to_is_refused() -> None:
    most = dataclasses.replace(LARGE, budget_steps=2**27, eval_every=2**20)
    small = dataclasses.replace(SMALL, budget_steps=2**27, eval_every=2**20)
    with pytest.raises(UsageError, match="pass a smaller --budget_steps"):
        equal_budgets((small, most), DATA, Clock.FLOPS)


def test_seconds_are_not_known_beforehand() -> None:
    with pytest.raises(UsageError, match="pass steps or flops"):
        equal_budgets((SMALL, LARGE), DATA, Clock.SECONDS)
