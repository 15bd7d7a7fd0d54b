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
from lab.training.planning import CohortPlan, plan_study

DATA = easy_images()


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch):
    """Plans one MLP cohort; its FLOPs are counted once."""
    monkeypatch.setattr(planning, "flops_per_step", lambda *_: 1e4)

    def plan(
        asked: int | None, before: dict[str, Any] | None = None, data: DataArrays = DATA
    ) -> CohortPlan:
        study = StudySpec("?", (mlp_cohort(),), ())
        known = {} if before is None else {"mlp": before}
        (only,) = plan_study(study, {DIGITS: data}, asked, known)
        return only

    return plan


@pytest.mark.parametrize(
    ("asked", "members", "lanes"), [(None, 3, 3), (None, 500, 16), (5, 3, 5), (64, 500, 64)]
)
def test_lanes_by_rule_and_by_hand(
    two_devices: list[jax.Device], asked: int | None, members: int, lanes: int
) -> None:
    if jax.default_backend() != "cpu" or jax.device_count() != len(two_devices):
        pytest.skip("the rule differs on accelerators")
    assert devices.choose_lanes(asked, members) == lanes


@pytest.mark.parametrize("asked", [0, -1])
def test_no_lanes_are_refused(asked: int) -> None:
    with pytest.raises(UsageError, match=rf"lanes is {asked}.*--lanes=auto"):
        devices.choose_lanes(asked, 8)


def test_devices_divide_the_lanes() -> None:
    for lanes in range(1, 9):
        chosen = devices.choose_devices(lanes)
        assert lanes % len(chosen) == 0
    assert len(devices.choose_devices(7)) in (1, 7)


@pytest.mark.parametrize("flops", [0.0, 1.0, 1e6, 1e15])
def test_a_dispatch_holds_at_least_one_evaluation_and_at_most_the_budget(flops: float) -> None:
    cohort = mlp_cohort()
    assert 1 <= devices.evaluations_per_dispatch(cohort, 8, flops) <= cohort.evaluations


def test_a_run_goes_on_as_it_began(planned) -> None:
    before = planned(5).facts()
    for asked in (None, 5):
        assert planned(asked, before).facts() == before
    again = planned(None, before | {"evaluations_per_dispatch": 2})
    assert again.evaluations_per_dispatch == 2


def test_a_run_that_cannot_go_on_as_it_began_is_refused(planned) -> None:
    before = planned(5).facts()
    with pytest.raises(UsageError, match="began with 5 lanes, and 4 were asked: pass --lanes=5"):
        planned(4, before)
    with pytest.raises(UsageError, match="began on 99 devices"):
        planned(None, before | {"devices": 99})
    pixels = DATA.validation.inputs.copy()
    pixels[-1, -1, -1] ^= 1
    other = dataclasses.replace(DATA, validation=Split(pixels, DATA.validation.targets))
    with pytest.raises(UsageError, match="not the one this run began with"):
        planned(None, before, other)


def test_images_that_the_network_cannot_take_are_refused() -> None:
    study = StudySpec("?", (unet_cohort(),), ())
    with pytest.raises(UsageError, match=r"12x12.*--image_size=8"):
        plan_study(study, {PICTURES: easy_masks(train=2, validation=2, side=12)}, None, {})


def flops(cohort: CohortSpec) -> float:
    (plan,) = plan_study(StudySpec("?", (cohort,), ()), {DIGITS: DATA}, 1, {})
    assert plan.parameters == 16 * 8 + 8 + 8 * 2 + 2
    return plan.flops_per_step


def test_flops_are_those_of_learning_not_of_shuffling() -> None:
    """Products take 2 operations an example and weight, forward once and backward twice, less the
    first layer's input gradient; activations, loss and optimizer cannot double that here.
    """
    products = 2 * 64 * (2 * 16 * 8 + 3 * 8 * 2)
    growth = flops(mlp_cohort(batch_size=128)) - flops(mlp_cohort(batch_size=64))
    assert products < growth < 2 * products
