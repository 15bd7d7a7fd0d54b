"""Lanes: as asked, as fits, as is fast."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.costs import StepCost, step_cost
from lab.errors import UsageError
from lab.specs import CohortSpec, MLPSpec, Varied
from lab.training import tuning
from lab.training.lanes import Layout
from lab.training.member import make_member
from lab.training.speeds import Speeds, measured_speed, program_digest
from lab.training.tuning import (
    Choice,
    Need,
    Reason,
    choose_layout,
    choose_width,
    divided,
    fastest,
    require_memory,
    width_by_rule,
)
from lab.words import Hyperparameter

DATA = easy_images()
SMALL = StepCost(flops=1e4, moved_bytes=1e5, state_bytes=1000)
LONG = mlp_cohort(members=10_000, budget_steps=100_000, eval_every=10)
HEAVY = SMALL._replace(flops=1e6)

on_two_cpu_devices = pytest.mark.skipif(
    jax.default_backend() != "cpu" or jax.device_count() != 2, reason="numbers are of two cores"
)


def chosen(lanes: int | None, width: int | None = None, cohort: CohortSpec | None = None) -> Choice:
    cohort = cohort or mlp_cohort(members=100)
    member = make_member(cohort, TWO_CLASSES)
    cost = step_cost(member, DATA.train, cohort.batch_size)
    return choose_layout(member, cohort, DATA, cost, lanes, width, None, {})


@on_two_cpu_devices
@pytest.mark.parametrize(
    ("lanes", "width", "members", "layout", "reason"),
    [
        (None, None, 100, Layout(2, 16), Reason.RULE),
        (None, None, 13, Layout(2, 4), Reason.RULE),
        (None, None, 1, Layout(1, 1), Reason.RULE),
        (64, None, 100, Layout(4, 16), Reason.RULE),
        (6, None, 100, Layout(2, 3), Reason.RULE),
        (5, None, 100, Layout(1, 5), Reason.RULE),
        (None, 4, 100, Layout(2, 4), Reason.ASKED),
        (None, 16, 20, Layout(1, 16), Reason.ASKED),
        (None, 16, 3, Layout(1, 16), Reason.ASKED),
        (8, 2, 3, Layout(4, 2), Reason.ASKED),
    ],
)
def test_layouts(
    lanes: int | None, width: int | None, members: int, layout: Layout, reason: Reason
) -> None:
    assert chosen(lanes, width, mlp_cohort(members=members)) == Choice(layout, reason)


def test_the_opening_line_says_why() -> None:
    assert str(Choice(Layout(4, 4), Reason.RULE)) == "lanes 16 in blocks of 4, by rule"


@given(st.integers(1, 3000), st.integers(1, 40))
def test_asked_lanes_are_all_there(lanes: int, widest: int) -> None:
    layout = divided(lanes, widest)
    assert layout.lanes == lanes
    assert layout.width <= widest


@pytest.mark.parametrize(
    ("lanes", "width", "line"),
    [
        (0, None, "lanes is 0.*--lanes=auto"),
        (-4, None, "lanes is -4"),
        (None, 0, "lane_width is 0.*--lane_width=auto"),
        (9, 2, "lanes is 9 and lane_width 2.*--lanes=10"),
    ],
)
def test_impossible_lanes_are_refused(lanes: int | None, width: int | None, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        chosen(lanes, width)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda free: monkeypatch.setattr(tuning, "available_bytes", lambda _: free)


def test_lanes_that_do_not_fit_are_refused_from_shapes_alone(memory: Callable[[int], None]) -> None:
    memory(2**30)
    with pytest.raises(UsageError, match=r"1000000000 lanes.*GiB.*--lanes=\d+$") as refusal:
        chosen(10**9)
    fitting = int(str(refusal.value).rpartition("=")[2])
    assert chosen(fitting).layout.lanes == fitting
    with pytest.raises(UsageError):
        chosen(fitting + 1)


def test_a_network_too_large_for_one_lane_is_refused(memory: Callable[[int], None]) -> None:
    memory(2**40)
    with pytest.raises(UsageError, match=r"one lane.*not one lane fits.*smaller networks"):
        chosen(None, cohort=mlp_cohort(model=MLPSpec(1_000_000, 2)))


@on_two_cpu_devices
def test_auto_takes_no_more_than_fits(memory: Callable[[int], None]) -> None:
    cost = step_cost(make_member(mlp_cohort(), TWO_CLASSES), DATA.train, mlp_cohort().batch_size)
    memory(int(6 * (cost.moved_bytes / tuning.WORKING_SHARE + 4 * cost.state_bytes)))
    assert chosen(None).layout == Layout(2, 2)
    memory(2 * cost.state_bytes)
    assert chosen(None).layout == Layout(2, 1)


def stats(arguments: int, outputs: int, working: int) -> Any:
    return SimpleNamespace(
        argument_size_in_bytes=arguments,
        output_size_in_bytes=outputs,
        alias_size_in_bytes=0,
        temp_size_in_bytes=working,
        generated_code_size_in_bytes=0,
    )


def test_a_compiled_program_that_fits_passes(memory: Callable[[int], None]) -> None:
    memory(1000)
    devices = jax.devices()[:1]
    require_memory([Need(mlp_cohort(), Layout(4, 2), devices, stats(500, 400, 200), 100)])
    require_memory([Need(mlp_cohort(), Layout(4, 2), devices, None, 0)])
    require_memory([])


@pytest.mark.parametrize(
    ("layout", "free", "remedy"),
    [
        # Beside the data work 100 whatever the blocks, and 100 a lane, read and written.
        (Layout(4, 2), 700, "--lanes=6"),
        (Layout(4, 2), 520, "--lanes=4"),
        # Less than a block as wide: then all shrinks with the lanes.
        (Layout(4, 2), 250, "--lanes=2"),
        (Layout(4, 2), 90, "smaller networks"),
    ],
)
def test_a_compiled_program_that_does_not_fit_says_what_would(
    memory: Callable[[int], None], layout: Layout, free: int, remedy: str
) -> None:
    memory(free)
    program = stats(100 + 50 * layout.lanes, 50 * layout.lanes, 100)
    with pytest.raises(UsageError, match=rf"{layout.lanes} lanes of cohort 'mlp'.*{remedy}"):
        require_memory([Need(mlp_cohort(), layout, jax.devices()[:1], program, 100)])


def test_cohorts_that_fit_one_by_one_must_fit_together(memory: Callable[[int], None]) -> None:
    memory(1300)
    program = stats(100 + 50 * 8, 50 * 8, 100)  # 900 beside the data.
    needs = [
        Need(mlp_cohort(name=name), Layout(4, 2), jax.devices()[:1], program, 100)
        for name in ("one", "two")
    ]
    for need in needs:
        require_memory([need])
    with pytest.raises(UsageError, match=r"'one', 'two'.*--lanes=4$"):
        require_memory(needs)


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_devices_of_a_cpu_share_one_memory(memory: Callable[[int], None]) -> None:
    on_cpu = jax.default_backend() == "cpu"
    memory(1000)
    need = Need(mlp_cohort(), Layout(8, 1), jax.devices()[:2], stats(400, 400, 100), 0)
    if not on_cpu:
        require_memory([need])
        return
    with pytest.raises(UsageError, match=r"--lanes=4$"):
        require_memory([need])


def test_small_members_are_widened_and_large_ones_are_not() -> None:
    widths = [
        width_by_rule(SMALL._replace(moved_bytes=moved), 1000, "cpu")
        for moved in (2e5, 6e6, 2e7, 6e7, 3e8, 1e12)
    ]
    assert widths == [16, 16, 4, 2, 1, 1]
    assert width_by_rule(SMALL, 700, "gpu") == 512


def test_speeds_that_tie() -> None:
    speeds = {1: 90.0, 2: 96.0, 4: 100.0, 8: 99.0, 16: 80.0}
    assert fastest(speeds, "cpu") == 2
    assert fastest(speeds, "gpu") == 8


class Timer:
    """Speeds on paper, and which widths were asked for."""

    def __init__(self, best: int) -> None:
        self.best = best
        self.asked: list[int] = []

    def __call__(self, width: int) -> float:
        self.asked.append(width)
        return 100.0 if width == self.best else 50.0


on_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="widths are a CPU's")


@on_cpu
def test_it_is_measured_once_where_that_pays_and_remembered(tmp_path: Path) -> None:
    file, timer = tmp_path / "widths.json", Timer(8)
    first = choose_width(LONG, HEAVY, 100, Speeds(file, "program"), timer)
    assert first == (8, Reason.MEASURED)
    assert timer.asked == [1, 2, 4, 8, 16, 32]
    again = choose_width(LONG, HEAVY, 100, Speeds(file, "program"), timer)
    assert again == (8, Reason.REMEMBERED)
    assert len(timer.asked) == 6
    narrow = choose_width(mlp_cohort(), SMALL, 4, Speeds(file, "program"), timer)
    assert narrow == (1, Reason.REMEMBERED)
    other = choose_width(LONG, HEAVY, 100, Speeds(file, "another"), timer)
    assert other == (8, Reason.MEASURED)
    assert Speeds(file, "program").recall()[8] == 100.0


@on_cpu
def test_a_width_that_no_memory_is_left_for_is_passed_over(tmp_path: Path) -> None:
    def measure(width: int) -> float:
        if width > most:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return float(width)

    most, speeds = 4, Speeds(tmp_path / "widths.json", "program")
    assert choose_width(LONG, HEAVY, 100, speeds, measure) == (4, Reason.MEASURED)
    assert set(speeds.recall()) == {1, 2, 4}
    most = 0
    none = Speeds(None, "program")
    assert choose_width(LONG, HEAVY, 100, none, measure) == (1, Reason.RULE)


@on_cpu
def test_only_what_is_not_known_is_measured(tmp_path: Path) -> None:
    speeds, timer = Speeds(tmp_path / "widths.json", "program"), Timer(2)
    assert choose_width(LONG, HEAVY, 4, speeds, timer) == (2, Reason.MEASURED)
    assert choose_width(LONG, HEAVY, 100, speeds, timer) == (2, Reason.MEASURED)
    assert timer.asked == [1, 2, 4, 8, 16, 32]


@on_cpu
def test_a_short_study_is_not_held_up_by_measuring(tmp_path: Path) -> None:
    timer = Timer(8)
    chosen = choose_width(mlp_cohort(), SMALL, 100, Speeds(tmp_path / "w", "p"), timer)
    assert chosen == (16, Reason.RULE)
    assert timer.asked == []


@on_cpu
@pytest.mark.parametrize("text", ["", "[]", '{"program": 3}', '{"program": {"x": 1}}'])
def test_a_spoilt_file_is_measured_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "widths.json"
    file.write_text(text)
    assert choose_width(LONG, HEAVY, 100, Speeds(file, "program"), Timer(4))[0] == 4
    assert Speeds(file, "program").recall()[4] == 100.0


def test_a_file_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    Speeds(tmp_path / "file" / "widths.json", "program").keep({1: 1.0})
    Speeds(None, "program").keep({1: 1.0})
    assert Speeds(None, "program").recall() == {}


def test_a_program_is_known_by_what_its_speed_depends_on() -> None:
    plain = program_digest(mlp_cohort(), DATA, {}, {}, SMALL)
    same = mlp_cohort(name="x", members=500, seed=9, budget_steps=80)
    assert program_digest(same, DATA, {}, {}, SMALL) == plain
    assert program_digest(mlp_cohort(batch_size=16), DATA, {}, {}, SMALL) != plain
    assert program_digest(mlp_cohort(model=MLPSpec(16, 1)), DATA, {}, {}, SMALL) != plain
    rates = mlp_cohort(vary=(Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.2)),))
    assert program_digest(rates, DATA, {}, {}, SMALL) != plain
    assert program_digest(mlp_cohort(), DATA, {"xla_option": "1"}, {}, SMALL) != plain
    assert program_digest(mlp_cohort(), DATA, {}, {"dense": "dot"}, SMALL) != plain
    # A user's class that was written anew has the path that it had.
    dearer = SMALL._replace(flops=2e4)
    assert program_digest(mlp_cohort(), DATA, {}, {}, dearer) != plain


def test_a_width_is_measured_on_the_member_itself() -> None:
    cohort = mlp_cohort()
    speed = measured_speed(make_member(cohort, TWO_CLASSES), DATA, {}, 2, seconds=0.02)
    assert 10 < speed < 1e8
