"""Solo seconds: of the right program, in turn over the cohorts, once a run. No speed is tested."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pytest
from recorded import DATA, two_plans
from toys import DIGITS, easy_images, mlp_cohort

from lab import studies
from lab.data.arrays import DataArrays, Split
from lab.specs import SeedsSpec, StudySpec
from lab.training import timing
from lab.training.planning import plan_study
from lab.training.programs import Programs
from lab.training.resident import Window
from lab.training.timing import time_alone

DATA_AT_HAND = easy_images()


def the_plan(data: DataArrays = DATA_AT_HAND, **changes: Any):
    study = StudySpec("?", (mlp_cohort(**changes),), ())
    (plan,) = plan_study(study, {DIGITS: data}, 2, 1, {})
    return plan


def test_the_program_is_so_many_steps_of_the_cohort_s_own_member() -> None:
    plan, data = the_plan(), easy_images()
    alone = timing._compiled(plan, timing._train(plan, data), Programs())
    end = alone.program(alone.state, alone.train)
    assert int(end.step) == alone.steps
    state = plan.member.init(jax.numpy.int32(0))
    step = jax.jit(plan.member.step)
    for _ in range(alone.steps):
        state = step(state, alone.train)
    for one, other in zip(jax.tree.leaves(end), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


class Streamed:
    """A training split that nobody may read: a batch of what lies in memory will do."""

    digest = "none"

    def __len__(self) -> int:
        return 1000

    def read(self, indices: np.ndarray) -> Split:
        raise AssertionError(indices)


def test_of_streamed_data_one_batch_stands_for_all() -> None:
    few = easy_images(train=3)
    data = DataArrays(few.train, few.validation, few.classes, source=Streamed())
    plan = the_plan(few, seeds=SeedsSpec(order=1))
    train = timing._train(plan, data)
    assert isinstance(train, Window)
    assert train.inputs.shape == (1, plan.cohort.batch_size, 4, 4, 1)
    alone = timing._compiled(plan, train, Programs())
    end = alone.program(alone.state, alone.train)
    assert int(end.step) == alone.steps
    assert not bool(end.diverged)


def test_cohorts_are_timed_in_turn_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[int] = []
    ids: dict[int, int] = {}

    def seconds(alone: Any, calls: int) -> float:
        who = ids.setdefault(id(alone), len(ids))
        order.append(who)
        # Slower by a hundredth each time: medians and ranks are then known.
        return (1 + who) * (1 + 0.01 * order.count(who))

    monkeypatch.setattr(timing._Alone, "seconds", seconds)
    monkeypatch.setattr(
        timing._Alone, "calls", lambda alone: 1 + ids.setdefault(id(alone), len(ids))
    )
    first, second = time_alone(two_plans(), DATA)
    assert order == [0, 1, 1, 0] * (timing.REPEATS // 2) + [0, 1]
    # Of 15 ordered repeats the 8th is the median; the 3rd and the 13th hold it at 98.5%.
    assert (first.lower, first.estimate, first.upper) == pytest.approx((1.03, 1.08, 1.13))
    assert (second.lower, second.estimate, second.upper) == pytest.approx((2.06, 2.16, 2.26))
    assert (first.repeats, first.level) == (timing.REPEATS, pytest.approx(0.985))


def test_a_real_timing_is_whole() -> None:
    found = time_alone(two_plans(), DATA)
    for one in found:
        assert 0 < one.lower <= one.estimate <= one.upper
        assert one.steps_per_repeat >= 1
        assert one.compile_seconds > 0
        assert one.device == jax.devices()[0].device_kind


def timed(monkeypatch: pytest.MonkeyPatch, before: Mapping[str, Any], measured: bool = True):
    said: list[str] = []
    asked: list[int] = []

    def once(plans: Any, data: Any) -> Any:
        asked.append(len(plans))
        return real(plans, data)

    real = time_alone
    monkeypatch.setattr(studies, "time_alone", once)
    plans = studies._timed(two_plans(), DATA, before, measured, said.append)
    return plans, asked


def test_a_run_that_has_its_seconds_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, asked = timed(monkeypatch, {})
    assert asked == [2]
    facts = {plan.cohort.name: plan.facts() for plan in plans}
    for measured in (True, False):
        again, asked = timed(monkeypatch, facts, measured)
        assert asked == []
        assert [one.solo_seconds for one in again] == [one.solo_seconds for one in plans]


def test_a_run_that_does_not_ask_for_seconds_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, asked = timed(monkeypatch, {}, measured=False)
    assert asked == []
    assert all(plan.solo_seconds is None for plan in plans)
    assert all("solo_seconds" not in plan.facts() for plan in plans)
