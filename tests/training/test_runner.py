"""The loop that records: interrupted or not, in any order, the same facts.

Members descend a parabola (toys.py), so that every row of the records is known on paper.
"""

import logging
import re
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pytest
from recorded import LAYOUT, MEMBERS_OF_TWO, Facts, all_facts, go, two_plans
from toys import descent_cohort, descent_fate, descent_plan

from lab.errors import UsageError
from lab.records.parts import RecordConflict
from lab.records.reader import read_cohort
from lab.records.store import RunFolder
from lab.specs import StudySpec
from lab.training import cohort_run, runner, tuning
from lab.training.checkpoints import Checkpoints
from lab.training.lanes import Layout
from lab.training.member import outcome_of
from lab.training.planning import CohortPlan
from lab.training.progress import CohortProgress
from lab.words import Metric, Outcome


class Interrupted(Exception):
    """What stands for Ctrl-C, raised between two dispatches."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[Facts]:
    folder, plans = tmp_path_factory.mktemp("runs") / "whole", two_plans()
    go(folder, plans)
    return all_facts(folder, plans)


def test_the_records_say_what_paper_says(uninterrupted: list[Facts]) -> None:
    for plan, (members, curves) in zip(two_plans(), uninterrupted, strict=True):
        cohort = plan.cohort
        assert [row["member"] for row in members] == list(range(cohort.members))
        for row in members:
            fate = descent_fate(cohort, int(str(row["member"])))
            assert row["outcome"] == fate.outcome.value
            assert row["hit_evaluation"] == list(fate.hits)
            every = cohort.eval_every
            assert row["hit_step"] == [hit and hit * every for hit in fate.hits]
            assert row["ended_evaluation"] == fate.ended
            assert row["ended_step"] == fate.ended * every
            assert row["diverged_at_step"] == fate.diverged_at
            assert row["seed"] == cohort.seed
        assert {row["outcome"] for row in members} >= {"reached", "diverged"}
        seen = [(row["member"], row["evaluation"]) for row in curves]
        assert len(set(seen)) == len(seen)


def test_the_reader_agrees(tmp_path: Path) -> None:
    go(tmp_path / "run", two_plans())
    cohort = two_plans()[0].cohort
    records = read_cohort(tmp_path / "run", cohort.name)
    fates = [descent_fate(cohort, member) for member in range(cohort.members)]
    assert records.outcome == tuple(fate.outcome for fate in fates)
    assert records.ended.tolist() == [fate.ended for fate in fates]
    first = records.curves.metrics[Metric.LOSS][records.curves.member == 1]
    rate = 0.11
    expected = [(1 - rate) ** (2 * cohort.eval_every * (e + 1)) / 2 for e in range(len(first))]
    assert first == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("evaluations", "checkpoint_seconds"), [(1, 1e9), (7, 0.0)])
def test_records_do_not_depend_on_how_they_were_taken(
    tmp_path: Path, uninterrupted: list[Facts], evaluations: int, checkpoint_seconds: float
) -> None:
    plans = two_plans(evaluations)
    go(tmp_path / "run", plans, checkpoint_seconds=checkpoint_seconds)
    assert all_facts(tmp_path / "run", plans) == uninterrupted


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[tuple[str, int]]]:
    """Interrupts the run once so many parts are recorded; the list names those since then."""
    append, recorded, most = RunFolder.append, [], [10**9]

    def count(folder: RunFolder, cohort: str, dispatch: int, *tables: pa.Table) -> None:
        if len(recorded) == most[0]:
            raise Interrupted
        append(folder, cohort, dispatch, *tables)
        recorded.append((cohort, dispatch))

    def start(parts: int) -> list[tuple[str, int]]:
        recorded.clear()
        most[0] = parts
        return recorded

    monkeypatch.setattr(RunFolder, "append", count)
    return start


@pytest.mark.parametrize(
    ("stops", "checkpoint_seconds"), [((0, 5), 1e9), ((1, 4, 2), 0.0), ((7,), 0.0)]
)
def test_an_interrupted_run_ends_in_the_same_records(
    tmp_path: Path,
    uninterrupted: list[Facts],
    stop_after: Callable[[int], list[tuple[str, int]]],
    stops: tuple[int, ...],
    checkpoint_seconds: float,
) -> None:
    """Stopped once or again and again, with and without a checkpoint to go on from."""
    plans = two_plans(evaluations=2)
    for parts in stops:
        stop_after(parts)
        with pytest.raises(Interrupted):
            go(tmp_path / "run", plans, checkpoint_seconds=checkpoint_seconds)
    recorded = stop_after(10**9)
    go(tmp_path / "run", plans, checkpoint_seconds=checkpoint_seconds)
    assert all_facts(tmp_path / "run", plans) == uninterrupted
    first = min(dispatch for _, dispatch in recorded)
    assert first == 0 if checkpoint_seconds else first >= 1


def test_progress_is_reported_to_the_end_when_a_checkpoint_records_it(tmp_path: Path) -> None:
    """The last dispatch may be recorded by a checkpoint; whoever waits must still be told."""
    seen: list[tuple[CohortProgress, ...]] = []
    go(tmp_path / "run", two_plans(), seen.append, checkpoint_seconds=0.0)
    assert [cohort.done for cohort in seen[-1]] == [True, True]


def test_a_finished_run_computes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans, seen = two_plans(), []
    go(tmp_path / "run", plans)
    before = {file: file.read_bytes() for file in (tmp_path / "run/cohorts").rglob("*.parquet")}
    monkeypatch.setattr(cohort_run, "make_lanes", lambda *_: pytest.fail("compiled again"))
    go(tmp_path / "run", plans, seen.append)
    assert {file: file.read_bytes() for file in before} == before
    assert [cohort.done for cohort in seen[-1]] == [True, True]
    assert sum(seen[-1][0].ended.values()) == MEMBERS_OF_TWO[0]


def test_it_is_known_beforehand_whether_a_run_is_done(tmp_path: Path) -> None:
    plans = two_plans()
    study = StudySpec("?", tuple(plan.cohort for plan in plans), ())
    with RunFolder.open(tmp_path / "run", study) as folder:
        assert not runner.all_done(plans, folder)
    go(tmp_path / "run", plans)
    with RunFolder.open(tmp_path / "run", study) as folder:
        assert runner.all_done(plans, folder)


def test_cohorts_must_fit_together_before_any_lanes_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "available_bytes", lambda _: 1)
    with pytest.raises(UsageError, match=r"cohorts 'one', 'two'"):
        go(tmp_path / "run", two_plans())
    assert not list(tmp_path.glob("run/cohorts/*/*"))


def test_a_cohort_that_cannot_begin_leaves_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, close, restore = [], Checkpoints.close, Checkpoints.restore

    def fails(checkpoints: Checkpoints, *rest: Any) -> Any:
        if checkpoints.folder.parent.name == "two":
            raise Interrupted
        return restore(checkpoints, *rest)

    def noted(checkpoints: Checkpoints) -> None:
        closed.append(checkpoints.folder.parent.name)
        close(checkpoints)

    monkeypatch.setattr(Checkpoints, "restore", fails)
    monkeypatch.setattr(Checkpoints, "close", noted)
    with pytest.raises(Interrupted):
        go(tmp_path / "run", two_plans())
    assert sorted(closed) == ["one", "two"]


def test_progress_is_live_and_adds_up(tmp_path: Path) -> None:
    """Both cohorts advance side by side, and everyone is somewhere at all times."""
    seen: list[tuple[CohortProgress, ...]] = []
    go(tmp_path / "run", two_plans(evaluations=1), seen.append)
    for cohorts in seen:
        for cohort in cohorts:
            assert cohort.waiting >= 0
            assert cohort.running + cohort.waiting + sum(cohort.ended.values()) == cohort.members
    running = [tuple(cohort.running > 0 for cohort in cohorts) for cohorts in seen]
    assert (True, True) in running
    assert seen[0][0].waiting == MEMBERS_OF_TWO[0]
    assert all(cohort.done and cohort.seconds_left == 0 for cohort in seen[-1])
    for one in range(2):
        done = [sum(cohorts[one].ended.values()) for cohorts in seen]
        assert done == sorted(done)
        assert len(set(done)) > 2


@pytest.mark.parametrize(
    ("layout", "members", "least"),
    [(Layout(4, 2), 128, 0.95), (Layout(2, 4), 160, 0.95), (Layout(1, 4), 9, 0.0)],
)
def test_the_useful_fraction_is_that_of_paper(
    tmp_path: Path, layout: Layout, members: int, least: float
) -> None:
    """Only the drain is wasted: where there are 16 members a lane, or 20 in blocks as wide as 4.

    Lives on the parabola are from 2 to 20 evaluations, more uneven than those of networks.
    """
    cohort = descent_cohort(members=members)
    lives = [descent_fate(cohort, member).ended for member in range(members)]
    ran = 0
    for block in range(layout.blocks):
        free_at = [0] * layout.width
        for life in lives[block :: layout.blocks]:
            free_at[free_at.index(min(free_at))] += life
        ran += max(free_at) * layout.width
    (progress,) = go(tmp_path / "run", [descent_plan(cohort, layout, 3)])
    assert progress.lane_evaluations == ran
    assert progress.useful_fraction == sum(lives) / ran
    assert progress.useful_fraction >= least
    (again,) = go(tmp_path / "run", [descent_plan(cohort, layout, 3)])
    assert again.useful_fraction is None


def test_what_the_host_holds_does_not_grow_with_members(tmp_path: Path) -> None:
    """Beyond a byte each, and the names of part files: ten times the members, as much memory.

    The least of two runs, since what other threads of the process take comes on top.
    """
    peaks: dict[int, list[int]] = {300: [], 3000: []}
    for members in (300, 300, 3000, 3000):  # The first fills caches.
        plans = [descent_plan(descent_cohort(members=members), LAYOUT, 40)]
        tracemalloc.start()
        go(tmp_path / f"{members}-{len(peaks[members])}", plans)
        peaks[members].append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks[3000]) < 1.5 * min(peaks[300])


COMPILED = re.compile(r"Finished XLA compilation of jit\((\w+)\)")


def compilations(caplog: pytest.LogCaptureFixture, folder: Path, plans: Sequence[CohortPlan]):
    """How often each program was compiled by XLA in a run."""
    caplog.clear()
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, logger="jax"):
        go(folder, plans)
    found = [COMPILED.search(record.getMessage()) for record in caplog.records]
    return sorted(match[1] for match in found if match)


def test_a_cohort_compiles_once_however_many_its_members(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compilations(caplog, tmp_path / "warm", two_plans())
    for members in (3, 200):
        plans = [descent_plan(descent_cohort(members=members), LAYOUT, 2)]
        assert compilations(caplog, tmp_path / str(members), plans) == ["empty", "shard"]
    # Both cohorts have one program; one that is evaluated otherwise has its own.
    both = compilations(caplog, tmp_path / "both", two_plans())
    assert both == ["empty"] * 2 + ["shard"]
    other = descent_plan(descent_cohort(name="other", eval_every=4), LAYOUT, 2)
    three = compilations(caplog, tmp_path / "three", [*two_plans(), other])
    assert three == ["empty"] * 3 + ["shard"] * 2


def test_only_a_lost_member_is_computed_again(tmp_path: Path, uninterrupted: list[Facts]) -> None:
    """With the last part files and every checkpoint gone, the run starts over and agrees."""
    plans = two_plans()
    go(tmp_path / "run", plans)
    parts = sorted((tmp_path / "run/cohorts/one").glob("*.parquet"))
    for file in parts[-1:]:
        file.unlink()
    go(tmp_path / "run", plans)
    assert all_facts(tmp_path / "run", plans) == uninterrupted


def test_lost_records_end_the_run(tmp_path: Path) -> None:
    """With a part file gone that the checkpoint is past, no dispatch can ever bring its members."""
    plans = [descent_plan(descent_cohort(members=9), LAYOUT, 2)]
    go(tmp_path / "run", plans, checkpoint_seconds=0.0)
    sorted((tmp_path / "run/cohorts/descent").glob("members-*.parquet"))[1].unlink()
    with pytest.raises((UsageError, RecordConflict), match="descent"):
        go(tmp_path / "run", plans)


def test_outcomes_have_an_order_of_precedence() -> None:
    """Reached before diverged before exhausted: what is reached stays so."""
    cases = {
        ((True, True), False): Outcome.REACHED,
        ((True, True), True): Outcome.REACHED,
        ((True, False), True): Outcome.DIVERGED,
        ((True, False), False): Outcome.EXHAUSTED,
        ((False, False), False): Outcome.EXHAUSTED,
    }
    for (reached, diverged), outcome in cases.items():
        assert outcome_of(np.array(reached), np.bool_(diverged)) is outcome
