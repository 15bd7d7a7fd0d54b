"""Intervals that hold at every look at once: asymptotic confidence sequences.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Annals of Statistics 52:2613, theorem 2.2:
however often and whenever one looks and stops, all of them cover with the one level.
"""

import math

import numpy as np
import numpy.typing as npt

from lab.statistics.intervals import Floats, Interval
from lab.statistics.rmst import RestrictedMean
from lab.statistics.win import Placement

FEWEST = 64
"""Before so many members of each cohort the normal theory is not trusted: the interval is all."""
NARROWEST_AT = 256
"""The number of members at which the sequence is as narrow as it can be."""


def reach(count: npt.ArrayLike, variance: npt.ArrayLike, level: float) -> Floats:
    """Half-width at `count` observations with this variance each, elementwise.

    sd/n sqrt((n + r)(log((n + r)/r) + 2 log(1/a))), a = 1 - level for both sides together, and
    r = m/(2 log(1/a) + log(1 + 2 log(1/a))) for m = NARROWEST_AT.
    """
    n, per_one = np.asarray(count, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    evidence = -2 * math.log(1 - level)
    rho = NARROWEST_AT / (evidence + math.log1p(evidence))
    width = np.sqrt(per_one * (n + rho) * (np.log((n + rho) / rho) + evidence))
    return np.asarray(width / np.maximum(n, 1), dtype=np.float64)


def win_bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """Of the win probability, elementwise; (0, 1) below FEWEST.

    The variance is that of one pair, as if one win and one loss had been seen besides: without
    that, coverage fell to 57% at p = .986 (STATISTICS, section 4).
    """
    n, p = placed.fewest, placed.estimate
    pair = (n * n * placed.variance + p**2 + (1 - p) ** 2) / (n + 1)
    width = np.where(n >= FEWEST, reach(n, pair, level), 1.0)
    return np.maximum(p - width, 0), np.minimum(p + width, 1)


def difference(first: tuple[int, int], second: tuple[int, int], level: float) -> Interval:
    """Of p1 - p2, each cohort as (successes, trials); all of it below FEWEST."""
    estimate = first[0] / max(first[1], 1) - second[0] / max(second[1], 1)
    if min(first[1], second[1]) < FEWEST:
        return Interval(estimate, -1.0, 1.0, level)
    width = float(difference_reach(first, second, level))
    return Interval(estimate, max(estimate - width, -1.0), min(estimate + width, 1.0), level)


def difference_reach(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    level: float,
) -> Floats:
    """Half-width for p1 - p2, elementwise; binomial variances with one of each added."""
    cohorts = [tuple(np.asarray(one, np.float64) for one in each) for each in (first, second)]
    fewest = np.minimum(cohorts[0][1], cohorts[1][1])
    shares = [(successes + 1) / (trials + 2) for successes, trials in cohorts]
    variance = sum(
        share * (1 - share) * fewest / trials
        for share, (_, trials) in zip(shares, cohorts, strict=True)
    )
    return reach(fewest, variance, level)


def paired_difference(differences: Floats, level: float) -> Interval:
    """Of the mean of pairs' differences, each in [-1, 1], as if one at each end had been seen."""
    pairs = len(differences)
    estimate = float(differences.mean()) if pairs else 0.0
    if pairs < FEWEST:
        return Interval(estimate, -1.0, 1.0, level)
    extremes = (1 - estimate) ** 2 + (1 + estimate) ** 2
    variance = (pairs * float(np.var(differences)) + extremes) / (pairs + 1)
    width = float(reach(pairs, variance, level))
    return Interval(estimate, max(estimate - width, -1.0), min(estimate + width, 1.0), level)


def rmst_ratio(
    first: RestrictedMean, second: RestrictedMean, level: float, covariance: float = 0.0
) -> Interval:
    """Of the ratio of restricted means, made on the log scale; within what the horizon allows.

    `covariance` is that of the two means, where members are in pairs.
    """
    estimate = first.mean / second.mean
    least, most = first.shortest / second.longest, first.longest / second.shortest
    fewest = min(first.members, second.members)
    if fewest < FEWEST:
        return Interval(estimate, least, most, level)
    apart = _relative(first) + _relative(second)
    # Pairs that agree leave a tenth at least: what was seen of them is no more certain than that.
    relative = max(apart - 2 * covariance / first.mean / second.mean, apart / 10)
    width = float(reach(fewest, fewest * relative, level))
    span = math.exp(min(width, math.log(most / least)))
    return Interval(estimate, max(estimate / span, least), min(estimate * span, most), level)


def intersection(before: Interval, now: Interval) -> Interval:
    """Both hold with the level of either, so does what they share; the estimate is the latest.

    Where they share nothing, which happens with no more than the chance of an error, the latest
    stands.
    """
    lower, upper = max(before.lower, now.lower), min(before.upper, now.upper)
    if lower > upper:
        return now
    return Interval(now.estimate, lower, upper, now.level)


def _relative(mean: RestrictedMean) -> float:
    """Variance of log mean, as if a member at each extreme had been seen besides."""
    seen = mean.variance * mean.members**2
    extremes = (mean.mean - mean.shortest) ** 2 + (mean.longest - mean.mean) ** 2
    return (seen + extremes) / (mean.members + 1) / mean.members / mean.mean**2
