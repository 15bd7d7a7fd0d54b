"""The one impure loop: dispatches lanes, reads their traces one dispatch behind, writes records."""

import concurrent.futures
import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import jax

from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.records.rows import member_parts
from lab.records.store import RunFolder
from lab.specs import AnyDataSpec
from lab.training.checkpoints import Warn
from lab.training.cohort_run import CohortRun
from lab.training.lanes import replicated
from lab.training.planning import CohortPlan
from lab.training.programs import Programs
from lab.training.progress import CohortProgress, Tally
from lab.training.resident import Resident, make_resident
from lab.training.tuning import require_memory
from lab.words import Outcome

CHECKPOINT_SECONDS = 30.0
SECONDS_BETWEEN_LOOKS = 0.2
"""How soon a wish to stop is seen while a dispatch is under way."""

T = TypeVar("T")
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
    residents, programs = _residents(open_plans, data), Programs()
    with memory_explained(), concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(
            pool.map(
                lambda plan: CohortRun(
                    plan,
                    residents[_place(plan)],
                    data[plan.cohort.data].source,
                    folder,
                    tallies[plan.cohort.name],
                    programs,
                ),
                open_plans,
            )
        )
    require_memory([cohort_run.need for cohort_run in runs])

    def progress() -> tuple[CohortProgress, ...]:
        return tuple(tallies[plan.cohort.name].progress for plan in plans)

    try:
        with memory_explained(), concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda cohort_run: cohort_run.start(warn), runs))
        watch(progress())
        with memory_explained(), stop or contextlib.nullcontext(lambda: False) as asked:
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
def memory_explained() -> Iterator[None]:
    """UsageError where a device has too little."""
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
    runs: Sequence[CohortRun],
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
                trace = cohort_run.dispatch(_waited(cohort_run.data, waiting, asked))
                if trace is not None:
                    arrived = _waited(functools.partial(jax.device_get, trace), waiting, asked)
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


def _waited(
    call: Callable[[], T], waiting: concurrent.futures.Executor, asked: Callable[[], bool]
) -> T:
    """Waits in another thread, for a wait inside JAX lets no signal through."""
    arriving = waiting.submit(call)
    while True:
        if asked():
            raise Stopped
        concurrent.futures.wait([arriving], SECONDS_BETWEEN_LOOKS)
        if arriving.done():
            return arriving.result()


def _recorded(plan: CohortPlan, folder: RunFolder) -> Tally:
    """What earlier sessions recorded."""
    tally = Tally(plan.cohort, plan.layout, len(plan.devices))
    for part in member_parts(folder.paths.cohort(plan.cohort.name), plan.cohort):
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
