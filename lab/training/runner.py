"""The one impure loop: dispatches lanes, reads their traces one dispatch behind, writes records."""

import collections
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.records.parts import each_part
from lab.records.schema import MEMBERS, curves_table, members_table
from lab.records.store import RunFolder
from lab.specs import AnyDataSpec
from lab.training.checkpoints import Checkpoints, Warn
from lab.training.lanes import Lanes, Trace, make_lanes, replicated
from lab.training.member import outcome_of
from lab.training.planning import CohortPlan
from lab.training.progress import CohortProgress, Tally
from lab.training.resident import Resident, make_resident
from lab.training.tuning import Need, require_memory
from lab.words import Outcome

CHECKPOINT_SECONDS = 30.0
SECONDS_BETWEEN_LOOKS = 0.2
"""How soon a wish to stop is seen while a dispatch is under way."""

Watch = Callable[[tuple[CohortProgress, ...]], None]
Stop = contextlib.AbstractContextManager[Callable[[], bool]]
"""While it lasts, what it gives says whether the run was asked to stop."""


class Looks(NamedTuple):
    """Members that are added in turn: `settled(look)` says whether the first so many are enough."""

    at: tuple[int, ...]
    settled: Callable[[int], bool]


class Stopped(Exception):
    """The run was asked to stop, and has saved its lanes."""


def run(
    plans: Sequence[CohortPlan],
    data: Mapping[AnyDataSpec, DataArrays],
    folder: RunFolder,
    watch: Watch,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    *,
    stop: Stop | None = None,
    looks: Looks | None = None,
    warn: Warn = lambda line: None,
) -> tuple[CohortProgress, ...]:
    """Trains every member that the records lack, writing them to `folder` as they end.

    Cohorts take turns, dispatch by dispatch, so that all progress side by side. `watch` is called
    after each. An interrupted run goes on from the latest checkpoint of each cohort and comes to
    the same records. `stop` is entered once all is compiled; Stopped when it then says so. With
    `looks` it ends at the first that settles: one is taken once the first so many members of every
    cohort have ended, whoever else has. Members beyond it that are under way are left.
    """
    tallies = {plan.cohort.name: _recorded(plan, folder) for plan in plans}
    open_plans = [plan for plan in plans if not tallies[plan.cohort.name].progress.done]
    residents = _residents(open_plans, data)
    with _memory_explained(), concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(
            pool.map(
                lambda plan: _CohortRun(
                    plan, residents[_place(plan)], folder, tallies[plan.cohort.name]
                ),
                open_plans,
            )
        )
    require_memory([cohort_run.need for cohort_run in runs])

    def progress() -> tuple[CohortProgress, ...]:
        return tuple(tallies[plan.cohort.name].progress for plan in plans)

    try:
        with _memory_explained(), concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda cohort_run: cohort_run.start(warn), runs))
        watch(progress())
        with _memory_explained(), stop or contextlib.nullcontext(lambda: False) as asked:
            try:
                settled = _Settled(looks, list(tallies.values()))
                _take_turns(runs, checkpoint_seconds, asked, settled, lambda: watch(progress()))
            except Stopped:
                for cohort_run in runs:
                    cohort_run.checkpoint()
                for cohort_run in runs:
                    cohort_run.close()
                raise
    except BaseException:
        for cohort_run in runs:
            with contextlib.suppress(UsageError):  # The first mistake is the one to tell.
                cohort_run.close()
        raise
    for cohort_run in runs:
        cohort_run.close()
    return progress()


def all_done(plans: Sequence[CohortPlan], folder: RunFolder) -> bool:
    """Whether the records lack no member."""
    return all(_recorded(plan, folder).progress.done for plan in plans)


def _place(plan: CohortPlan) -> tuple[AnyDataSpec, tuple[jax.Device, ...]]:
    return plan.cohort.data, plan.devices


def _residents(
    plans: Sequence[CohortPlan], data: Mapping[AnyDataSpec, DataArrays]
) -> dict[tuple[AnyDataSpec, tuple[jax.Device, ...]], Resident]:
    """One copy of each data set on each group of devices, shared by the cohorts that read it."""
    places = {_place(plan) for plan in plans}
    return {
        (spec, devices): jax.device_put(make_resident(data[spec]), replicated(devices))
        for spec, devices in places
    }


@contextlib.contextmanager
def _memory_explained() -> Iterator[None]:
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"the device has too little memory ({reason}): pass fewer --lanes or smaller networks; "
            "what was recorded is kept"
        ) from error


def _take_turns(
    runs: Sequence["_CohortRun"],
    checkpoint_seconds: float,
    asked: Callable[[], bool],
    settled: Callable[[], bool],
    report: Callable[[], None],
) -> None:
    """Until all members have ended, or enough have; Stopped, at once, when that is asked."""
    fetched = saved = time.monotonic()
    waiting = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        while active := [one for one in runs if not one.done]:
            for cohort_run in active:
                trace = cohort_run.dispatch()
                if trace is not None:
                    arrived = _fetch(trace, waiting, asked)
                    now = time.monotonic()
                    cohort_run.record(arrived, now - fetched)
                    report()
                    if settled():
                        return
                    fetched = now
            if fetched - saved >= checkpoint_seconds:
                for cohort_run in active:
                    cohort_run.checkpoint()
                saved = time.monotonic()
    finally:
        waiting.shutdown(wait=False)


def _fetch(trace: Trace, waiting: concurrent.futures.Executor, asked: Callable[[], bool]) -> Trace:
    """Waits in another thread, for a wait inside JAX lets no signal through."""
    arriving = waiting.submit(jax.device_get, trace)
    while True:
        if asked():
            raise Stopped
        concurrent.futures.wait([arriving], SECONDS_BETWEEN_LOOKS)
        if arriving.done():
            return arriving.result()


def _recorded(plan: CohortPlan, folder: RunFolder) -> Tally:
    """What earlier sessions recorded."""
    tally = Tally(plan.cohort, plan.layout)
    for part in each_part(folder.paths.cohort(plan.cohort.name), "members", MEMBERS):
        tally.recall(
            part["member"].to_numpy(),
            [Outcome(value) for value in part["outcome"].to_pylist()],
            part["ended_evaluation"].to_numpy(),
        )
    return tally


class _Settled:
    """Takes each look once, in order, when it can be taken."""

    def __init__(self, looks: Looks | None, tallies: Sequence[Tally]) -> None:
        """Nothing has been looked at."""
        self._looks = looks
        self._ahead = list(looks.at) if looks else []
        self._tallies = tallies

    def __call__(self) -> bool:
        """Whether a look that can be taken by now settles the study."""
        while self._ahead and all(tally.has_ended(self._ahead[0]) for tally in self._tallies):
            look = self._ahead.pop(0)
            if self._looks is not None and self._looks.settled(look):
                return True
        return False


class _CohortRun:
    """One cohort under way: lanes on the device, and traces that are not yet read."""

    def __init__(self, plan: CohortPlan, data: Resident, folder: RunFolder, tally: Tally) -> None:
        """Compiles; `start` comes next, once all cohorts are known to fit."""
        self._cohort = plan.cohort
        self._folder = folder
        self._tally = tally
        self._program = make_lanes(
            plan.member,
            plan.cohort,
            plan.layout,
            plan.evaluations_per_dispatch,
            plan.devices,
            plan.compiler_options,
        )
        self._data = data
        compiled = self._program.compile(data)
        held = sum(leaf.nbytes for leaf in jax.tree.leaves(data))
        self.need = Need(plan.cohort, plan.layout, plan.devices, compiled.memory, held)
        self._advance = compiled.advance
        self._checkpoints: Checkpoints | None = None
        self._flying: collections.deque[tuple[Lanes, Trace]] = collections.deque()

    def start(self, warn: Warn) -> None:
        """Makes the lanes, or goes on from the latest checkpoint where there is one."""
        self._checkpoints = Checkpoints(self._folder.paths.checkpoints(self._cohort.name))
        # What follows from all that is recorded, and how many dispatches that is.
        self._dispatches, self._recorded = self._checkpoints.restore(self._program, warn) or (
            0,
            self._program.empty(),
        )
        self._latest = self._recorded

    @property
    def done(self) -> bool:
        return self._tally.progress.done

    def dispatch(self) -> Trace | None:
        """Starts the next dispatch; gives the one before it, which the device works at, if any."""
        self._latest, trace = self._advance(self._latest, self._data)
        self._flying.append((self._latest, trace))
        return self._flying[0][1] if len(self._flying) > 1 else None

    def record(self, trace: Trace, seconds: float) -> None:
        """Records what the oldest dispatch under way has brought, and `seconds` it took."""
        lanes, _ = self._flying.popleft()
        self._record(trace, self._dispatches, seconds)
        self._dispatches, self._recorded = self._dispatches + 1, lanes

    def checkpoint(self) -> None:
        """Saves the lanes that follow from what is recorded; the device works on meanwhile."""
        if self._checkpoints is not None and not self.done:
            self._checkpoints.save(self._dispatches, self._recorded)

    def close(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.close()

    def _record(self, trace: Trace, dispatch: int, seconds: float) -> None:
        info, active = trace.info, np.asarray(trace.active)
        if not active.any() and not self.done:
            checkpoints = self._folder.paths.checkpoints(self._cohort.name)
            raise UsageError(
                f"cohort {self._cohort.name!r} lacks records that its checkpoint takes for "
                f"written: delete {checkpoints} to train those members again, or "
                "pass another --out"
            )
        ended = active & np.asarray(info.ended)
        outcomes = [
            outcome_of(reached_K, diverged)
            for reached_K, diverged in zip(info.reached_K[ended], info.diverged[ended], strict=True)
        ]
        curves = curves_table(
            self._cohort,
            member=info.member[active],
            evaluation=info.evaluation[active],
            metrics={
                metric: info.metrics_M[active][:, index]
                for index, metric in enumerate(self._cohort.metrics)
            },
        )
        members = members_table(
            self._cohort,
            member=info.member[ended],
            outcome=outcomes,
            hit=info.hit_K[ended],
            reached=info.reached_K[ended],
            ended=info.evaluation[ended],
            diverged_at_step=info.diverged_at[ended],
        )
        self._folder.append(self._cohort.name, dispatch, members, curves)
        self._tally.add(np.asarray(info.member)[ended], outcomes, active, ended, seconds)
