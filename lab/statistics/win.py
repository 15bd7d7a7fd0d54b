"""Win probability: how often a random member of one cohort comes before one of another."""

import dataclasses

import numpy as np
import numpy.typing as npt
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval
from lab.statistics.tables import Table, Tables


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Win probability of the first cohort with its sampling variance; arrays over a batch [...].

    `fewest` is the smaller cohort's number of members; `degrees` are those of Student's t.
    """

    estimate: Floats
    variance: Floats
    degrees: Floats
    fewest: Floats

    @property
    def separated(self) -> npt.NDArray[np.bool_]:
        """Where every pair went the same way."""
        return (self.estimate <= 0) | (self.estimate >= 1)

    @property
    def statistic(self) -> Floats:
        """(p - 1/2) in standard errors; it only changes sign when the cohorts swap roles."""
        return (self.estimate - 0.5) / np.sqrt(self.variance)


def placement(first: npt.ArrayLike, second: npt.ArrayLike) -> Placement:
    """P(first earlier) + P(tie)/2 from counts over ordered cells [..., K].

    The last cell holds the members with no event by the horizon: never against never is a tie.
    The variance is that of the placements (DeLong, DeLong and Clarke-Pearson 1988; Brunner and
    Munzel 2000), but at least (p^2 + (1-p)^2)/(m(m + 1)), m the smaller cohort's members: what one
    win and one loss would add to m pairs that agree. Without that floor the interval at p = .95
    covers 80% of the time instead of 95% (32 against 512 members). An empty cohort gives 1/2.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    members_one, members_other = one.sum(-1), other.sum(-1)
    size_one, size_other = np.maximum(members_one, 1), np.maximum(members_other, 1)
    behind = members_other[..., None] - np.cumsum(other, -1) + other / 2
    ahead = np.cumsum(one, -1) - one / 2
    wins, losses = behind / size_other[..., None], ahead / size_one[..., None]
    fewest = np.minimum(members_one, members_other)
    estimate = np.where(fewest > 0, (one * wins).sum(-1) / size_one, 0.5)
    from_one = _variance_of_mean(one, wins, estimate, size_one)
    from_other = _variance_of_mean(other, losses, estimate, size_other)
    pairs = np.maximum(fewest, 1)
    floor = (estimate**2 + (1 - estimate) ** 2) / (pairs * (pairs + 1))
    return Placement(
        estimate=estimate,
        variance=np.maximum(from_one + from_other, floor),
        degrees=intervals.welch_degrees(from_one, members_one, from_other, members_other),
        fewest=fewest,
    )


def bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """Lower and upper end of the logit interval, Student's t.

    Where all pairs went one way the logit is infinite. The smaller cohort's m members make m
    disjoint pairs, independent of each other, so P(all one way) <= p^m whatever the distributions,
    and p >= ((1 - level)/2)^(1/m): conservative and exact, as Clopper and Pearson 1934.
    """
    inside = np.where(placed.separated, 0.5, placed.estimate)
    reach = intervals.t_quantile(level, placed.degrees) * np.sqrt(placed.variance)
    centre, width = scipy.special.logit(inside), reach / (inside * (1 - inside))
    alone = ((1 - level) / 2) ** (1 / np.maximum(placed.fewest, 1))
    lower, upper = scipy.special.expit(centre - width), scipy.special.expit(centre + width)
    lower = np.where(placed.estimate >= 1, alone, np.where(placed.estimate <= 0, 0, lower))
    upper = np.where(placed.estimate <= 0, 1 - alone, np.where(placed.estimate >= 1, 1, upper))
    empty = placed.fewest < 1
    return np.where(empty, 0, lower), np.where(empty, 1, upper)


def p_value(placed: Placement) -> Floats:
    """Two-sided p-value of p = 1/2: at or below 1 - level where the interval excludes 1/2."""
    inside = np.where(placed.separated, 0.5, placed.estimate)
    score = scipy.special.logit(inside) * inside * (1 - inside) / np.sqrt(placed.variance)
    apart = np.minimum(2 * 0.5**placed.fewest, 1)
    value = np.where(placed.separated, apart, intervals.t_two_sided(score, placed.degrees))
    return np.where(placed.fewest < 1, 1, value)


def win_probability(table: Table, level: float) -> Interval:
    """P(first earlier) + P(tie)/2 with its interval."""
    placed = placement(table.first, table.second)
    return Interval.of(placed.estimate, *bounds(placed, level), level)


@dataclasses.dataclass(frozen=True, slots=True)
class CertainWin:
    """The win probability when a time is known only to lie between two evaluations.

    `interval` is of the rounded times' estimate, but wide enough for every order that the
    evaluations allow; `lowest` and `highest` bound the estimate itself (order-certain bounds).
    """

    interval: Interval
    lowest: float
    highest: float


def certain_win(tables: Tables, level: float) -> CertainWin:
    """Order-certain bounds and the interval that holds at both of them."""
    latest = win_probability(tables.latest, level)
    earliest = win_probability(tables.earliest, level)
    rounded = win_probability(tables.rounded, level)
    return CertainWin(
        interval=Interval(rounded.estimate, latest.lower, earliest.upper, level),
        lowest=latest.estimate,
        highest=earliest.estimate,
    )


def _variance_of_mean(counts: Floats, share: Floats, mean: Floats, size: Floats) -> Floats:
    """Sample variance of the placements, over the number of members; 0 for a single member."""
    squares = (counts * (share - mean[..., None]) ** 2).sum(-1)
    return np.asarray(squares / (np.maximum(size - 1, 1) * size), dtype=np.float64)
