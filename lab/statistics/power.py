"""How many members a test needs, and what it finds with those it has."""

import math

import scipy.special

from lab.statistics import intervals


def noether_members(probability: float, alpha: float, power: float, share: float = 0.5) -> int:
    """Members of both cohorts together that tell a win probability from 1/2.

    (z + z')^2/(12 c (1 - c)(p - 1/2)^2), `share` c of them in the first cohort; Noether 1987, JASA
    82:645, without ties. ValueError for p = 1/2, which no number tells.
    """
    if probability == 0.5:
        raise ValueError("no number of members tells 1/2 from 1/2")
    total = _quantiles(alpha, power) ** 2
    return math.ceil(total / (12 * share * (1 - share) * (probability - 0.5) ** 2))


def noether_power(probability: float, alpha: float, members: int, share: float = 0.5) -> float:
    """Chance that the test rejects with so many members of both cohorts together."""
    reach = math.sqrt(12 * share * (1 - share) * members) * abs(probability - 0.5)
    return float(scipy.special.ndtr(reach - intervals.normal_quantile(1 - alpha)))


def schoenfeld_events(hazard_ratio: float, alpha: float, power: float, share: float = 0.5) -> int:
    """Members of both cohorts that must reach, for the log-rank test to tell a hazard ratio.

    (z + z')^2/(c (1 - c) log^2 HR); Schoenfeld 1983, Biometrics 39:499. ValueError for
    a ratio of 1.
    """
    if hazard_ratio == 1:
        raise ValueError("no number of events tells a hazard ratio of 1 from 1")
    total = _quantiles(alpha, power) ** 2
    return math.ceil(total / (share * (1 - share) * math.log(hazard_ratio) ** 2))


def _quantiles(alpha: float, power: float) -> float:
    return intervals.normal_quantile(1 - alpha) + float(scipy.special.ndtri(power))
