"""Whether times rise or fall with size over several cohorts, and by how much."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval
from lab.statistics.times import Integers

_STEPS = 200
_HALVINGS = 40
_FARTHEST = 20.0
"""A log hazard beyond this is on its way to infinity."""
_ENOUGH = 1e-14


@dataclasses.dataclass(frozen=True, slots=True)
class Ordered:
    """Jonckheere and Terpstra's test; `z` above 0: later cohorts take longer."""

    statistic: float
    z: float
    p_value: float


def jonckheere(cohorts: Sequence[Integers]) -> Ordered:
    """Of cohorts in their order, as counts over ordered cells [K]; ties count half.

    The variance with ties is Lehmann 1975's (Nonparametrics, appendix, example 35); z = 0 and p = 1
    where it vanishes.
    """
    counts = [np.asarray(one, dtype=np.float64) for one in cohorts]
    statistic = sum(
        float(one @ (other.sum() - np.cumsum(other) + other / 2))
        for index, one in enumerate(counts)
        for other in counts[index + 1 :]
    )
    sizes = np.array([one.sum() for one in counts])
    ties = np.sum(counts, axis=0) if counts else np.zeros(0)
    total = sizes.sum()
    mean = (total**2 - (sizes**2).sum()) / 4
    variance = _variance(sizes, ties, float(total))
    z = float((statistic - mean) / math.sqrt(variance)) if variance > 1e-9 else 0.0
    return Ordered(statistic, z, float(2 * scipy.special.ndtr(-abs(z))))


@dataclasses.dataclass(frozen=True, slots=True)
class Slope:
    """Grouped proportional hazards: log hazard of reaching per unit of the covariate.

    Above 0: the larger reach sooner. `lack_of_fit_p_value` is of the straight line against a level
    of its own for each cohort; None where there are but two, or one's is infinite.
    """

    slope: Interval
    lack_of_fit_p_value: float | None


def hazard_slope(
    cohorts: Sequence[Integers], covariate: Sequence[float], level: float
) -> Slope | None:
    """The slope in a covariate, such as log parameters; None where it cannot be estimated.

    Binomial with a complementary log-log link and one intercept an evaluation: exact for hazards
    that are proportional in continuous time and seen on a grid (Prentice and Gloeckler 1978,
    Biometrics 34:57). Not estimable: a cohort of which nobody reached, or covariates that are one.
    """
    events, at_risk, owner = _person_times(cohorts)
    x = np.asarray(covariate, dtype=np.float64)
    if len(set(covariate)) < 2 or any(int(one[:-1].sum()) == 0 for one in cohorts):
        return None
    if not len(at_risk):
        return None
    times, row = np.unique(events[1], return_inverse=True)
    grid = np.eye(len(times))[row]
    centred = x - x.mean()
    line = _fit(np.column_stack([grid, centred[owner]]), events[0], at_risk)
    factor = np.eye(len(cohorts))[owner][:, 1:]
    full = _fit(np.column_stack([grid, factor]), events[0], at_risk)
    if line is None:
        return None
    estimate, error = float(line.coefficients[-1]), math.sqrt(float(line.covariance[-1, -1]))
    reach = intervals.normal_quantile(level) * error
    spare = len(cohorts) - 2
    fit = None
    if full is not None and spare:
        misfit = max(2 * (full.log_likelihood - line.log_likelihood), 0.0)
        fit = float(scipy.special.chdtrc(spare, misfit))
    return Slope(
        slope=Interval(estimate, estimate - reach, estimate + reach, level),
        lack_of_fit_p_value=fit,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Fitted:
    coefficients: Floats
    covariance: Floats
    log_likelihood: float


def _variance(sizes: Floats, ties: Floats, total: float) -> float:
    if total < 2:
        return 0.0

    def spread(count: Floats | float) -> Floats | float:
        return count * (count - 1) * (2 * count + 5)

    def triples(count: Floats) -> float:
        return float((count * (count - 1) * (count - 2)).sum())

    def twos(count: Floats) -> float:
        return float((count * (count - 1)).sum())

    first = float(spread(total) - np.sum(spread(sizes)) - np.sum(spread(ties))) / 72
    second = triples(sizes) * triples(ties) / max(36 * total * (total - 1) * (total - 2), 1)
    return first + second + twos(sizes) * twos(ties) / (8 * total * (total - 1))


def _person_times(
    cohorts: Sequence[Integers],
) -> tuple[tuple[Integers, Integers], Integers, Integers]:
    """Rows of (events, time), at risk, and cohort, at times when some of all at risk reached."""
    counts = np.stack([np.asarray(one, dtype=np.int64) for one in cohorts])
    at_risk = counts[:, ::-1].cumsum(1)[:, ::-1][:, :-1]
    events = counts[:, :-1]
    # A time at which all that are left reach fits any slope, by an intercept that has no end.
    told = (events.sum(axis=0) > 0) & (events.sum(axis=0) < at_risk.sum(axis=0))
    times = np.flatnonzero(told)
    owner, column = np.nonzero(at_risk[:, times])
    return (
        (events[:, times][owner, column], times[column]),
        at_risk[:, times][owner, column],
        owner,
    )


def _fit(design: Floats, events: Integers, at_risk: Integers) -> _Fitted | None:
    """Maximum likelihood by Fisher scoring, steps halved; None where no finite maximum is.

    From each time's own share: from a common one, which few of the last that are left would have, a
    step may leap beyond any finite maximum.
    """
    share = (events + 0.5) / (at_risk + 1)
    beta = np.linalg.lstsq(design, np.log(-np.log1p(-share)))[0]
    before = _log_likelihood(design @ beta, events, at_risk)
    for _ in range(_STEPS):
        hazard = np.exp(design @ beta)
        p, slope = -np.expm1(-hazard), hazard * np.exp(-hazard)
        weight = at_risk * slope**2 / np.maximum(p * (1 - p), 1e-300)
        information = design.T @ (weight[:, None] * design)
        score = design.T @ (slope / np.maximum(p * (1 - p), 1e-300) * (events - at_risk * p))
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        for _ in range(_HALVINGS):
            now = _log_likelihood(design @ (beta + step), events, at_risk)
            if now >= before:
                break
            step = step / 2
        beta, gain, before = beta + step, now - before, now
        if np.abs(design @ beta).max() > _FARTHEST:
            return None
        if abs(gain) <= _ENOUGH * (1 + abs(now)):
            return _Fitted(np.asarray(beta, np.float64), np.linalg.inv(information), now)
    return None


def _log_likelihood(eta: Floats, events: Integers, at_risk: Integers) -> float:
    """Of binomial counts, but for what the data alone give; -inf where a hazard overflows."""
    if np.abs(eta).max() > 2 * _FARTHEST:
        return -math.inf
    hazard = np.exp(eta)
    with_events = np.where(events > 0, events * np.log(np.maximum(-np.expm1(-hazard), 1e-300)), 0)
    return float((with_events - (at_risk - events) * hazard).sum())
