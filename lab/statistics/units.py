"""Inference on units of replication: pairs of members, or all members that share a data order.

Members of one unit depend on each other, so variances are those between units. Vectors are over
members [N]; `unit` says which unit, from 0, a member belongs to. Probabilities and shares have
their intervals on the logit scale: Student's t on the raw scale covers .85 to .92 for .95 where 4
to 16 units have a win probability of .93 to .97, on the logit scale .94 to .96
(scripts/calibrate --only=orders).
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from lab.statistics import intervals, proportions, win
from lab.statistics.intervals import Floats, Interval, OrderCertain
from lab.statistics.tables import Cells
from lab.statistics.times import Integers
from lab.statistics.win import Placement

ENUMERABLE = 14
"""So many units have their signs flipped in all ways; more have them drawn."""
DRAWS = 9_999
_EDGE = 1e-12
"""Logits are of no probability nearer to 0 or 1."""


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


def placement(
    cells: Cells, first: Integers, second: Integers, units: int, mates: bool = False
) -> Placement:
    """The win probability of all pairs of members, its variance from that between units.

    The estimate is `win.placement`'s; degrees of freedom are the units' less one. `mates`: a unit
    is one member of either cohort, and the interval is to be `win.bounds`'s.
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
        mates=mates,
    )


def win_bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """Student's t over units on the logit scale, for few of them: blocks. (0, 1) for one.

    Where all pairs went one way no spread is seen; the ends are then `win.bounds`'s of that many
    pairs that agree.
    """
    return _logit_bounds(placed.estimate, placed.variance, placed.fewest, level)


def win_p_value(placed: Placement) -> float:
    """Two-sided p-value of p = 1/2: below 1 - level where that interval excludes 1/2."""
    estimate, units = float(placed.estimate), float(placed.fewest)
    if units < 2:
        return 1.0
    if estimate in (0.0, 1.0):
        return min(2 * 0.5**units, 1.0)
    return float(intervals.t_two_sided(_distance(placed, 0.5), placed.degrees))


def equivalence_p_value(placed: Placement, delta: float) -> float:
    """Of |p - 1/2| >= delta: the larger of two one-sided p-values (Schuirmann 1987).

    At most a where the interval of level 1 - 2a lies inside 1/2 +- delta, and only there.
    """
    if float(placed.fewest) < 2 or float(placed.estimate) in (0.0, 1.0):
        return 1.0
    below, above = (_distance(placed, edge) for edge in (0.5 - delta, 0.5 + delta))
    return float(scipy.special.stdtr(placed.degrees, max(-below, above)))


def _distance(placed: Placement, value: float) -> float:
    """From `value` to the estimate between 0 and 1, on the logit scale in standard errors."""
    estimate = float(placed.estimate)
    error = float(_logit_error(placed.estimate, placed.variance, placed.fewest))
    return float(scipy.special.logit(estimate) - scipy.special.logit(value)) / error


def _logit_bounds(
    estimate: Floats, variance: Floats, units: Floats, level: float
) -> tuple[Floats, Floats]:
    """Ends for a probability estimated from so many units, with `units` - 1 degrees of freedom.

    At 0 and 1, where all units agree, P(all agree) <= p^units: as Clopper and Pearson 1934.
    """
    number = np.maximum(units, 1)
    reach = intervals.t_quantile(level, np.maximum(number - 1, 1))
    span = reach * _logit_error(estimate, variance, units)
    middle = scipy.special.logit(np.clip(estimate, _EDGE, 1 - _EDGE))
    alone = ((1 - level) / 2) ** (1 / number)
    lower = np.where(estimate <= 0, 0, scipy.special.expit(middle - span))
    upper = np.where(estimate >= 1, 1, scipy.special.expit(middle + span))
    few = units < 2
    return (
        np.where(few, 0, np.where(estimate >= 1, alone, lower)),
        np.where(few, 1, np.where(estimate <= 0, 1 - alone, upper)),
    )


def _logit_error(estimate: Floats, variance: Floats, units: Floats) -> Floats:
    """Standard error of logit p by the delta method.

    Where units all have one estimate the variance is that of one win and one loss seen besides,
    lest certainty be claimed from agreement.
    """
    number, inside = np.maximum(units, 1), np.clip(estimate, _EDGE, 1 - _EDGE)
    alone = (inside**2 + (1 - inside) ** 2) / (number * (number + 1))
    known = np.where(np.asarray(variance) > 1e-18, variance, alone)
    return np.asarray(np.sqrt(known) / (inside * (1 - inside)))


def share_difference(first: Part, second: Part, units: int, level: float) -> Interval:
    """Share of the first less share of the second, from values that are 0 or 1.

    Each share has its interval, made on the logit scale from the spread between units, and for
    single pairs Wilson's; the two are put together with the correlation that units give them
    (Newcombe 1998, Statistics in Medicine 17:2635; for any two intervals Zou and Donner 2008,
    Statistics in Medicine 27:1693).
    """
    if not len(first.value) or not len(second.value):
        return Interval(0.0, -1.0, 1.0, level)
    shares = float(first.value.mean()), float(second.value.mean())
    estimate = shares[0] - shares[1]
    if units < 2:
        return Interval(estimate, -1.0, 1.0, level)
    single = len(first.value) == len(second.value) == units
    ends = [_share_bounds(one, units, level, single) for one in (first, second)]
    below = [share - lower for share, (lower, _) in zip(shares, ends, strict=True)]
    above = [upper - share for share, (_, upper) in zip(shares, ends, strict=True)]
    shared = _correlation(first, second, units)
    down, up = (
        math.sqrt(max(one**2 - 2 * shared * one * other + other**2, 0.0))
        for one, other in ((below[0], above[1]), (above[0], below[1]))
    )
    return Interval(estimate, max(estimate - down, -1.0), min(estimate + up, 1.0), level)


def _share_bounds(part: Part, units: int, level: float, single: bool) -> tuple[float, float]:
    if single:
        ends = proportions.wilson_bounds(part.value.sum(), len(part.value), level)
    else:
        variance = np.asarray(variance_between([part], units))
        ends = _logit_bounds(np.asarray(part.value.mean()), variance, np.asarray(units), level)
    return float(ends[0]), float(ends[1])


def _correlation(first: Part, second: Part, units: int) -> float:
    """Of what units add to the two means; 0 where one of them has no spread."""
    variances = [variance_between([one], units) for one in (first, second)]
    if min(variances) <= 1e-18:
        return 0.0
    both = variance_between([first, second], units)
    found = (both - sum(variances)) / (2 * math.sqrt(variances[0] * variances[1]))
    return min(max(found, -1.0), 1.0)


class Tail(NamedTuple):
    """What a long tail of times adds to the spread between units that was seen.

    The variance counts `widening` times (`rmst.difference_widening`), and has `degrees` of freedom;
    None: one less than there are units.
    """

    widening: float = 1.0
    degrees: int | None = None


AS_SEEN = Tail()


def difference(
    first: Part, second: Part, units: int, level: float, most: float, tail: Tail = AS_SEEN
) -> Interval:
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
    free = units - 1 if tail.degrees is None else tail.degrees
    reach = float(intervals.t_quantile(level, free)) * math.sqrt(variance * tail.widening)
    return Interval(estimate, max(estimate - reach, -most), min(estimate + reach, most), level)


def log_ratio(
    first: Part, second: Part, units: int, level: float, most: float, tail: Tail = AS_SEEN
) -> Interval:
    """Mean of the first over mean of the second, positive values; made on the log scale.

    The interval stays within a factor `most`; the delta method as in `rmst.rmst_ratio`.
    """
    if not len(first.value) or not len(second.value):
        return Interval(1.0, 1 / most, most, level)
    means = float(first.value.mean()), float(second.value.mean())
    one = Part(first.value / means[0], first.unit)
    other = Part(second.value / means[1], second.unit)
    relative = difference(one, other, units, level, math.log(most), tail)
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
    win_probability: OrderCertain
    sign_p_value: float
    correlation: float | None


def pairs(cells: Cells, times: tuple[Floats, Floats], level: float) -> Pairs:
    """Member i of the first against member i of the second; `times` are min(T, horizon).

    Pairs are independent of each other, so the win probability has `win.bounds`'s score interval.
    """
    earlier = int(np.count_nonzero(cells.first < cells.second))
    later = int(np.count_nonzero(cells.first > cells.second))
    count = len(cells.first)
    score = (np.sign(cells.second - cells.first) + 1) / 2
    placed = Placement(
        estimate=np.asarray(score.mean() if count else 0.5),
        variance=np.asarray(score.var(ddof=1) / count if count > 1 else 0.0),
        degrees=np.asarray(max(count - 1, 1), dtype=np.float64),
        fewest=np.asarray(count, dtype=np.float64),
    )
    spread = all(len(one) > 1 and one.min() < one.max() for one in times)
    return Pairs(
        earlier=earlier,
        later=later,
        tied=count - earlier - later,
        win_probability=OrderCertain.as_seen(
            Interval.of(placed.estimate, *win.bounds(placed, level), level)
        ),
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
