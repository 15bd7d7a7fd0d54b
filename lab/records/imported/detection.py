"""Times to a target from whole curves, by the rules that members are trained under."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.records.cohort import Precision
from lab.specs import TargetSpec
from lab.words import Direction, Rule

Matrix = npt.NDArray[np.float64]
AnyFloats = npt.NDArray[np.floating[Any]]


def first_hits(
    values_NxE: Matrix, target: TargetSpec, precision: Precision
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Evaluation of the first hit (from 1, where reached) and whether reached, both [N, K].

    NaN is no success, nor is any mean that it takes part in: it stands for an evaluation that was
    not finite, or past the end of a run.

    Args:
        values_NxE: the metric of each run at each evaluation.
        target: thresholds and rules.
        precision: the numbers that the values were before they became doubles. A threshold is
            rounded to them: 0.7 kept as float32 is 0.699999988, and meets a target of 0.7. In
            float32 all is done as members detect in training, to the bit.
    """
    if values_NxE.shape[1] < target.sustain + target.smoothing - 1:
        hit_NxK = np.zeros((len(values_NxE), len(target.thresholds)), np.int64)
        return hit_NxK, hit_NxK > 0
    sign = 1 if target.direction is Direction.MAXIMIZE else -1
    # A threshold beyond what the precision holds is infinite there: nothing reaches it.
    with np.errstate(over="ignore"):
        thresholds = [precision(one) for one in target.thresholds]
        smooth_NxE = _smoothed((sign * values_NxE).astype(precision), target.smoothing)
    hits = [_hits(smooth_NxE, target, sign, threshold) for threshold in thresholds]
    hit_NxK = np.stack(hits, axis=1)
    return hit_NxK, hit_NxK > 0


def _smoothed(values_NxE: AnyFloats, smoothing: int) -> AnyFloats:
    """Means of the last `smoothing` values, NaN before there are so many.

    Of halves in float32, and of float32 too. Of doubles a mean is taken for the largest number that
    rounding may have made it of: the float mean of three times 0.7 lies below 0.7.
    """
    if smoothing == 1:
        return values_NxE
    windows = np.lib.stride_tricks.sliding_window_view(values_NxE, smoothing, axis=1)
    means: AnyFloats = windows.mean(axis=2, dtype=np.promote_types(values_NxE.dtype, np.float32))
    if values_NxE.dtype == np.float64:
        means = means + 4 * np.finfo(np.float64).eps * np.abs(windows).mean(axis=2)
    return np.pad(means, ((0, 0), (smoothing - 1, 0)), constant_values=np.nan)


def _hits(
    smooth_NxE: AnyFloats, target: TargetSpec, sign: int, threshold: np.floating[Any]
) -> npt.NDArray[np.int64]:
    """The first evaluation of the first sufficient run, 0 where there is none [N]."""
    sustain = target.sustain
    if target.rule is Rule.PLATEAU:
        runs_NxRxS = np.lib.stride_tricks.sliding_window_view(smooth_NxE, sustain, axis=1)
        best_NxE = np.fmax.accumulate(smooth_NxE, axis=1)[:, sustain - 1 :]
        behind = best_NxE[:, :, None] - runs_NxRxS
        success_NxR: npt.NDArray[np.bool_] = np.all(behind <= threshold, axis=2)
    else:
        # Not the minimum of a run compared: a NaN in it must fail, whatever the rest.
        success_NxE = smooth_NxE >= sign * threshold
        runs = np.lib.stride_tricks.sliding_window_view(success_NxE, sustain, axis=1)
        success_NxR = np.all(runs, axis=2)
    return np.where(success_NxR.any(axis=1), success_NxR.argmax(axis=1) + 1, 0)
