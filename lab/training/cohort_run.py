"""One cohort under way: lanes on the device, and traces that are not yet read."""

import collections
import time
from typing import Any

import jax
import numpy as np

from lab.data.arrays import Source
from lab.errors import UsageError
from lab.records.schema import curves_table, members_table
from lab.records.store import RunFolder
from lab.training.checkpoints import Checkpoints, Warn
from lab.training.lanes import Lanes, Trace, make_lanes
from lab.training.member import outcome_of
from lab.training.planning import CohortPlan
from lab.training.programs import Programs
from lab.training.progress import Tally
from lab.training.resident import Resident
from lab.training.streaming import Feed
from lab.training.tuning import Need


class CohortRun:
    """Its state, from compiling to the last record."""

    def __init__(
        self,
        plan: CohortPlan,
        data: Resident,
        source: Source | None,
        folder: RunFolder,
        tally: Tally,
        programs: Programs,
    ) -> None:
        """Compiles, but for `programs`; `start` comes next, once all cohorts are known to fit.

        `data` is all that is read, or with a `source` all but the training split.
        """
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
            programs,
        )
        self._data = data
        self._feed: Feed | None = None
        ahead = 0
        if source is not None:
            steps = plan.evaluations_per_dispatch * plan.cohort.eval_every
            self._feed = Feed(plan.cohort, source, data, steps, plan.devices)
            self._data = self._feed.at(0)
            ahead = 2 * _bytes(self._data.train)
        started = time.monotonic()
        compiled = self._program.compile(self._data)
        tally.compile_seconds = time.monotonic() - started
        held = _bytes(self._data)
        self.need = Need(plan.cohort, plan.layout, plan.devices, compiled.memory, held, ahead)
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
        """Whether every member has ended."""
        return self._tally.progress.done

    def data(self) -> Resident:
        """What the next dispatch reads; where it is streamed, this waits for the one before."""
        if self._feed is None:
            return self._data
        data = self._feed.take(self._latest)
        self._tally.data_seconds = self._feed.waited
        return data

    def dispatch(self, data: Resident) -> Trace | None:
        """Starts the next dispatch; gives the one before it, which the device works at, if any."""
        self._latest, trace = self._advance(self._latest, data)
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
        """Waits for what is being written; nothing is read any more."""
        if self._feed is not None:
            self._feed.close()
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


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
