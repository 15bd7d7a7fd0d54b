"""What the pictures show, as arrays: shares that reached the target, and levels that were held."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lab.records.cohort import CohortRecords
from lab.statistics.quantiles import QuantileTime, quantile_time
from lab.statistics.survival import Incidence, incidence
from lab.verdicts.clocks import last_start, times_to
from lab.words import Direction, Rule

Floats = npt.NDArray[np.float64]

SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Fan:
    """`level[q, e]`: what the best SHARES[q] of all members had held by evaluation e + 1.

    A level is held when the metric stays at it, or better, for `sustain` evaluations in a row.
    """

    evaluation: npt.NDArray[np.int64]
    level: Floats


def share_reached(records: CohortRecords, threshold: int = -1) -> Incidence:
    """The share that had reached the threshold by each evaluation, with a band of level LEVEL."""
    return incidence(times_to(records, threshold), LEVEL)


def median_evaluation(records: CohortRecords, threshold: int = -1) -> QuantileTime:
    """The evaluation by which half had reached the threshold, with an interval of level LEVEL."""
    return quantile_time(times_to(records, threshold), 0.5, LEVEL)


def held_levels(records: CohortRecords) -> Floats:
    """The best level each member had held by each evaluation at which a success can start (N, E).

    Members leave the records when they have reached the hardest target, so an average over those
    still running would be one over the slow. Here every member counts to the end: from its hit on
    as exactly at the target, and after it diverged or ended as it stood. Thus the share of members
    at the target at e is the share that had reached it, and any quantile below the target is exact.

    A plateau is no level: there it is the best level seen so far, from the member's end on its own.
    """
    spec = records.spec
    sign = 1.0 if spec.target.direction is Direction.MAXIMIZE else -1.0
    raw_NxE = sign * _smoothed(raw_curves(records), spec.target.smoothing)
    raw_NxE[np.isnan(raw_NxE)] = -np.inf
    last, sustain = last_start(spec), spec.target.sustain
    worst = spec.target.metric.lower if sign > 0 else -math.inf
    if spec.target.rule is Rule.PLATEAU:
        best_NxE = np.maximum.accumulate(raw_NxE[:, :last], axis=1)
        return sign * np.maximum(best_NxE, worst)
    target = sign * spec.target.thresholds[-1]
    windows = np.lib.stride_tricks.sliding_window_view(raw_NxE, sustain, axis=1)
    held_NxE = np.maximum.accumulate(windows.min(axis=2)[:, :last], axis=1)
    evaluation = np.arange(1, last + 1)
    hit_NxE = records.reached[:, -1:] & (evaluation >= records.hit[:, -1:])
    held_NxE = np.where(hit_NxE, target, np.minimum(held_NxE, target))
    return sign * np.maximum(held_NxE, worst)


def _smoothed(values_NxE: Floats, smoothing: int) -> Floats:
    """The mean of the last so many evaluations; NaN before there are that many."""
    means = np.lib.stride_tricks.sliding_window_view(values_NxE, smoothing, axis=1).mean(axis=2)
    return np.pad(means, ((0, 0), (smoothing - 1, 0)), constant_values=np.nan)


def raw_curves(records: CohortRecords) -> Floats:
    """The target's metric as recorded, (N, evaluations); NaN where a member had ended."""
    row = np.searchsorted(records.member, records.curves.member)
    raw_NxE = np.full((len(records.member), records.spec.evaluations), np.nan)
    raw_NxE[row, records.curves.evaluation - 1] = records.curves.metrics[records.spec.target.metric]
    return raw_NxE


def fan(records: CohortRecords) -> Fan:
    """The levels that the best 10, 25, 50, 75 and 90% of all members had held.

    Order statistics, no interpolation: the line of share q meets the target at the evaluation by
    which a share q of all members had reached it. ValueError for a cohort without members.
    """
    held_NxE = held_levels(records)
    members = len(held_NxE)
    if not members:
        raise ValueError("a cohort without members holds no level")
    ascending = np.sort(held_NxE, axis=0)
    if records.spec.target.direction is Direction.MAXIMIZE:
        ascending = ascending[::-1]
    rank = [max(math.ceil(share * members - 1e-9), 1) - 1 for share in SHARES]
    return Fan(evaluation=np.arange(1, held_NxE.shape[1] + 1), level=ascending[rank])


def fan_range(cohorts: Sequence[CohortRecords]) -> tuple[float, float]:
    """From the worst decile's start to a little past the target, or past the best decile's end."""
    target = cohorts[0].spec.target
    levels = np.concatenate([fan(one).level.ravel() for one in cohorts])
    finite = levels[np.isfinite(levels)]
    if target.rule is Rule.PLATEAU:
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
        margin = 0.05 * (high - low) or 0.05
        return max(float(low - margin), target.metric.lower), float(high + margin)
    hardest = target.thresholds[-1]
    far = float(np.max(np.abs(finite - hardest), initial=0.0)) or 0.1
    if target.direction is Direction.MAXIMIZE:
        highest = min(hardest + 0.35 * far, target.metric.upper)
        return max(hardest - 1.05 * far, target.metric.lower), highest
    return max(hardest - 0.35 * far, target.metric.lower), hardest + 1.05 * far
