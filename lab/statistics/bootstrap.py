"""A ratio of means without normal theory: units of replication drawn anew, as wholes.

The bootstrap-t on the log scale: every draw is measured in its own standard errors, so that few
units give a wide interval (Efron and Tibshirani 1993, section 12.5), where percentiles of a few
blocks would be too narrow. Members drawn where whole blocks should be are too narrow by far.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lab.statistics.intervals import Floats, Interval
from lab.statistics.times import Integers
from lab.statistics.units import Part

DRAWS = 1_999
FEWEST = 5
"""Fewer units do not show what else they could have been."""


class _Drawn(NamedTuple):
    """Log ratios of means and their variances, a draw each [D]."""

    log_ratio: Floats
    variance: Floats


def ratio_of_independent(
    first: Floats, second: Floats, level: float, most: float, generator: np.random.Generator
) -> Interval:
    """Mean of the first over mean of the second, positive values; members are drawn one by one.

    The interval stays within a factor `most`, and is all of that where nothing can be said.
    """
    if min(len(first), len(second)) < FEWEST:
        return _withheld(first, second, level, most)
    seen, drawn = [], []
    for values in (first, second):
        # Members that are alike are drawn as one: the same law, and ten thousand cost no more.
        value, counts = np.unique(values, return_counts=True)
        seen.append(_mean(counts[None, :], value))
        weights = generator.multinomial(len(values), counts / len(values), DRAWS)
        drawn.append(_mean(weights, value))
    return _interval(_ratio(*seen), _ratio(*drawn), level, most)


def ratio_of_units(
    first: Part, second: Part, units: int, level: float, most: float, generator: np.random.Generator
) -> Interval:
    """The same where both cohorts' members of a unit are drawn together, or not at all."""
    if units < FEWEST or not len(first.value) or not len(second.value):
        return _withheld(first.value, second.value, level, most)
    sums = [
        (
            np.bincount(unit, weights=value, minlength=units).astype(np.float64),
            np.bincount(unit, minlength=units).astype(np.float64),
        )
        for value, unit in (first, second)
    ]
    weights = generator.multinomial(units, np.full(units, 1 / units), DRAWS)
    # A draw without any member of one cohort says nothing of their ratio.
    told = np.logical_and.reduce([(weights @ count) > 0 for _, count in sums])
    seen = _ratio_between(np.ones((1, units), dtype=np.int64), sums)
    return _interval(seen, _ratio_between(weights[told], sums), level, most)


def _mean(weights: Integers, value: Floats) -> tuple[Floats, Floats]:
    """Means [D] of members drawn [D, G], and the squared relative standard errors."""
    members = weights.sum(-1)
    mean = weights @ value / members
    spread = (weights * (value - mean[:, None]) ** 2).sum(-1)
    return mean, spread / (members * (members - 1)) / mean**2


def _ratio(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> _Drawn:
    return _Drawn(np.log(first[0] / second[0]), first[1] + second[1])


def _ratio_between(weights: Integers, sums: Sequence[tuple[Floats, Floats]]) -> _Drawn:
    """From units drawn [D, U]; the linearised variance of `units.variance_between`."""
    units = weights.shape[-1]
    means, shares = [], []
    for total, count in sums:
        members = weights @ count
        mean = weights @ total / members
        means.append(mean)
        shares.append((total - mean[:, None] * count) / (members * mean)[:, None])
    variance = (weights * (shares[0] - shares[1]) ** 2).sum(-1) * units / (units - 1)
    return _Drawn(np.log(means[0] / means[1]), variance)


def _interval(seen: _Drawn, drawn: _Drawn, level: float, most: float) -> Interval:
    centre, error = float(seen.log_ratio[0]), math.sqrt(float(seen.variance[0]))
    ratio, widest = math.exp(centre), math.log(most)
    if error <= 1e-9 * widest or not len(drawn.log_ratio):
        return Interval(ratio, 1 / most, most, level)
    gap, errors = drawn.log_ratio - centre, np.sqrt(drawn.variance)
    # A draw of units that are all alike is infinitely many of its own standard errors away.
    far = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
    distance = np.divide(gap, errors, out=far, where=errors > 1e-9 * widest)
    low, high = np.quantile(distance, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    lower = max(centre - float(high) * error, -widest)
    upper = min(centre - float(low) * error, widest)
    return Interval(ratio, min(math.exp(lower), ratio), max(math.exp(upper), ratio), level)


def _withheld(first: Floats, second: Floats, level: float, most: float) -> Interval:
    known = len(first) > 0 and len(second) > 0
    return Interval(float(first.mean() / second.mean()) if known else 1.0, 1 / most, most, level)
