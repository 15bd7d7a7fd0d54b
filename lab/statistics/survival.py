"""Incidence of convergence: 1 - Kaplan-Meier, with a pointwise band."""

import dataclasses

import numpy as np
import numpy.typing as npt

from lab.statistics import intervals, proportions
from lab.statistics.competing import End, cumulative_incidence
from lab.statistics.intervals import Floats
from lab.statistics.times import Integers, Times


@dataclasses.dataclass(frozen=True, eq=False)
class Incidence:
    """Share of members that have reached by each evaluation, with a pointwise band; vectors [E].

    The curve is a step function: `share[j]` holds from `evaluation[j]` to the next; `evaluation`
    starts at 0.
    """

    evaluation: Integers
    share: Floats
    lower: Floats
    upper: Floats
    level: float


def incidence(times: Times, level: float) -> Incidence:
    """Share that has reached, by 1 - Kaplan-Meier: at every evaluation, or where somebody leaves.

    With one common follow-up that is the plain share, and the band Wilson's, since the log-log band
    is undefined at 0 and 1 (STATISTICS, section 1). Where members were lost, see `kaplan_meier`,
    or where others diverged `competing.cumulative_incidence`.
    """
    if times.lost.any():
        duration = np.where(times.reached, times.evaluation, times.follow_up)
        if not times.never.any():
            return kaplan_meier(duration, times.reached, level)
        ends = np.where(times.reached, End.REACHED, np.where(times.never, End.DIVERGED, 0))
        found = cumulative_incidence(duration, ends.astype(np.int64), End.REACHED, level)
        return Incidence(found.evaluation, found.share, found.lower, found.upper, level)
    reached = np.concatenate([[0], np.cumsum(times.counts()[:-1])])
    lower, upper = proportions.wilson_bounds(reached, times.members, level)
    share = np.asarray(reached / max(times.members, 1), dtype=np.float64)
    return Incidence(np.arange(times.last + 1), share, lower, upper, level)


def kaplan_meier(duration: Integers, reached: npt.NDArray[np.bool_], level: float) -> Incidence:
    """Unequal follow-up: members that were stopped early for no reason of their own.

    `duration[i]` is member i's hit where `reached[i]`, else the last evaluation at which a success
    of it could have started; hits come before censorings at the same evaluation. A diverged
    member's duration is the budget's, not its own end (STATISTICS, section 0, rule 2). Kaplan and
    Meier 1958; variance Greenwood 1926; log-log band Kalbfleisch and Prentice 2002, section 1.4.
    Where the curve is at 0 or 1 that band is undefined: Wilson's among the members at risk instead,
    but where all have reached no lower than just before, since the share never falls.
    """
    evaluation = np.unique(np.concatenate([np.zeros(1, np.int64), duration]))
    events = _at(evaluation, duration[reached])
    leaving = _at(evaluation, duration)
    at_risk = len(duration) - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    staying = np.maximum(at_risk - events, 0)
    surviving = np.where(at_risk > 0, staying / np.maximum(at_risk, 1), 1.0)
    survival = np.cumprod(surviving, dtype=np.float64)
    greenwood = np.cumsum(events / np.maximum(at_risk * staying, 1), dtype=np.float64)
    lower, upper = _log_log_band(survival, greenwood, level)
    edge = (survival <= 0) | (survival >= 1)
    plain = proportions.wilson_bounds(np.where(survival <= 0, at_risk, 0), at_risk, level)
    lower = np.where(edge, plain[0], lower)
    before = np.max(lower, where=survival > 0, initial=0.0)
    return Incidence(
        evaluation=evaluation,
        share=1 - survival,
        lower=np.where(survival <= 0, np.maximum(lower, before), lower),
        upper=np.where(edge, plain[1], upper),
        level=level,
    )


def _at(evaluation: Integers, durations: Integers) -> Integers:
    """How many durations equal each evaluation."""
    return np.bincount(np.searchsorted(evaluation, durations), minlength=len(evaluation))


def _log_log_band(survival: Floats, greenwood: Floats, level: float) -> tuple[Floats, Floats]:
    """Band of 1 - S from log(-log S) +- z sqrt(greenwood)/|log S|; meaningless at S = 0 and 1."""
    inside = np.clip(survival, 1e-300, 1 - 1e-16)
    log = np.log(inside)
    reach = intervals.normal_quantile(level) * np.sqrt(greenwood) / np.abs(log)
    # exp() of a large reach may overflow to infinity at S = 1, where the band is not used.
    reach = np.minimum(reach, 50.0)
    return 1 - np.exp(log * np.exp(-reach)), 1 - np.exp(log * np.exp(reach))
