"""The one impure loop: dispatches lanes, reads their traces one dispatch behind, writes records."""

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np

from lab.data.loading import DataArrays
from lab.errors import UsageError
from lab.records.parts import read_parts
from lab.records.schema import MEMBERS, curves_table, members_table
from lab.records.store import RunFolder
from lab.specs import DataSpec
from lab.training.checkpoints import Checkpoints
from lab.training.lanes import LaneProgram, Trace, make_lanes, replicated
from lab.training.planning import CohortPlan
from lab.training.progress import CohortProgress, Tally
from lab.training.resident import Resident, make_resident
from lab.words import Outcome

CHECKPOINT_SECONDS = 30.0

Watch = Callable[[tuple[CohortProgress, ...]], None]


def run(
    plans: Sequence[CohortPlan],
    data: Mapping[DataSpec, DataArrays],
    folder: RunFolder,
    watch: Watch,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Trains every member that the records lack, writing them to `folder` as they end.

    Cohorts take turns, dispatch by dispatch, so that all progress side by side. `watch` is called
    after each. An interrupted run goes on from the latest checkpoint of each cohort and comes to
    the same records.
    """
    recorded = {plan.cohort.name: _recorded(plan, folder) for plan in plans}
    open_plans = [plan for plan in plans if not recorded[plan.cohort.name].progress.done]
    residents = _residents(open_plans, data)
    with _memory_explained(), concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(
            pool.map(
                lambda plan: _CohortRun(
                    plan, residents[_place(plan)], folder, recorded[plan.cohort.name]
                ),
                open_plans,
            )
        )

    def report() -> None:
        watch(tuple(recorded[plan.cohort.name].progress for plan in plans))

    report()
    try:
        with _memory_explained():
            _take_turns(runs, checkpoint_seconds, report)
    except BaseException:
        for cohort_run in runs:
            with contextlib.suppress(UsageError):  # The first mistake is the one to tell.
                cohort_run.close()
        raise
    for cohort_run in runs:
        cohort_run.close()


def _place(plan: CohortPlan) -> tuple[DataSpec, tuple[jax.Device, ...]]:
    return plan.cohort.data, plan.devices


def _residents(
    plans: Sequence[CohortPlan], data: Mapping[DataSpec, DataArrays]
) -> dict[tuple[DataSpec, tuple[jax.Device, ...]], Resident]:
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
    runs: Sequence["_CohortRun"], checkpoint_seconds: float, report: Callable[[], None]
) -> None:
    fetched = saved = time.monotonic()
    while active := [one for one in runs if not one.done]:
        for cohort_run in active:
            cohort_run.dispatch()
            now = time.monotonic()
            if cohort_run.record_previous(now - fetched):
                report()
            fetched = time.monotonic()
        if fetched - saved >= checkpoint_seconds:
            for cohort_run in active:
                cohort_run.checkpoint()
            report()
            saved = fetched = time.monotonic()


def _recorded(plan: CohortPlan, folder: RunFolder) -> Tally:
    """What earlier sessions recorded."""
    members = read_parts(folder.paths.cohort(plan.cohort.name), "members", MEMBERS)
    tally = Tally(plan.cohort)
    tally.recall(
        members["member"].to_numpy(),
        [Outcome(value) for value in members["outcome"].to_pylist()],
        members["ended_evaluation"].to_numpy(),
    )
    return tally


class _CohortRun:
    """One cohort under way: lanes on the device, and the trace not yet read."""

    def __init__(self, plan: CohortPlan, data: Resident, folder: RunFolder, tally: Tally) -> None:
        """Compiles; goes on from the latest checkpoint where there is one."""
        self._cohort = plan.cohort
        self._folder = folder
        self._tally = tally
        program: LaneProgram = make_lanes(
            plan.member,
            plan.cohort,
            plan.lanes,
            plan.evaluations_per_dispatch,
            plan.devices,
        )
        self._data = data
        self._checkpoints = Checkpoints(folder.paths.checkpoints(plan.cohort.name))
        self._dispatches, self._lanes = self._checkpoints.restore(program) or (0, program.empty())
        self._advance = program.advance.lower(self._lanes, self._data).compile()
        self._pending: Trace | None = None
        self._previous: Trace | None = None

    @property
    def done(self) -> bool:
        return self._tally.progress.done

    def dispatch(self) -> None:
        """Starts the next dispatch and returns; the device works while the host records."""
        self._previous = self._pending
        self._lanes, self._pending = self._advance(self._lanes, self._data)
        self._dispatches += 1

    def record_previous(self, seconds: float) -> bool:
        """Waits for the dispatch before the latest and records it; False if there was none."""
        trace, self._previous = self._previous, None
        if trace is None:
            return False
        waited = time.monotonic()
        fetched: Trace = jax.device_get(trace)
        self._record(fetched, self._dispatches - 2, seconds + time.monotonic() - waited)
        return True

    def checkpoint(self) -> None:
        """Records all that was dispatched, then saves the lanes that follow from it."""
        if self._pending is not None:
            self._record(jax.device_get(self._pending), self._dispatches - 1, 0.0)
            self._pending = None
        self._checkpoints.save(self._dispatches, self._lanes)

    def close(self) -> None:
        self._checkpoints.close()

    def _record(self, trace: Trace, dispatch: int, seconds: float) -> None:
        info, active = trace.info, np.asarray(trace.active)
        if not active.any() and not self.done:
            raise UsageError(
                f"cohort {self._cohort.name!r} lacks records that its checkpoint takes for "
                f"written: delete {self._checkpoints.folder} to train those members again, or "
                "pass another --out"
            )
        ended = active & np.asarray(info.ended)
        outcomes = [
            _outcome(reached_K, diverged)
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


def _outcome(reached_K: np.ndarray, diverged: np.bool_) -> Outcome:
    if reached_K[-1]:
        return Outcome.REACHED
    return Outcome.DIVERGED if diverged else Outcome.EXHAUSTED
