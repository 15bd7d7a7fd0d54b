"""Two-sample log-rank test: supporting evidence, never a direction.

It rejects when curves cross although neither cohort is faster (STATISTICS, section 1).
"""

import dataclasses
import math

import numpy as np
import scipy.special

from lab.statistics.tables import Table


@dataclasses.dataclass(frozen=True, slots=True)
class LogRank:
    """Events observed and expected in the first cohort; `z` above 0: more than expected."""

    observed: float
    expected: float
    z: float
    p_value: float


def logrank(table: Table) -> LogRank:
    """Log-rank with the hypergeometric variance of tied events; Mantel 1966.

    Budget-only censoring with diverged members kept at risk makes it the subdistribution (Gray)
    comparison too. No events, or all at one time: z = 0 and p = 1.
    """
    first, both = table.first.astype(np.float64), (table.first + table.second).astype(np.float64)
    at_risk = both[::-1].cumsum()[::-1][:-1]
    at_risk_first = first[::-1].cumsum()[::-1][:-1]
    events, total = both[:-1], np.maximum(at_risk, 1)
    share = at_risk_first / total
    observed, expected = float(first[:-1].sum()), float((events * share).sum())
    spread = events * share * (1 - share) * (at_risk - events) / np.maximum(total - 1, 1)
    variance = float(spread.sum())
    z = (observed - expected) / math.sqrt(variance) if variance > 0 else 0.0
    return LogRank(observed, expected, z, float(2 * scipy.special.ndtr(-abs(z))))
