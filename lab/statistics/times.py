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


@dataclasses.dataclass(frozen=True, eq=False)
class Times:
    """Hits of N members that were all followed to one budget.

    `evaluation[i]` counts from 1 and means something only where `reached[i]`: the target was hit
    after evaluation - 1 and not later than evaluation. A member that diverged or spent its budget
    has not reached and stays in the risk set to the end (STATISTICS, section 0, rule 2). `last` is
    the last evaluation at which a success can start: the budget's, less sustain - 1 (rule 5).
    """

    evaluation: Integers
    reached: npt.NDArray[np.bool_]
    last: int

    def __post_init__(self) -> None:
        hits = self.evaluation[self.reached]
        if self.evaluation.shape != self.reached.shape or self.evaluation.ndim != 1:
            raise ValueError("evaluation and reached must be two vectors of one length")
        if self.last < 1 or (hits.size and not 1 <= hits.min() <= hits.max() <= self.last):
            raise ValueError(f"a hit lies outside evaluations 1 to {self.last}")

    @classmethod
    def of(cls, evaluations: Iterable[int | None], last: int) -> Self:
        """From one evaluation a member, None where the target was not reached."""
        hits = list(evaluations)
        return cls(
            evaluation=np.array([hit or 0 for hit in hits], dtype=np.int64),
            reached=np.array([hit is not None for hit in hits], dtype=np.bool_),
            last=last,
        )

    @property
    def members(self) -> int:
        """N."""
        return len(self.evaluation)

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
    """Times on one clock, `cost` units an evaluation.

    The cost is exact: 3 * 0.1 != 0.3 in floating point would silently break ties between cohorts.
    """

    times: Times
    cost: Fraction

    def __post_init__(self) -> None:
        if self.cost <= 0:
            raise ValueError(f"an evaluation costs {self.cost}; it must be positive")

    @property
    def budget(self) -> Fraction:
        """The latest time at which a success can start."""
        return self.times.last * self.cost

    def certain_by(self, time: Fraction) -> int:
        """How many members had surely reached by this time."""
        return int(np.count_nonzero(self.times.hits <= time // self.cost))

    def possible_by(self, time: Fraction) -> int:
        """How many may have reached by it: also those whose interval it cuts."""
        return int(np.count_nonzero(self.times.hits <= math.ceil(time / self.cost)))

    def restricted(self, horizon: Fraction) -> Floats:
        """min(T, horizon) of every member, in evaluations; never counts as the horizon."""
        within = self.times.reached & (self.times.evaluation <= horizon // self.cost)
        return np.where(within, self.times.evaluation, float(horizon / self.cost))


def common_horizon(first: ClockTimes, second: ClockTimes) -> Fraction:
    """The time to which both cohorts were followed: the smaller of the two budgets."""
    return min(first.budget, second.budget)
