"""What is compiled, at which width, and when a run may go on."""

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import jax
import pytest
from toys import DIGITS, PICTURES, easy_images, easy_masks, mlp_cohort, unet_cohort

from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.records.paths import RunPaths
from lab.specs import CohortSpec, StudySpec
from lab.training import devices, planning, resuming, rounding
from lab.training.compilation import instructions
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
    with pytest.raises(UsageError, match="not those that this run began with"):
        planned(None, before, other)


@pytest.mark.parametrize(
    ("left", "binds"),
    [
        ("members-00000.parquet", True),
        ("curves-00000.parquet", True),
        ("checkpoints/3", True),
        ("checkpoints/damaged-3", False),
        ("checkpoints", False),
    ],
)
def test_what_a_cohort_began_with_binds_once_something_came_of_it(
    tmp_path: Path, planned, left: str, binds: bool
) -> None:
    """Lanes that turned out not to fit may be fewer at the next start."""
    before = planned(5).facts()
    (tmp_path / "cohorts/mlp" / left).mkdir(parents=True)
    known = resuming.with_records(RunPaths(tmp_path), {"mlp": before, "other": before})
    assert known == ({"mlp": before} if binds else {})
    if not binds:
        assert planned(4, known.get("mlp")).layout.lanes == 4


INSTRUCTIONS = instructions()
needs_instructions = pytest.mark.skipif(
    len(INSTRUCTIONS) < 2, reason="this system does not list its processor's instructions"
)


def session(**others: Any) -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in rounding.BITS_DEPEND_ON}
    device = jax.devices()[0]
    here = {
        "devices": [str(device)],
        "device_kind": device.device_kind,
        "instructions": instructions(),
    }
    return {"versions": versions | others.pop("versions", {}), **here, **others}


@needs_instructions
@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({"versions": {"jaxlib": "0.0.1"}}, r"began with jaxlib 0\.0\.1.*jaxlib==0\.0\.1.*--out"),
        ({"devices": ["made_up:0"]}, "began with device made_up, .*go on on made_up"),
        ({"device_kind": "Made Up 9"}, "began with device Made Up 9, "),
        (
            {"instructions": [*INSTRUCTIONS, "avx10"]},
            "began on a processor with avx10, and this is a processor without avx10, which rounds "
            "otherwise: go on on a processor with avx10, or",
        ),
        (
            {"instructions": INSTRUCTIONS[:-1]},
            f"began on a processor without {INSTRUCTIONS[-1]}, and this is a processor with",
        ),
    ],
)
def test_a_run_does_not_go_on_where_it_would_round_otherwise(
    other: dict[str, Any], line: str
) -> None:
    rounding.require_same_bits({"sessions": [session(), session()]})
    for sessions in ([session(**other)], [session(), session(**other)]):
        with pytest.raises(UsageError, match=line):
            rounding.require_same_bits({"sessions": sessions})


def test_sessions_that_trained_nothing_round_nothing() -> None:
    """A failed start, before one that began with nothing; and a finished run told again."""
    other = session(versions={"jax": "0.0.1"})
    rounding.require_same_bits({"sessions": [other, session(**{rounding.FRESH: True})]})
    rounding.require_same_bits({"sessions": [session(), other | {"throughput": {}}]})


def test_sessions_that_kept_no_instructions_are_taken_to_be_like_this_one() -> None:
    older = session()
    del older["instructions"]
    rounding.require_same_bits({"sessions": [older, session(instructions=["sparc"])]})


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
