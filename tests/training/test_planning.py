"""What is compiled, at which width, and when a run may go on."""

import dataclasses
from typing import Any

import jax
import pytest
from toys import DIGITS, PICTURES, easy_images, easy_masks, mlp_cohort, unet_cohort

from lab.data.loading import DataArrays, Split
from lab.errors import UsageError
from lab.specs import CohortSpec, StudySpec
from lab.training import devices, planning
from lab.training.lanes import Layout
from lab.training.planning import CohortPlan, plan_study

DATA = easy_images()


@pytest.fixture(scope="module")
def planned():
    """Plans one MLP cohort."""

    def plan(
        asked: int | None,
        before: dict[str, Any] | None = None,
        data: DataArrays = DATA,
        width: int | None = None,
    ) -> CohortPlan:
        study = StudySpec("?", (mlp_cohort(),), ())
        known = {} if before is None else {"mlp": before}
        (only,) = plan_study(study, {DIGITS: data}, asked, width, known)
        return only

    return plan


def test_devices_divide_the_lanes() -> None:
    for lanes in range(1, 9):
        chosen = devices.choose_devices(lanes)
        assert lanes % len(chosen) == 0
    assert len(devices.choose_devices(7)) in (1, 7)


@pytest.mark.parametrize("flops", [0.0, 1.0, 1e6, 1e15])
def test_a_dispatch_holds_at_least_one_evaluation_and_at_most_the_budget(flops: float) -> None:
    cohort = mlp_cohort()
    assert 1 <= planning.evaluations_per_dispatch(cohort, 8, flops) <= cohort.evaluations


def test_a_run_goes_on_as_it_began(planned) -> None:
    before = planned(5).facts()
    for asked in (None, 5):
        assert planned(asked, before).facts() == before
    again = planned(None, before | {"evaluations_per_dispatch": 2, "lane_width": 1})
    assert again.evaluations_per_dispatch == 2
    assert again.layout == Layout(5, 1)


def test_a_run_goes_on_on_the_devices_there_are(planned) -> None:
    before = planned(4).facts()
    assert len(planned(None, before | {"devices": 99}).devices) <= jax.device_count()


def test_long_runs_write_few_parts_and_short_dispatches_stay_short() -> None:
    """A million members of a tiny net would write a part each few milliseconds."""
    cohort = mlp_cohort(members=1_000_000, budget_steps=400)
    rounds = -(-1_000_000 // 16) * cohort.evaluations
    assert rounds / planning.evaluations_per_dispatch(cohort, 16, 100.0) <= 1.01 * planning.PARTS
    few = mlp_cohort(members=64, budget_steps=4000)
    step = planning.FLOPS_PER_SECOND["cpu"] / 1000  # A millisecond a member-step.
    seconds = planning.evaluations_per_dispatch(few, 16, step) * 16 * few.eval_every / 1000
    assert seconds == pytest.approx(planning.SHORT_DISPATCH, rel=0.05)
    hours = mlp_cohort(members=100_000, budget_steps=4000)
    seconds = planning.evaluations_per_dispatch(hours, 16, step) * 16 * hours.eval_every / 1000
    assert seconds == pytest.approx(planning.LONG_DISPATCH, rel=0.05)


def test_a_run_that_cannot_go_on_as_it_began_is_refused(planned) -> None:
    before = planned(5).facts()
    with pytest.raises(UsageError, match="began with 5 lanes, and 4 were asked: pass --lanes=5"):
        planned(4, before)
    with pytest.raises(UsageError, match="began with 5 lanes in a block, and 1 were asked"):
        planned(None, before, width=1)
    pixels = DATA.validation.inputs.copy()
    pixels[-1, -1, -1] ^= 1
    other = dataclasses.replace(DATA, validation=Split(pixels, DATA.validation.targets))
    with pytest.raises(UsageError, match="not the one this run began with"):
        planned(None, before, other)


def test_images_that_the_network_cannot_take_are_refused() -> None:
    study = StudySpec("?", (unet_cohort(),), ())
    with pytest.raises(UsageError, match=r"12x12.*--image_size=8"):
        plan_study(study, {PICTURES: easy_masks(train=2, validation=2, side=12)}, None, None, {})


def flops(cohort: CohortSpec) -> float:
    (plan,) = plan_study(StudySpec("?", (cohort,), ()), {DIGITS: DATA}, 1, None, {})
    assert plan.parameters == 16 * 8 + 8 + 8 * 2 + 2
    return plan.flops_per_step


def test_flops_are_those_of_learning_not_of_shuffling() -> None:
    """Products take 2 operations an example and weight, forward once and backward twice, less the
    first layer's input gradient; activations, loss and optimizer cannot double that here.
    """
    products = 2 * 64 * (2 * 16 * 8 + 3 * 8 * 2)
    growth = flops(mlp_cohort(batch_size=128)) - flops(mlp_cohort(batch_size=64))
    assert products < growth < 2 * products
