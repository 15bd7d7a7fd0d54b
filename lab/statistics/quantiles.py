"""Quantiles of the time to target by order statistics: never is infinity, and infinity is None."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import scipy.special

from lab.statistics.intervals import Floats, Interval
from lab.statistics.survival import incidence
from lab.statistics.times import ClockTimes, Times


@dataclasses.dataclass(frozen=True, slots=True)
class QuantileTime:
    """The time by which a share of the members has reached, in evaluations or clock units.

    In clock units the estimate and `upper` lie at the evaluation that saw the hit, `lower` at the
    one before, since the hit may have been any time after that. None: not reached by that share
    within the budget. `lower` 0: nothing is known from below.
    """

    quantile: float
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float

    def on(self, clock: ClockTimes, horizon: Fraction) -> "QuantileTime":
        """From evaluations to clock units; a time beyond the horizon is not reached within it."""
        positions = [0, *clock.positions.tolist()]

        def when(evaluation: float | None) -> float | None:
            if evaluation is None or positions[int(evaluation)] * clock.cost > horizon:
                return None
            return float(positions[int(evaluation)] * clock.cost)

        before = None if self.lower is None else max(self.lower - 1, 0)
        return dataclasses.replace(
            self, estimate=when(self.estimate), lower=when(before), upper=when(self.upper)
        )


def quantile_time(times: Times, quantile: float, level: float) -> QuantileTime:
    """Quantile of T among all members, in evaluations, with a distribution-free interval.

    The ends are the order statistics whose ranks leave at most (1 - level)/2 in each tail of
    Binomial(N, quantile); conservative with ties (David and Nagaraja 2003, section 7.1). Where
    members were lost it is where the Kaplan-Meier curve, and either end of its band, first comes
    up to that share (Brookmeyer and Crowley 1982).
    """
    if times.lost.any():
        return _of_curve(times, quantile, level)
    members = times.members
    low, high = _ranks(members, quantile, level)
    # Where N * quantile is a whole number, rounding must not push it to the next rank.
    middle = max(math.ceil(members * quantile - 1e-9), 1)
    return QuantileTime(
        quantile=quantile,
        estimate=_order_statistic(times, middle),
        lower=_order_statistic(times, low),
        upper=_order_statistic(times, high),
        level=level,
    )


def _of_curve(times: Times, quantile: float, level: float) -> QuantileTime:
    curve = incidence(times, level)

    def first(share: Floats) -> float | None:
        found = np.flatnonzero(share >= quantile - 1e-12)
        return float(curve.evaluation[found[0]]) if len(found) else None

    return QuantileTime(quantile, first(curve.share), first(curve.upper), first(curve.lower), level)


def _ranks(members: int, quantile: float, level: float) -> tuple[int, int]:
    """Of the order statistics at the interval's ends; 0 and members + 1 where there is none."""
    ranks, tail = np.arange(members + 1), (1 - level) / 2
    low = int(np.count_nonzero(scipy.special.bdtr(ranks, members, quantile) <= tail))
    high = int(np.count_nonzero(scipy.special.bdtrc(ranks, members, quantile) > tail)) + 1
    return low, high


def median_of(values: Floats, level: float) -> Interval:
    """The median of independent measurements [N], with the same interval.

    ValueError where so few of them have none of that level.
    """
    low, high = _ranks(len(values), 0.5, level)
    if low == 0:
        raise ValueError(f"{len(values)} measurements have no interval of level {level}")
    ordered = np.sort(values)
    return Interval.of(np.median(values), ordered[low - 1], ordered[high - 1], level)


@dataclasses.dataclass(frozen=True, slots=True)
class SpeedUp:
    """Ratio of two cohorts' quantile times, first over second; above 1 the first is slower.

    None: not bounded from that side, since one of the times was not reached.
    """

    quantile: float
    estimate: float | None
    lower: float
    upper: float | None
    level: float


def speed_up(first: QuantileTime, second: QuantileTime) -> SpeedUp:
    """From two quantile times of level 1 - a/2 each, a ratio of level 1 - a (Bonferroni)."""
    return SpeedUp(
        quantile=first.quantile,
        estimate=_ratio(first.estimate, second.estimate),
        lower=_ratio(first.lower, second.upper) or 0.0,
        upper=_ratio(first.upper, second.lower),
        level=1 - (1 - first.level) - (1 - second.level),
    )


def _order_statistic(times: Times, rank: int) -> float | None:
    """The rank-th time of all members, from 1; 0 for rank 0."""
    hits = times.hits
    if rank == 0:
        return 0.0
    return float(hits[rank - 1]) if rank <= len(hits) else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
