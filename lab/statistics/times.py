"""Convergence times of one cohort: integer evaluations first, clock units last."""

import dataclasses
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Self

import numpy as np
import numpy.typing as npt

from lab.statistics.intervals import Floats

Integers = npt.NDArray[np.int64]
SOONEST = 0.01
"""The time, in steps, of a hit that no evaluation precedes, where times are taken as early as can
be: above 0, since ratios of such times are formed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Times:
    """Hits of N members, by evaluations.

    `evaluation[i]` counts from 1 and means something only where `reached[i]`: the target was hit
    after evaluation - 1 and not later than evaluation. A member that diverged or spent its budget
    has not reached and stays in the risk set to the end (STATISTICS, section 0, rule 2). `last` is
    the last evaluation at which a success can start: the budget's, less sustain - 1 (rule 5).
    `followed[i]` is the last one up to which a member that has not reached is known not to have,
    and for one that is `gone`, as it diverged, the one at which that was seen: it never will. None:
    all were followed to `last`, and nobody needs to know who is gone (section 7, 1).
    """

    evaluation: Integers
    reached: npt.NDArray[np.bool_]
    last: int
    followed: Integers | None = None
    gone: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        hits = self.evaluation[self.reached]
        if self.evaluation.shape != self.reached.shape or self.evaluation.ndim != 1:
            raise ValueError("evaluation and reached must be two vectors of one length")
        if self.last < 1 or (hits.size and not 1 <= hits.min() <= hits.max() <= self.last):
            raise ValueError(f"a hit lies outside evaluations 1 to {self.last}")
        if any(
            one is not None and one.shape != self.reached.shape
            for one in (self.followed, self.gone)
        ):
            raise ValueError("followed and gone must have an entry a member, as evaluation has")

    @classmethod
    def of(cls, evaluations: Iterable[int | None], last: int) -> Self:
        """From one evaluation a member, None where the target was not reached."""
        hits = list(evaluations)
        return cls(
            evaluation=np.array([hit or 0 for hit in hits], dtype=np.int64),
            reached=np.array([hit is not None for hit in hits], dtype=np.bool_),
            last=last,
        )

    def until(self, last: int) -> Self:
        """The same members followed no further than that evaluation."""
        reached = self.reached & (self.evaluation <= last)
        return dataclasses.replace(self, reached=reached, last=last)

    @property
    def members(self) -> int:
        """N."""
        return len(self.evaluation)

    @property
    def follow_up(self) -> Integers:
        """Evaluation up to which each member is known not to have reached, if it has not [N]."""
        if self.followed is None:
            return np.full(self.members, self.last, dtype=np.int64)
        return np.clip(self.followed, 0, self.last)

    @property
    def never(self) -> npt.NDArray[np.bool_]:
        """Members that are known never to reach [N]."""
        gone = np.zeros(self.members, np.bool_) if self.gone is None else self.gone
        return gone & ~self.reached

    @property
    def lost(self) -> npt.NDArray[np.bool_]:
        """Members of which nothing is known after their follow-up, which was shorter [N]."""
        return ~self.reached & ~self.never & (self.follow_up < self.last)

    @property
    def hits(self) -> Integers:
        """The evaluations of those that reached, sorted. Never average them: they are survivors."""
        return np.sort(self.evaluation[self.reached])

    def counts(self) -> Integers:
        """How many members hit at each evaluation 1..last, then how many never did; [last+1]."""
        cell = np.where(self.reached, self.evaluation - 1, self.last)
        return np.bincount(cell, minlength=self.last + 1)


@dataclasses.dataclass(frozen=True, eq=False)
class ClockTimes:
    """Times on one clock: evaluation e comes after `positions[e - 1]` steps of `cost` units each.

    The cost is exact: 3 * 0.1 != 0.3 in floating point would silently break ties between cohorts.
    `known_to` is the step up to which all is known where that is later than the last evaluation;
    with `open_ended` it is any: all members have reached or never will.
    """

    times: Times
    positions: Integers
    cost: Fraction
    known_to: int | None = None
    open_ended: bool = False

    def __post_init__(self) -> None:
        if self.cost <= 0:
            raise ValueError(f"a step costs {self.cost}; it must be positive")
        rising = bool((np.diff(self.positions, prepend=0) > 0).all())
        if len(self.positions) != self.times.last or not rising:
            raise ValueError("evaluations 1 to last must lie at increasing positions above 0")

    @classmethod
    def uniform(cls, times: Times, cost: Fraction) -> Self:
        """Evaluations `cost` units apart, the first as far from the start."""
        return cls(times, np.arange(1, times.last + 1), cost)

    @property
    def budget(self) -> Fraction:
        """The latest time up to which all is known, whatever comes after the last evaluation."""
        return max(int(self.positions[-1]), self.known_to or 0) * self.cost

    @property
    def cell(self) -> Fraction:
        """The longest stretch between two evaluations."""
        return int(np.diff(self.positions, prepend=0).max()) * self.cost

    def within(self, time: Fraction) -> int:
        """How many evaluations lie at or before this time."""
        return int(np.searchsorted(self.positions, time // self.cost, side="right"))

    def certainly(self, time: Fraction) -> npt.NDArray[np.bool_]:
        """Which members had surely reached by this time [N]."""
        return self.times.reached & (self.times.evaluation <= self.within(time))

    def possibly(self, time: Fraction) -> npt.NDArray[np.bool_]:
        """Which may have reached by it [N]: also those whose interval it cuts."""
        return self.times.reached & (self.times.evaluation <= self.begun(time))

    def begun(self, time: Fraction) -> int:
        """Number of the last stretch between two evaluations that begins before this time."""
        if time <= 0:
            return 0
        ended = int(np.searchsorted(self.positions, math.ceil(time / self.cost), side="left"))
        return min(ended + 1, self.times.last)

    def certain_by(self, time: Fraction) -> int:
        """How many surely had."""
        return int(np.count_nonzero(self.certainly(time)))

    def possible_by(self, time: Fraction) -> int:
        """How many may have."""
        return int(np.count_nonzero(self.possibly(time)))

    def steps(self) -> Integers:
        """The step of each member's hit; means something only where it reached."""
        return self.positions[np.where(self.times.reached, self.times.evaluation, 1) - 1]

    def restricted(self, horizon: Fraction) -> Floats:
        """min(T, horizon) of every member, in steps; never counts as the horizon."""
        return np.where(self.certainly(horizon), self.steps(), float(horizon / self.cost))

    def restricted_earliest(self, horizon: Fraction) -> Floats:
        """min(T, horizon) of every member, in steps, were T as early as the evaluations allow.

        That is the evaluation before the one that saw the hit; SOONEST steps where there is none,
        so that a mean of them is above 0. Never counts as the horizon.
        """
        before = np.append(SOONEST, self.positions[:-1])
        hit = before[np.where(self.times.reached, self.times.evaluation, 1) - 1]
        return np.where(self.possibly(horizon), hit, float(horizon / self.cost))


def common_horizon(first: ClockTimes, second: ClockTimes) -> Fraction:
    """The time to which both cohorts were followed: the smaller of the two budgets.

    Cohorts of which everything is known limit nothing, unless both are: then it is the later of the
    two times at which their last members had reached or diverged.
    """
    limits = [side.budget for side in (first, second) if not side.open_ended]
    return min(limits) if limits else max(first.budget, second.budget)
