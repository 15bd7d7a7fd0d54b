"""How far a study is, for the eye of whoever waits."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lab.specs import CohortSpec
from lab.training.lanes import Layout
from lab.words import Outcome


@dataclasses.dataclass(frozen=True)
class CohortProgress:
    """Members of one cohort by where they stand, and the evaluations of all of them so far.

    `lane_evaluations` are those that the device ran in this session, whether or not their lane
    held a member: a block runs whole or not at all.
    """

    name: str
    members: int
    running: int
    ended: Mapping[Outcome, int]
    evaluations: int
    evaluations_before: int
    lane_evaluations: int
    seconds: float
    data_seconds: float  # of these: what the devices waited for data that are streamed
    compile_seconds: float
    devices: int
    ended_here: int  # members that ended in this session
    budget_evaluations: int
    eval_every: int

    @property
    def waiting(self) -> int:
        """Members that no lane has taken yet."""
        return self.members - self.running - sum(self.ended.values())

    @property
    def done(self) -> bool:
        """Whether every member has ended."""
        return sum(self.ended.values()) == self.members

    @property
    def useful_fraction(self) -> float | None:
        """Member-steps that count over lane-steps run, in this session; None when nothing ran."""
        return self.evaluations / self.lane_evaluations if self.lane_evaluations else None

    @property
    def member_steps_per_second(self) -> float | None:
        """Member-steps that count over the seconds they took; None when nothing ran."""
        return self.evaluations * self.eval_every / self.seconds if self.seconds else None

    @property
    def device_seconds(self) -> float:
        """Of all its devices, in this session, without compilation."""
        return self.devices * self.seconds

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None before anything is known.

        Lives are taken as exponential: all evaluations spent, those of running members too, over
        the members that ended. Counting only those that ended would promise too early an end.
        """
        if self.done:
            return 0.0
        if not self.evaluations:
            return None
        ended = sum(self.ended.values())
        spent = self.evaluations_before + self.evaluations
        life: float = self.budget_evaluations
        if ended:
            life = min(spent / ended, life)
        left = max(self.members * life - spent, self.running)
        return left * self.seconds / self.evaluations


class Tally:
    """Counts one cohort's traces as they come in; a member seen twice counts once.

    Of N members it holds a byte each, and a few numbers.
    """

    def __init__(self, cohort: CohortSpec, layout: Layout, devices: int = 1) -> None:
        """Nothing has run."""
        self._cohort = cohort
        self._layout = layout
        self._devices = devices
        self._seen_N = np.zeros(cohort.members, np.bool_)
        self._ended: collections.Counter[Outcome] = collections.Counter()
        self._running = 0
        self._evaluations = 0
        self._evaluations_before = 0
        self._lane_evaluations = 0
        self._seconds = 0.0
        self._recalled = 0
        self.data_seconds = 0.0
        self.compile_seconds = 0.0

    def recall(
        self, member: np.ndarray, outcomes: Sequence[Outcome], evaluations: np.ndarray
    ) -> None:
        """Members that ended in an earlier session, and the evaluations each took."""
        self._count(member, outcomes)
        self._recalled = sum(self._ended.values())
        self._evaluations_before += int(evaluations.sum())

    def add(
        self,
        member: np.ndarray,
        outcomes: Sequence[Outcome],
        active: np.ndarray,
        ended: np.ndarray,
        seconds: float,
    ) -> None:
        """One dispatch: who ended and how; `active` and `ended` bool [E, L]; `seconds` it took."""
        self._count(member, outcomes)
        self._running = int((active[-1] & ~ended[-1]).sum())
        self._evaluations += int(active.sum())
        ran_ExB = active.reshape(len(active), self._layout.blocks, -1).any(axis=-1)
        self._lane_evaluations += int(ran_ExB.sum()) * self._layout.width
        self._seconds += seconds

    def _count(self, member: np.ndarray, outcomes: Sequence[Outcome]) -> None:
        for one, outcome in zip(member.tolist(), outcomes, strict=True):
            self._ended[outcome] += not self._seen_N[one]
            self._seen_N[one] = True

    def has_ended(self, members: int) -> bool:
        """Whether the first so many members have."""
        return bool(self._seen_N[:members].all())

    @property
    def progress(self) -> CohortProgress:
        """The counts so far."""
        return CohortProgress(
            name=self._cohort.name,
            members=self._cohort.members,
            running=self._running,
            ended=collections.Counter(self._ended),
            evaluations=self._evaluations,
            evaluations_before=self._evaluations_before,
            lane_evaluations=self._lane_evaluations,
            seconds=self._seconds,
            data_seconds=self.data_seconds,
            compile_seconds=self.compile_seconds,
            devices=self._devices,
            ended_here=sum(self._ended.values()) - self._recalled,
            budget_evaluations=self._cohort.evaluations,
            eval_every=self._cohort.eval_every,
        )
