"""Shares that reached and that diverged, each against the other, with unequal follow-up.

Under a common budget these are plain proportions. Divergence is an end of its own here, reported
beside the times; it is never a censoring (STATISTICS, section 0, rule 2).
"""

import dataclasses
import enum

import numpy as np
import numpy.typing as npt

from lab.statistics import intervals
from lab.statistics.intervals import Floats
from lab.statistics.times import Integers


class End(enum.IntEnum):
    """How a member's follow-up ended."""

    CENSORED = 0
    """Nothing had happened when it was last seen."""
    REACHED = 1
    DIVERGED = 2


@dataclasses.dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Share of members that have ended in one way by each evaluation; vectors [E].

    A step function as `survival.Incidence`: `evaluation` starts at 0. `variance` is the sampling
    variance of `share`; the band is pointwise.
    """

    evaluation: Integers
    share: Floats
    variance: Floats
    lower: Floats
    upper: Floats
    level: float


def cumulative_incidence(
    duration: Integers, end: npt.NDArray[np.int64], cause: End, level: float
) -> CumulativeIncidence:
    """Aalen and Johansen 1978 from the last evaluation and the `End` of each member [N].

    Ends come before censorings at the same evaluation. The variance is the delta method's
    (Marubini and Valsecchi 1995, section 10.3), p(1-p)/N under a common budget. The band is
    Wilson's with p(1-p)/variance members in place of N; at p = 0 or 1 with those not yet censored.
    """
    evaluation = np.unique(np.concatenate([np.zeros(1, np.int64), duration]))
    of_cause = _at(evaluation, duration[end == cause])
    events = _at(evaluation, duration[end != End.CENSORED])
    leaving = _at(evaluation, duration)
    at_risk = len(duration) - _before(leaving)
    risk = np.maximum(at_risk, 1)
    staying = np.concatenate([[1.0], np.cumprod(1 - events / risk, dtype=np.float64)[:-1]])
    share = np.cumsum(staying * of_cause / risk, dtype=np.float64)
    variance = _variance(share, staying, of_cause, events, risk)
    followed = np.maximum(len(duration) - _before(leaving - events), 0).astype(np.float64)
    lower, upper = _band(share, variance, followed, level)
    return CumulativeIncidence(evaluation, share, variance, lower, upper, level)


def _variance(
    share: Floats, staying: Floats, of_cause: Integers, events: Integers, risk: Integers
) -> Floats:
    """The sum over t_j <= t of what the events at t_j add, by running sums in I(t) - I(t_j)."""
    # Nobody is left where all at risk ended: what follows adds nothing, and 0/0 is not asked.
    left = np.maximum(risk - events, 1)
    hazard = np.where(risk > events, events / (risk * left.astype(np.float64)), 0.0)
    own = staying**2 * (risk - of_cause) * of_cause / risk.astype(np.float64) ** 3
    both = staying * of_cause / risk.astype(np.float64) ** 2
    squares = share**2 * np.cumsum(hazard) - 2 * share * np.cumsum(share * hazard)
    squares += np.cumsum(share**2 * hazard)
    crossed = share * np.cumsum(both) - np.cumsum(share * both)
    return np.maximum(squares + np.cumsum(own) - 2 * crossed, 0.0)


def _band(share: Floats, variance: Floats, followed: Floats, level: float) -> tuple[Floats, Floats]:
    """Wilson 1927 from a share and the number of members that it is worth."""
    spread = share * (1 - share)
    # A rounding error is no variance: at shares of 0 and 1 nothing is divided by it.
    seen = (variance > 1e-15) & (spread > 1e-15)
    members = np.divide(spread, variance, out=np.array(followed), where=seen)
    z2 = intervals.normal_quantile(level) ** 2
    centre = (members * share + z2 / 2) / (members + z2)
    reach = np.sqrt(z2 * (members * spread + z2 / 4)) / (members + z2)
    lower = np.where(share <= 0, 0.0, np.maximum(centre - reach, 0))
    upper = np.where(share >= 1, 1.0, np.minimum(centre + reach, 1))
    return lower, upper


def _at(evaluation: Integers, durations: Integers) -> Integers:
    """How many durations equal each evaluation."""
    return np.bincount(np.searchsorted(evaluation, durations), minlength=len(evaluation))


def _before(counts: Integers) -> Integers:
    """The sum of all earlier counts."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]])
