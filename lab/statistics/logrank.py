"""Two-sample log-rank tests: supporting evidence, never a direction.

They reject when curves cross although neither cohort is faster (STATISTICS, section 1).
"""

import dataclasses
import enum
import math
from collections.abc import Sequence

import numpy as np
import scipy.special

from lab.statistics.follow_up import Exposure
from lab.statistics.intervals import Floats
from lab.statistics.tables import Table
from lab.statistics.times import Integers


class Weight(enum.Enum):
    """What a time counts for: S is the share of both cohorts that had not reached before it."""

    EQUAL = "log-rank"
    AT_RISK = "Gehan"
    """As many as are at risk; Gehan 1965, Breslow 1970."""
    EARLY = "early"
    """S; Fleming and Harrington 1981, (1, 0)."""
    LATE = "late"
    """1 - S; (0, 1)."""
    MIDDLE = "middle"
    """S(1 - S); (1, 1)."""


_COMBINED = (Weight.EQUAL, Weight.EARLY, Weight.LATE, Weight.MIDDLE)


@dataclasses.dataclass(frozen=True, slots=True)
class LogRank:
    """Weighted events seen and expected in the first cohort; `z` above 0: more than expected."""

    observed: float
    expected: float
    z: float
    p_value: float


def logrank(*strata: Table, weight: Weight = Weight.EQUAL) -> LogRank:
    """Log-rank with the hypergeometric variance of tied events, summed over strata; Mantel 1966.

    Budget-only censoring with diverged members kept at risk makes it the subdistribution (Gray)
    comparison too. No events, or all at one time: z = 0 and p = 1.
    """
    observed, expected, variance = (
        float(sum(float(one) for one in each))
        for each in zip(*(_moments(one.first, one.second, weight) for one in strata), strict=True)
    )
    z = (observed - expected) / math.sqrt(variance) if variance > 0 else 0.0
    return LogRank(observed, expected, z, float(2 * scipy.special.ndtr(-abs(z))))


def logrank_at_risk(first: Exposure, second: Exposure, weight: Weight = Weight.EQUAL) -> LogRank:
    """Log-rank of two cohorts that were followed for unlike times, by their risk sets; Mantel 1966.

    Members count among those at risk until they were lost; diverged ones stay, in such a number as
    would not have been lost by then (Gray 1988, Annals of Statistics 16:1141). Weights by S take
    the curve of both cohorts together; Gehan's depend on the losses too, so prefer the others.
    """
    events = np.stack([first.reached, second.reached]).astype(np.float64)
    at_risk = np.stack([_with_gone(first), _with_gone(second)])
    observed, expected, variance = map(float, _of_risk_sets(events, at_risk, weight))
    z = (observed - expected) / math.sqrt(variance) if variance > 1e-12 else 0.0
    return LogRank(observed, expected, z, float(2 * scipy.special.ndtr(-abs(z))))


def _with_gone(side: Exposure) -> Floats:
    """Members at risk, and of the diverged as many as would not have been lost yet [K - 1]."""
    before = np.append(0.0, side.incidence)[:-1]
    share = (1 - before) / np.maximum(side.staying, 1e-12)
    return np.where(side.staying > 1e-12, side.at_risk * share, side.members - side.reached.sum())


def permutation_p(table: Table, relabelled: Integers, weight: Weight = Weight.EQUAL) -> float:
    """p-value of |z| under exchanged labels, counts [draws, K]; the observed one counts as a draw.

    For cohorts too small for `logrank`'s normal theory (one member against ten: p = .0016 there, 2
    of 11 ways here), and for members that depend on each other. 1 where a cohort is empty.
    """
    return _as_large(table, relabelled, (weight,))


def max_combo_p(table: Table, relabelled: Integers) -> float:
    """p-value of the largest |z| among log-rank, early, late and middle weights.

    By permutation, as `permutation_p`: the four are correlated, and no table knows how. 1 where a
    cohort is empty or nobody reached.
    """
    return _as_large(table, relabelled, _COMBINED)


def max_combo_z(table: Table) -> float:
    """The z of whichever of those weights has the largest |z|."""
    return max((logrank(table, weight=weight).z for weight in _COMBINED), key=abs)


def _as_large(table: Table, relabelled: Integers, weights: Sequence[Weight]) -> float:
    pooled = table.first + table.second
    if not table.first.sum() or not table.second.sum() or not pooled[:-1].any():
        return 1.0
    observed = _largest(table.first, table.second, weights)
    found = _largest(relabelled, pooled - relabelled, weights) >= observed - 1e-9
    return (int(found.sum()) + 1) / (len(relabelled) + 1)


def _largest(first: Integers, second: Integers, weights: Sequence[Weight]) -> Floats:
    """The largest |z| of these weights [...]."""
    found = []
    for weight in weights:
        observed, expected, variance = _moments(first, second, weight)
        z = np.divide(
            observed - expected,
            np.sqrt(variance),
            out=np.zeros_like(variance),
            where=variance > 1e-12,
        )
        found.append(np.abs(z))
    return np.asarray(np.max(found, axis=0))


def _moments(first: Integers, second: Integers, weight: Weight) -> tuple[Floats, Floats, Floats]:
    """Observed and expected weighted events of the first cohort, and their variance [...]."""
    one = np.asarray(first, dtype=np.float64)
    counts = np.stack(np.broadcast_arrays(one, np.asarray(second, dtype=np.float64)))
    at_risk = counts[..., ::-1].cumsum(-1)[..., ::-1][..., :-1]
    return _of_risk_sets(counts[..., :-1], at_risk, weight)


def _of_risk_sets(
    events_of: Floats, at_risk_of: Floats, weight: Weight
) -> tuple[Floats, Floats, Floats]:
    """The same from events and members at risk of either cohort at each time [2, ..., K - 1]."""
    events, at_risk = events_of.sum(0), at_risk_of.sum(0)
    total = np.maximum(at_risk, 1)
    share = at_risk_of[0] / total
    factor = _weights(weight, events, at_risk)
    spread = events * share * (1 - share) * (at_risk - events) / np.maximum(total - 1, 1)
    return (
        np.asarray((factor * events_of[0]).sum(-1)),
        np.asarray((factor * events * share).sum(-1)),
        np.asarray((factor**2 * spread).sum(-1)),
    )


def _weights(weight: Weight, events: Floats, at_risk: Floats) -> Floats:
    """Of each time [..., K - 1], from what was known just before it."""
    staying = 1 - events / np.maximum(at_risk, 1)
    after = np.cumprod(staying, axis=-1)
    before = np.concatenate([np.ones_like(after[..., :1]), after[..., :-1]], axis=-1)
    match weight:
        case Weight.EQUAL:
            return np.ones_like(before)
        case Weight.AT_RISK:
            return at_risk
        case Weight.EARLY:
            return before
        case Weight.LATE:
            return 1 - before
        case Weight.MIDDLE:
            return before * (1 - before)
