"""Two-sample log-rank tests: supporting evidence, never a direction.

They reject when curves cross although neither cohort is faster (STATISTICS, section 1).
"""

import dataclasses
import enum
import math
from collections.abc import Sequence

import numpy as np
import scipy.special

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
    both = one + second
    at_risk = both[..., ::-1].cumsum(-1)[..., ::-1][..., :-1]
    at_risk_one = one[..., ::-1].cumsum(-1)[..., ::-1][..., :-1]
    events, total = both[..., :-1], np.maximum(at_risk, 1)
    share = at_risk_one / total
    factor = _weights(weight, events, at_risk)
    spread = events * share * (1 - share) * (at_risk - events) / np.maximum(total - 1, 1)
    return (
        np.asarray((factor * one[..., :-1]).sum(-1)),
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
