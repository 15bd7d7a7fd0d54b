"""An estimate with its interval, and the quantiles that intervals are made of."""

import dataclasses
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.special

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the two-sided interval around it, of confidence `level`."""

    estimate: float
    lower: float
    upper: float
    level: float

    def above(self, value: float) -> bool:
        """Whether the whole interval lies above `value`."""
        return self.lower > value

    def below(self, value: float) -> bool:
        """Whether the whole interval lies below `value`."""
        return self.upper < value

    def inside(self, lower: float, upper: float) -> bool:
        """Whether the whole interval lies strictly between the two."""
        return lower < self.lower and self.upper < upper

    @staticmethod
    def of(
        estimate: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, level: float
    ) -> "Interval":
        """From scalars or arrays of no dimension."""
        ends = float(np.asarray(lower)), float(np.asarray(upper))
        return Interval(float(np.asarray(estimate)), *ends, level)


@dataclasses.dataclass(frozen=True, slots=True)
class OrderCertain(Interval):
    """An interval that holds for every order which the evaluations allow.

    `estimate` takes times at the later evaluation; `lowest` and `highest` bound it over all orders
    (order-certain bounds), equal to it on a shared grid. What lies between those two is the grid's
    and stays however many members there are; what reaches beyond them is sampling's.
    """

    lowest: float
    highest: float

    @staticmethod
    def as_seen(found: Interval) -> "OrderCertain":
        """An interval of times taken as seen: no order is open."""
        ends = found.lower, found.upper, found.level
        return OrderCertain(found.estimate, *ends, lowest=found.estimate, highest=found.estimate)

    @staticmethod
    def hull(rounded: Interval, lowest: Interval, highest: Interval) -> "OrderCertain":
        """From the intervals at three readings of the times: as seen, and the two extreme ones.

        `rounded` takes every time at the evaluation that saw it; `lowest` and `highest` take one
        cohort's there and the other's at the evaluation before, so that the estimate is as low, or
        as high, as the evaluations allow.
        """
        return OrderCertain(
            estimate=rounded.estimate,
            lower=min(lowest.lower, highest.lower),
            upper=max(lowest.upper, highest.upper),
            level=rounded.level,
            lowest=lowest.estimate,
            highest=highest.estimate,
        )

    def shrunk(self, ratio: float) -> Self:
        """The same with the sampling parts `ratio` times as long."""
        return dataclasses.replace(
            self,
            lower=self.lowest - ratio * (self.lowest - self.lower),
            upper=self.highest + ratio * (self.upper - self.highest),
        )


def normal_quantile(level: float) -> float:
    """The z that a two-sided interval of this level reaches to."""
    return float(scipy.special.ndtri((1 + level) / 2))


def t_quantile(level: float, degrees: npt.ArrayLike) -> Floats:
    """The same for Student's t."""
    return np.asarray(scipy.special.stdtrit(degrees, (1 + level) / 2), dtype=np.float64)


def t_two_sided(statistic: npt.ArrayLike, degrees: npt.ArrayLike) -> Floats:
    """Two-sided p-value of a t statistic."""
    tail = scipy.special.stdtr(degrees, -np.abs(np.asarray(statistic, dtype=np.float64)))
    return np.asarray(2 * tail, dtype=np.float64)


def welch_degrees(
    first: npt.ArrayLike,
    members_first: npt.ArrayLike,
    second: npt.ArrayLike,
    members_second: npt.ArrayLike,
) -> Floats:
    """Degrees of freedom of the sum of two estimated variances of a mean.

    At least 1; where both variances vanish, the pooled n1 + n2 - 2. Satterthwaite 1946; Welch 1947.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    free_one = np.maximum(np.asarray(members_first, dtype=np.float64) - 1, 1)
    free_other = np.maximum(np.asarray(members_second, dtype=np.float64) - 1, 1)
    total = one + other
    share = np.divide(one, total, out=np.full(np.shape(total), 0.5), where=total > 0)
    inverse = share**2 / free_one + (1 - share) ** 2 / free_other
    return np.maximum(np.where(total > 0, 1 / inverse, free_one + free_other), 1)
