"""How far a study is, for the eye of whoever waits."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lab.specs import CohortSpec
from lab.words import Outcome


@dataclasses.dataclass(frozen=True)
class CohortProgress:
    """Members of one cohort by where they stand, and the evaluations of all of them so far."""

    name: str
    members: int
    running: int
    ended: Mapping[Outcome, int]
    evaluations: int
    evaluations_before: int
    seconds: float
    budget_evaluations: int

    @property
    def waiting(self) -> int:
        """Members that no lane has taken yet."""
        return self.members - self.running - sum(self.ended.values())

    @property
    def done(self) -> bool:
        """Whether every member has ended."""
        return sum(self.ended.values()) == self.members

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
    """Counts one cohort's traces as they come in; a member seen twice counts once."""

    def __init__(self, cohort: CohortSpec) -> None:
        """Nothing has run."""
        self._cohort = cohort
        self._outcomes: dict[int, Outcome] = {}
        self._running = 0
        self._evaluations = 0
        self._evaluations_before = 0
        self._seconds = 0.0

    def recall(
        self, member: np.ndarray, outcomes: Sequence[Outcome], evaluations: np.ndarray
    ) -> None:
        """Members that ended in an earlier session, and the evaluations each took."""
        self._outcomes.update(zip(member.tolist(), outcomes, strict=True))
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
        self._outcomes.update(zip(member.tolist(), outcomes, strict=True))
        self._running = int((active[-1] & ~ended[-1]).sum())
        self._evaluations += int(active.sum())
        self._seconds += seconds

    @property
    def progress(self) -> CohortProgress:
        """The counts so far."""
        return CohortProgress(
            name=self._cohort.name,
            members=self._cohort.members,
            running=self._running,
            ended=collections.Counter(self._outcomes.values()),
            evaluations=self._evaluations,
            evaluations_before=self._evaluations_before,
            seconds=self._seconds,
            budget_evaluations=self._cohort.evaluations,
        )
