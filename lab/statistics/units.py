"""Inference on units of replication: pairs of members, or all members that share a data order.

Members of one unit depend on each other, so variances are those between units. Vectors are over
members [N]; `unit` says which unit, from 0, a member belongs to.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval
from lab.statistics.tables import Cells
from lab.statistics.times import Integers
from lab.statistics.win import Placement

ENUMERABLE = 14
"""So many units have their signs flipped in all ways; more have them drawn."""
DRAWS = 9_999


class Part(NamedTuple):
    """One cohort's share in an estimate: a value of each member, and the member's unit."""

    value: Floats
    unit: Integers


def variance_between(parts: Sequence[Part], units: int) -> float:
    """Sampling variance of the sum of the parts' means, from the spread between units.

    Each unit's share in it, less the average share, squared and summed, times U/(U - 1): the
    linearised cluster variance (Liang and Zeger 1986). One pair a unit: that of n differences.
    """
    share = np.zeros(units)
    for value, unit in parts:
        if len(value):
            deviation = (value - value.mean()) / len(value)
            share += np.bincount(unit, weights=deviation, minlength=units)
    return float((share**2).sum() * units / max(units - 1, 1))


def placement(cells: Cells, first: Integers, second: Integers, units: int) -> Placement:
    """The win probability of all pairs of members, its variance from that between units.

    The estimate is `win.placement`'s; degrees of freedom are the units' less one.
    """
    counts = cells.table()
    sizes = max(len(cells.first), 1), max(len(cells.second), 1)
    behind = (len(cells.second) - np.cumsum(counts.second) + counts.second / 2) / sizes[1]
    ahead = (np.cumsum(counts.first) - counts.first / 2) / sizes[0]
    parts = [Part(behind[cells.first], first), Part(ahead[cells.second], second)]
    known = min(len(cells.first), len(cells.second)) > 0
    return Placement(
        estimate=np.asarray(behind[cells.first].mean() if known else 0.5),
        variance=np.asarray(variance_between(parts, units)),
        degrees=np.asarray(max(units - 1, 1), dtype=np.float64),
        fewest=np.asarray(units if known else 0, dtype=np.float64),
    )


def win_bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """Student's t over units, for few of them: blocks. (0, 1) for one.

    Where all pairs went one way no spread is seen; the ends are then `win.bounds`'s of that many
    pairs that agree.
    """
    units = np.maximum(placed.fewest, 1)
    reach = intervals.t_quantile(level, placed.degrees) * np.sqrt(_variance(placed))
    alone = ((1 - level) / 2) ** (1 / units)
    lower = np.where(placed.estimate >= 1, alone, placed.estimate - reach)
    upper = np.where(placed.estimate <= 0, 1 - alone, placed.estimate + reach)
    few = placed.fewest < 2
    return np.where(few, 0, np.maximum(lower, 0)), np.where(few, 1, np.minimum(upper, 1))


def win_p_value(placed: Placement) -> float:
    """Two-sided p-value of p = 1/2, by Student's t over units."""
    estimate, units = float(placed.estimate), float(placed.fewest)
    if units < 2:
        return 1.0
    if estimate in (0.0, 1.0):
        return min(2 * 0.5**units, 1.0)
    error = math.sqrt(float(_variance(placed)))
    return float(intervals.t_two_sided((estimate - 0.5) / error, placed.degrees))


def equivalence_p_value(placed: Placement, delta: float) -> float:
    """Of |p - 1/2| >= delta, by Student's t over units: the larger of two one-sided p-values."""
    if float(placed.fewest) < 2:
        return 1.0
    nearest = delta - abs(float(placed.estimate) - 0.5)
    error = math.sqrt(float(_variance(placed)))
    return float(scipy.special.stdtr(placed.degrees, -nearest / error))


def _variance(placed: Placement) -> Floats:
    """Between units; where all agree that of one win and one loss seen besides, no certainty."""
    number, p = np.maximum(placed.fewest, 1), placed.estimate
    alone = (p**2 + (1 - p) ** 2) / (number * (number + 1))
    return np.asarray(np.where(placed.variance > 1e-18, placed.variance, alone))


def difference(first: Part, second: Part, units: int, level: float, most: float) -> Interval:
    """Mean of the first less mean of the second, in [-most, most]; Student's t over units.

    Where all units agree the variance is that of one unit at each extreme seen besides, lest
    certainty be claimed from agreement.
    """
    if not len(first.value) or not len(second.value):
        return Interval(0.0, -most, most, level)
    estimate = float(first.value.mean() - second.value.mean())
    if units < 2:
        return Interval(estimate, -most, most, level)
    variance = variance_between([first, Part(-second.value, second.unit)], units)
    if variance <= 1e-18 * most**2:
        variance = ((most - estimate) ** 2 + (most + estimate) ** 2) / (units + 1) / units
    reach = float(intervals.t_quantile(level, units - 1)) * math.sqrt(variance)
    return Interval(estimate, max(estimate - reach, -most), min(estimate + reach, most), level)


def log_ratio(first: Part, second: Part, units: int, level: float, most: float) -> Interval:
    """Mean of the first over mean of the second, positive values; made on the log scale.

    The interval stays within a factor `most`; the delta method as in `rmst.rmst_ratio`.
    """
    if not len(first.value) or not len(second.value):
        return Interval(1.0, 1 / most, most, level)
    means = float(first.value.mean()), float(second.value.mean())
    one = Part(first.value / means[0], first.unit)
    other = Part(second.value / means[1], second.unit)
    relative = difference(one, other, units, level, math.log(most))
    reach = (relative.upper - relative.lower) / 2
    estimate = means[0] / means[1]
    span = math.exp(min(reach, math.log(most)))
    return Interval(estimate, max(estimate / span, 1 / most), min(estimate * span, most), level)


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Mates compared: in how many pairs the first of two was earlier, later, or neither.

    `win_probability` is that of a mate against its own mate: another estimand than that of two
    members drawn at random. `correlation` is of their restricted times; None where one cohort has
    no spread. `sign_p_value` is exact.
    """

    earlier: int
    later: int
    tied: int
    win_probability: Interval
    sign_p_value: float
    correlation: float | None


def pairs(cells: Cells, times: tuple[Floats, Floats], level: float) -> Pairs:
    """Member i of the first against member i of the second; `times` are min(T, horizon)."""
    earlier = int(np.count_nonzero(cells.first < cells.second))
    later = int(np.count_nonzero(cells.first > cells.second))
    count = len(cells.first)
    score = (np.sign(cells.second - cells.first) + 1) / 2
    none = np.zeros(count)
    unit = np.arange(count)
    found = difference(Part(score - 0.5, unit), Part(none, unit), count, level, 0.5)
    spread = all(len(one) > 1 and one.min() < one.max() for one in times)
    return Pairs(
        earlier=earlier,
        later=later,
        tied=count - earlier - later,
        win_probability=Interval(found.estimate + 0.5, found.lower + 0.5, found.upper + 0.5, level),
        sign_p_value=sign_p_value(earlier, later),
        correlation=float(np.corrcoef(*times)[0, 1]) if spread else None,
    )


def sign_p_value(earlier: int, later: int) -> float:
    """Exact two-sided p-value of a fair coin."""
    fewer = min(earlier, later)
    tail = float(scipy.special.bdtr(fewer, earlier + later, 0.5)) if earlier + later else 1.0
    return min(2 * tail, 1.0)


def flip_p_value(
    cells: Cells, first: Integers, second: Integers, units: int, generator: np.random.Generator
) -> float:
    """Two-sided p-value of p = 1/2 by flipping the units' signs: exact if they are symmetric.

    Each unit's own win probability less 1/2; all 2^U ways, or DRAWS of them with the observed one
    counted in.
    """
    centred = np.array(
        [
            _own(cells.first[first == unit], cells.second[second == unit]) - 0.5
            for unit in range(units)
        ]
    )
    if units <= ENUMERABLE:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=units))).reshape(-1, units)
        return float(np.mean(np.abs(signs @ centred) >= abs(centred.sum()) - 1e-9))
    signs = generator.choice((-1.0, 1.0), size=(DRAWS, units))
    beyond = np.count_nonzero(np.abs(signs @ centred) >= abs(centred.sum()) - 1e-9)
    return (int(beyond) + 1) / (DRAWS + 1)


def _own(first: Integers, second: Integers) -> float:
    """The win probability within one unit; 1/2 where one cohort has nobody there."""
    if not len(first) or not len(second):
        return 0.5
    return float((np.sign(second[None, :] - first[:, None]) + 1).mean() / 2)
