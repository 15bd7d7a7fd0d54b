"""Proportions of members, and their differences between cohorts."""

import numpy as np
import numpy.typing as npt

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval


def wilson_bounds(
    successes: npt.ArrayLike, trials: npt.ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Score interval for a proportion, elementwise; (0, 1) without trials. Wilson 1927."""
    z2 = intervals.normal_quantile(level) ** 2
    n = np.asarray(trials, dtype=np.float64)
    x = np.asarray(successes, dtype=np.float64)
    centre = (x + z2 / 2) / (n + z2)
    spread = np.sqrt(z2 * (x * (n - x) / np.maximum(n, 1) + z2 / 4)) / (n + z2)
    # At x = 0 and x = n the ends are 0 and 1; rounding must not push them past.
    lower = np.where(x <= 0, 0, centre - spread)
    upper = np.where(x >= n, 1, centre + spread)
    return lower, upper


def newcombe_bounds(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    level: float,
) -> tuple[Floats, Floats]:
    """Hybrid score interval for p1 - p2, each cohort as (successes, trials), elementwise.

    Newcombe 1998, Statistics in Medicine 17:873, method 10.
    """
    shares = [_share(*cohort) for cohort in (first, second)]
    (low_one, high_one), (low_two, high_two) = (
        wilson_bounds(*cohort, level) for cohort in (first, second)
    )
    difference = shares[0] - shares[1]
    lower = difference - np.hypot(shares[0] - low_one, high_two - shares[1])
    upper = difference + np.hypot(high_one - shares[0], shares[1] - low_two)
    return lower, upper


def difference(first: tuple[int, int], second: tuple[int, int], level: float) -> Interval:
    """p1 - p2 with its hybrid score interval; each cohort as (successes, trials)."""
    estimate = _share(*first) - _share(*second)
    return Interval.of(estimate, *newcombe_bounds(first, second, level), level)


def _share(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Floats:
    n = np.asarray(trials, dtype=np.float64)
    x = np.asarray(successes, dtype=np.float64)
    return np.where(n > 0, x / np.maximum(n, 1), 0.5)
