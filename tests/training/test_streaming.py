"""Streamed members are the resident ones with one data order: to the bit, wherever data come from.

Most laws here are of members that descend the parabola of toys.py and note on the way what batches
they see. Sources are arrays in memory that count what is asked of them; tests/data has those on
disk.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import importlib.metadata
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from recorded import Facts, all_facts
from toys import (
    TWO_CLASSES,
    descent_cohort,
    descent_fate,
    descent_member,
    descent_plan,
    easy_images,
    mlp_cohort,
)

from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.randomness import Stream, batch_indices, member_key
from lab.records.store import RunFolder
from lab.specs import CohortSpec, SeedsSpec, StudySpec
from lab.training import replay as replay_module
from lab.training.lanes import Lanes, Layout, called_up, replicated
from lab.training.member import Member, MemberInfo, MemberState, make_member
from lab.training.observation import Value
from lab.training.planning import CohortPlan, plan_study
from lab.training.progress import CohortProgress
from lab.training.replay import replay
from lab.training.resident import Chunks, Examples, make_resident
from lab.training.roll import Roll, roll_of
from lab.training.rounding import BITS_DEPEND_ON
from lab.training.runner import Looks, run
from lab.training.streaming import WINDOW_BYTES, Feed, most_evaluations
from lab.words import Residence

ONE_ORDER = SeedsSpec(order=1)
DATA = easy_images()
MEMBERS = 11


class Counted:
    """A source in memory."""

    digest = "counted"

    def __init__(self, split: Split = DATA.train) -> None:
        self.split = split
        self.asked: list[int] = []
        self.broken_after = 10**9

    def __len__(self) -> int:
        return len(self.split.inputs)

    def read(self, indices: np.ndarray) -> Split:
        self.asked += indices.tolist()
        if len(self.asked) > self.broken_after:
            raise UsageError("the disk is gone: mend it")
        return Split(self.split.inputs[indices], self.split.targets[indices])


def streamed(data: DataArrays = DATA) -> DataArrays:
    few = Split(data.train.inputs[:2], data.train.targets[:2])
    return dataclasses.replace(data, train=few, source=Counted(data.train))


def on_stream(cohort: CohortSpec) -> CohortSpec:
    spec = dataclasses.replace(cohort.data, residence=Residence.STREAM)
    return dataclasses.replace(cohort, data=spec)


def reader(cohort: CohortSpec) -> Member:
    """A member of the parabola whose second metric tells one series of batches from another."""
    plain, draw = descent_member(cohort), make_member(cohort, TWO_CLASSES).draw

    def start(member: jax.Array, roll: Roll) -> MemberState:
        return plain.start(member, roll)._replace(model_state=jnp.zeros((), jnp.int32))

    def learn(state: MemberState, batch: Examples) -> MemberState:
        pixels = batch.inputs.astype(jnp.int32).ravel()
        seen = (pixels * (1 + jnp.arange(pixels.size, dtype=jnp.int32))).sum()
        return plain.learn(state, batch)._replace(
            model_state=state.model_state * 31 + seen + batch.targets.sum(dtype=jnp.int32)
        )

    def evaluate(state: MemberState, validation: Chunks) -> tuple[MemberState, MemberInfo]:
        state, info = plain.evaluate(state, validation)
        mark = (state.model_state % 1_000_003).astype(jnp.float32)
        return state, info._replace(metrics_M=info.metrics_M.at[1].set(mark))

    return plain._replace(start=start, draw=draw, learn=learn, evaluate=evaluate)


def reader_plan(
    layout: Layout, evaluations: int, devices: int = 1, stream: bool = True, **changes: Any
) -> CohortPlan:
    cohort = descent_cohort(members=MEMBERS, seeds=ONE_ORDER, **changes)
    cohort = on_stream(cohort) if stream else cohort
    plan = descent_plan(cohort, layout, evaluations, devices)
    return dataclasses.replace(plan, member=reader(cohort))


def go(
    folder: Path,
    plan: CohortPlan,
    data: DataArrays,
    seconds: float = 1e9,
    looks: Looks | None = None,
) -> CohortProgress:
    with RunFolder.open(folder, StudySpec("?", (plan.cohort,), ())) as opened:
        opened.write_environment(
            {
                "versions": {name: importlib.metadata.version(name) for name in BITS_DEPEND_ON},
                "devices": [str(jax.devices()[0])],
                "cohorts": {plan.cohort.name: plan.facts()},
            }
        )
        data_of = {plan.cohort.data: data}
        return run((plan,), data_of, opened, lambda _: None, seconds, looks=looks)[0]


def facts_of(folder: Path, plan: CohortPlan, data: DataArrays, **rest: Any) -> Facts:
    go(folder, plan, data, **rest)
    return all_facts(folder, (plan,))[0]


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    plan = reader_plan(Layout(1, 2), 3, stream=False)
    return facts_of(tmp_path_factory.mktemp("resident") / "run", plan, DATA)


def test_batches_are_told_apart(resident: Facts) -> None:
    """All members saw the same ones, no two evaluations after the same; else laws say little."""
    _, curves = resident
    marks: dict[int, set[float]] = {}
    for row in curves:
        marks.setdefault(row["evaluation"], set()).add(row["accuracy"])
    assert len(marks) == 20
    assert all(len(found) == 1 for found in marks.values())
    assert len(set.union(*marks.values())) == 20


LAYOUTS = {
    "as wide as the cohort": (Layout(1, 16), 7, 1),
    "three blocks": (Layout(3, 2), 1, 1),
    "two devices": (Layout(4, 2), 4, 2),
    "the whole budget in one dispatch": (Layout(2, 2), 20, 2),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_member_sees_the_same_batches_as_if_resident(
    tmp_path: Path, resident: Facts, name: str
) -> None:
    layout, evaluations, devices = LAYOUTS[name]
    if devices > jax.device_count():
        pytest.skip("one device here")
    plan = reader_plan(layout, evaluations, devices)
    assert facts_of(tmp_path / "run", plan, streamed()) == resident


def run_on_paper(cohort: CohortSpec, layout: Layout) -> int:
    """Lane evaluations of waves: a block runs until its slowest member of the wave has ended."""
    lives = [descent_fate(cohort, member).ended for member in range(cohort.members)]
    ran = 0
    for block in range(layout.blocks):
        queue = lives[block :: layout.blocks]
        waves = [queue[at : at + layout.width] for at in range(0, len(queue), layout.width)]
        ran += sum(max(wave) for wave in waves) * layout.width
    return ran


def test_members_come_in_waves_that_cost_what_paper_says(tmp_path: Path) -> None:
    plan = reader_plan(Layout(2, 2), 6)
    progress = go(tmp_path / "run", plan, streamed())
    assert progress.lane_evaluations == run_on_paper(plan.cohort, plan.layout)
    assert progress.useful_fraction is not None
    assert progress.useful_fraction < 0.9


class Interrupted(Exception):
    """What stands for a kill between two dispatches."""


@pytest.mark.parametrize(("stops", "seconds"), [((1, 4), 0.0), ((5,), 1e9)])
def test_an_interrupted_run_ends_in_the_same_records(
    tmp_path: Path,
    resident: Facts,
    monkeypatch: pytest.MonkeyPatch,
    stops: Sequence[int],
    seconds: float,
) -> None:
    """In the middle of a wave or at its end; with a checkpoint to go on from, or without."""
    append, left = RunFolder.append, [0]

    def count(folder: RunFolder, cohort: str, dispatch: int, *tables: pa.Table) -> None:
        if left[0] == 0:
            raise Interrupted
        left[0] -= 1
        append(folder, cohort, dispatch, *tables)

    monkeypatch.setattr(RunFolder, "append", count)
    plan = reader_plan(Layout(2, 2), 3)
    for left[0] in stops:
        with pytest.raises(Interrupted):
            go(tmp_path / "run", plan, streamed(), seconds)
    left[0] = 10**9
    assert facts_of(tmp_path / "run", plan, streamed(), seconds=seconds) == resident


def test_a_look_ends_the_run_between_two_waves(tmp_path: Path, resident: Facts) -> None:
    looks = Looks((4, MEMBERS), lambda look: look == 4)
    members, _ = facts_of(tmp_path / "run", reader_plan(Layout(1, 4), 2), streamed(), looks=looks)
    assert members == resident[0][:4]


def test_what_is_read_is_read_once_a_wave_and_no_more(tmp_path: Path) -> None:
    """Three waves of the whole budget in windows of 8 evaluations: the first window is kept."""
    plan, data = reader_plan(Layout(1, 4), 8), streamed()
    progress = go(tmp_path / "run", plan, data)
    assert progress.done
    assert isinstance(data.source, Counted)
    whole, first = 40 * 8, 16 * 8
    assert len(data.source.asked) <= 3 * whole - 2 * first + 16 * 8


def test_an_example_that_cannot_be_read_ends_the_run_in_a_line(tmp_path: Path) -> None:
    data = streamed()
    assert isinstance(data.source, Counted)
    data.source.broken_after = 100
    with pytest.raises(UsageError, match="mend it"):
        go(tmp_path / "run", reader_plan(Layout(1, 4), 2), data)


# The feed alone.


def feed_of(source: Counted, steps: int) -> Feed:
    cohort, devices = mlp_cohort(seeds=ONE_ORDER), jax.devices()[:1]
    held = jax.device_put(make_resident(streamed()), replicated(devices))
    return Feed(cohort, source, held, steps, devices)


def lanes_at(steps: Sequence[int], active: Sequence[bool]) -> Lanes:
    states = mlp_states._replace(step=jnp.array(steps, jnp.int32))
    roll = called_up(roll_of(mlp_cohort()), Layout(1, 1))
    return Lanes(states, jnp.array(active), jnp.zeros(1, jnp.int32), roll)


mlp_states = MemberState(*[None] * len(MemberState._fields))


def settled(feed: Feed) -> None:
    """Waits until what is read ahead is there."""
    if feed._ahead is not None:
        feed._ahead.window.result(timeout=60)


def test_the_next_window_is_read_while_this_one_is_used_and_none_beyond() -> None:
    """Budget 40, batches of 8: windows at 0, 16 and 32, of which the last holds 8 steps."""
    source = Counted()
    with contextlib.closing(feed_of(source, 16)) as feed:
        assert len(source.asked) == 16 * 8
        for first, read in ((0, 32), (16, 40), (32, 40)):
            window = feed.at(first).train
            settled(feed)
            assert len(source.asked) == read * 8
            assert int(window.first) == first
        # A new wave: the first window is kept, and only what follows it is read again.
        feed.at(0)
        settled(feed)
        assert len(source.asked) == 56 * 8
        # Another that ends within its first window: what is ahead is what will be needed.
        feed.at(0)
        settled(feed)
        assert len(source.asked) == 56 * 8


_indices = jax.jit(batch_indices, static_argnums=(2, 3))


def shared_batch(seed: int, step: int) -> np.ndarray:
    key = member_key(seed, Stream.ORDER, jnp.int32(0))
    return np.asarray(_indices(key, jnp.int32(step), 8, len(DATA.train.inputs)))


def test_a_window_holds_the_batches_of_the_shared_order() -> None:
    with contextlib.closing(feed_of(Counted(), 16)) as feed:
        window = feed.at(32).train
    for row in range(8):
        expected = shared_batch(mlp_cohort().seed, 32 + row)
        np.testing.assert_array_equal(window.indices[row], expected)
        np.testing.assert_array_equal(window.inputs[row], DATA.train.inputs[expected])
        np.testing.assert_array_equal(window.targets[row], DATA.train.targets[expected])
    assert not window.inputs[8:].any()


@pytest.mark.parametrize(
    ("steps", "active", "first"),
    [
        ([16, 16], [True, True], 16),
        ([16, 40], [True, False], 16),
        ([16, 16], [False, False], 0),
        ([0, 0], [False, False], 0),
    ],
)
def test_what_is_read_next_follows_from_the_lanes_alone(
    steps: list[int], active: list[bool], first: int
) -> None:
    """So that a run that goes on from a checkpoint does as the one that was never stopped."""
    with contextlib.closing(feed_of(Counted(), 16)) as feed:
        assert int(feed.take(lanes_at(steps, active)).train.first) == first


def test_waiting_for_data_is_counted() -> None:
    """Only what the devices waited: nothing where the next window has come in time."""
    source, may_read = Counted(), threading.Event()
    read = source.read

    def held_up(indices: np.ndarray) -> Split:
        may_read.wait(60)
        return read(indices)

    with contextlib.closing(feed_of(source, 16)) as feed:
        source.read = held_up  # type: ignore[method-assign]
        feed.at(0)
        threading.Timer(0.3, may_read.set).start()
        before = feed.waited
        feed.at(16)
        assert feed.waited - before > 0.2
        settled(feed)
        before = feed.waited
        feed.at(32)
        assert feed.waited - before < 0.2


def test_reading_ends_when_the_run_does() -> None:
    """Within a portion: nobody waits for a window that nobody wants."""
    source = Counted()
    feed, read, portions = feed_of(source, 40_000), source.read, threading.Semaphore(0)
    feed._cohort = dataclasses.replace(feed._cohort, budget_steps=400_000)

    def slowly(indices: np.ndarray) -> Split:
        assert portions.acquire(timeout=60)
        return read(indices)

    source.read = slowly  # type: ignore[method-assign]
    feed.at(0)
    ahead, before = feed._ahead, len(source.asked)
    assert ahead is not None
    feed.close()
    for _ in range(3):
        portions.release()
    with pytest.raises(concurrent.futures.CancelledError):
        ahead.window.result(timeout=60)
    assert len(source.asked) - before <= 2 * 1024


def test_a_dispatch_holds_what_memory_allows() -> None:
    cohort = on_stream(mlp_cohort(seeds=ONE_ORDER))  # 4 steps of 8 examples an evaluation.
    assert most_evaluations(cohort, DATA.train) == cohort.evaluations
    bytes_each = WINDOW_BYTES // (3 * 4 * 8) - 4
    large = Split(np.zeros((1, bytes_each), np.uint8), np.zeros(1, np.int32))
    assert most_evaluations(cohort, large) == 3
    too_large = Split(np.zeros((1, WINDOW_BYTES // (3 * 8) - 4), np.uint8), large.targets)
    with pytest.raises(UsageError, match="pass --eval_every=3"):
        most_evaluations(cohort, too_large)
    absurd = Split(np.zeros((1, WINDOW_BYTES), np.uint8), large.targets)
    with pytest.raises(UsageError, match="smaller --batch_size"):
        most_evaluations(cohort, absurd)


def test_streamed_data_want_one_order_for_all() -> None:
    for seeds in (SeedsSpec(), SeedsSpec(order=13)):
        with pytest.raises(UsageError, match="pass --cross=order:1"):
            on_stream(mlp_cohort(seeds=seeds))


# A network.


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], tuple[Path, CohortPlan]]:
    """Runs of the same members, resident or streamed, in blocks as wide but not as many."""
    root = tmp_path_factory.mktemp("networks")

    @functools.cache
    def once(stream: bool) -> tuple[Path, CohortPlan]:
        cohort = mlp_cohort(seeds=ONE_ORDER, members=7, budget_steps=24)
        cohort, data = (on_stream(cohort), streamed()) if stream else (cohort, DATA)
        study = StudySpec("?", (cohort,), ())
        (plan,) = plan_study(study, {cohort.data: data}, 4 if stream else 2, 2, {})
        plan = dataclasses.replace(plan, evaluations_per_dispatch=4, devices=plan.devices[:1])
        go(root / str(stream), plan, data)
        return root / str(stream), plan

    return once


def test_a_streamed_network_is_the_resident_one_to_the_bit(
    networks: Callable[[bool], tuple[Path, CohortPlan]],
) -> None:
    (there, one), (here, other) = networks(False), networks(True)
    assert all_facts(here, (other,)) == all_facts(there, (one,))


def test_a_streamed_member_comes_again(
    networks: Callable[[bool], tuple[Path, CohortPlan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the second wave, and what it saw at a step."""
    folder, plan = networks(True)
    monkeypatch.setattr(replay_module, "load", lambda *_: streamed())
    again = replay(folder, "mlp", 6, steps=(5,), values=(Value.BATCH,))
    assert again.difference is None
    assert again.agreeing == again.evaluations > 1
    expected = shared_batch(plan.cohort.seed, 5)
    np.testing.assert_array_equal(again.values["step-000005/batch"], expected)
