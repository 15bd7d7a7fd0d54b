"""Win probability: how often a random member of one cohort comes before one of another."""

import dataclasses

import numpy as np
import numpy.typing as npt
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval, OrderCertain
from lab.statistics.tables import Table, Tables


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Win probability of the first cohort with its sampling variance; arrays over a batch [...].

    `fewest` is the smaller cohort's number of members, or of units where these are replicated;
    `degrees` are those of Student's t. `mates`: the members stand in pairs of one of either cohort
    that depend on each other, whichever way; different pairs are independent.
    """

    estimate: Floats
    variance: Floats
    degrees: Floats
    fewest: Floats
    mates: bool = False

    @property
    def disjoint(self) -> Floats:
        """How many pairs of one member of either cohort can be formed that are independent.

        As many as the smaller cohort has members; of mates half of that: a member of one pair
        stands against one of another pair, since mates may depend on each other.
        """
        return np.maximum(self.fewest // 2 if self.mates else self.fewest, 1)

    @property
    def separated(self) -> npt.NDArray[np.bool_]:
        """Where every pair went the same way."""
        return (self.estimate <= 0) | (self.estimate >= 1)

    @property
    def effective(self) -> Floats:
        """How many independent pairs carry as much information: p(1-p)/variance, within bounds.

        Never fewer than those that are disjoint, for p is also the mean over these, averaged over
        all ways to pair (Birnbaum and Klose 1957). Never more than m(1 + m p(1-p)), m the smaller
        cohort's members: where nearly all pairs agree, the sample variance has seen next to
        nothing.
        """
        spread = self.estimate * (1 - self.estimate)
        members = np.maximum(self.fewest, 1)
        most = members * (1 + members * spread)
        found = np.divide(spread, self.variance, out=np.array(most), where=self.variance > 0)
        return np.clip(found, self.disjoint, most)

    @property
    def statistic(self) -> Floats:
        """(p - 1/2) in standard errors; it only changes sign when the cohorts swap roles.

        The variance is at least (p^2 + (1-p)^2)/(m(m + 1)), what one win and one loss would add
        to m pairs that agree: agreement makes the statistic large, not infinite.
        """
        pairs = np.maximum(self.fewest, 1)
        floor = (self.estimate**2 + (1 - self.estimate) ** 2) / (pairs * (pairs + 1))
        return (self.estimate - 0.5) / np.sqrt(np.maximum(self.variance, floor))


def placement(first: npt.ArrayLike, second: npt.ArrayLike) -> Placement:
    """P(first earlier) + P(tie)/2 from counts over ordered cells [..., K].

    The last cell holds the members with no event by the horizon: never against never is a tie.
    The variance is that of the placements (DeLong, DeLong and Clarke-Pearson 1988; Brunner and
    Munzel 2000). An empty cohort gives 1/2.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    members_one, members_other = one.sum(-1), other.sum(-1)
    size_one, size_other = np.maximum(members_one, 1), np.maximum(members_other, 1)
    # The share of the second behind each cell, and of the first ahead of it: both average to p.
    behind = (members_other[..., None] - np.cumsum(other, -1) + other / 2) / size_other[..., None]
    ahead = (np.cumsum(one, -1) - one / 2) / size_one[..., None]
    fewest = np.minimum(members_one, members_other)
    estimate = np.where(fewest > 0, (one * behind).sum(-1) / size_one, 0.5)
    from_one = _variance_of_mean(one, behind, estimate, size_one)
    from_other = _variance_of_mean(other, ahead, estimate, size_other)
    return Placement(
        estimate=estimate,
        variance=from_one + from_other,
        degrees=intervals.welch_degrees(from_one, members_one, from_other, members_other),
        fewest=fewest,
    )


def bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """Lower and upper end of the score interval with the effective number of pairs, Student's t.

    Wilson 1927 with that number in place of the trials. Not the logit interval: where nearly all
    pairs agree (p = .99, 32 members a cohort) that is seven times as wide and decides nothing.
    Where all agree, d disjoint pairs do, so P(all one way) <= p^d whatever the distributions, and
    p >= ((1 - level)/2)^(1/d), as Clopper and Pearson 1934.
    """
    estimate, z2 = placed.estimate, intervals.t_quantile(level, placed.degrees) ** 2
    pairs = placed.effective
    centre = (estimate + z2 / pairs / 2) / (1 + z2 / pairs)
    inside = estimate * (1 - estimate) / pairs + z2 / pairs**2 / 4
    reach = np.sqrt(z2 * inside) / (1 + z2 / pairs)
    alone = ((1 - level) / 2) ** (1 / placed.disjoint)
    lower = np.where(estimate >= 1, alone, np.where(estimate <= 0, 0, centre - reach))
    upper = np.where(estimate <= 0, 1 - alone, np.where(estimate >= 1, 1, centre + reach))
    empty = placed.fewest < 1
    return np.where(empty, 0, np.maximum(lower, 0)), np.where(empty, 1, np.minimum(upper, 1))


def p_value(placed: Placement) -> Floats:
    """Two-sided p-value of p = 1/2: below 1 - level where that interval excludes 1/2."""
    score = 2 * (placed.estimate - 0.5) * np.sqrt(placed.effective)
    apart = np.minimum(2 * 0.5**placed.disjoint, 1)
    value = np.where(placed.separated, apart, intervals.t_two_sided(score, placed.degrees))
    return np.where(placed.fewest < 1, 1, value)


def equivalence_p_value(placed: Placement, delta: float) -> Floats:
    """Of |p - 1/2| >= delta: the larger of two one-sided p-values (Schuirmann 1987).

    At most a where the interval of level 1 - 2a lies inside 1/2 +- delta, and only there.
    """
    below, above = (
        (placed.estimate - edge) / np.sqrt(edge * (1 - edge) / placed.effective)
        for edge in (0.5 - delta, 0.5 + delta)
    )
    tails = np.maximum(
        scipy.special.stdtr(placed.degrees, -below), scipy.special.stdtr(placed.degrees, above)
    )
    return np.asarray(np.where(placed.fewest < 1, 1.0, tails))


def logit_bounds(placed: Placement, level: float) -> tuple[Floats, Floats]:
    """The interval made on the logit scale by the delta method; `bounds` where all pairs agree.

    What textbooks have (Brunner, Bathke and Konietschke 2018, section 3.7). Verdicts use `bounds`:
    near separation this one covers as often and is many times as wide.
    """
    estimate = np.clip(placed.estimate, 1e-12, 1 - 1e-12)
    reach = intervals.t_quantile(level, placed.degrees) * np.sqrt(placed.variance)
    logit, span = scipy.special.logit(estimate), reach / (estimate * (1 - estimate))
    score = bounds(placed, level)
    lower = np.where(placed.separated, score[0], scipy.special.expit(logit - span))
    return lower, np.where(placed.separated, score[1], scipy.special.expit(logit + span))


def win_probability(table: Table, level: float) -> Interval:
    """P(first earlier) + P(tie)/2 with its interval."""
    placed = placement(table.first, table.second)
    return Interval.of(placed.estimate, *bounds(placed, level), level)


def certain_win(tables: Tables, level: float) -> OrderCertain:
    """The win probability when a time is known only to lie between two evaluations."""
    readings = tables.rounded, tables.latest, tables.earliest
    return OrderCertain.hull(*(win_probability(one, level) for one in readings))


def _variance_of_mean(counts: Floats, share: Floats, mean: Floats, size: Floats) -> Floats:
    """Sample variance of the placements, over the number of members; 0 for a single member."""
    squares = (counts * (share - mean[..., None]) ** 2).sum(-1)
    return np.asarray(squares / (np.maximum(size - 1, 1) * size), dtype=np.float64)
