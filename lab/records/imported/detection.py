"""Times to a target from whole curves, by the rules that members are trained under."""

import numpy as np
import numpy.typing as npt

from lab.specs import TargetSpec
from lab.words import Direction, Rule

Matrix = npt.NDArray[np.float64]


def first_hits(
    values_NxE: Matrix, target: TargetSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Evaluation of the first hit (from 1, where reached) and whether reached, both [N, K].

    NaN is no success, nor is any mean that it takes part in: it stands for an evaluation that was
    not finite, or past the end of a run. In float32, as members detect.
    """
    if values_NxE.shape[1] < target.sustain + target.smoothing - 1:
        hit_NxK = np.zeros((len(values_NxE), len(target.thresholds)), np.int64)
        return hit_NxK, hit_NxK > 0
    sign = np.float32(1 if target.direction is Direction.MAXIMIZE else -1)
    smooth_NxE = _smoothed(sign * values_NxE.astype(np.float32), target.smoothing)
    hits = [_hits(smooth_NxE, target, sign, threshold) for threshold in target.thresholds]
    hit_NxK = np.stack(hits, axis=1)
    return hit_NxK, hit_NxK > 0


def _smoothed(values_NxE: npt.NDArray[np.float32], smoothing: int) -> npt.NDArray[np.float32]:
    if smoothing == 1:
        return values_NxE
    windows = np.lib.stride_tricks.sliding_window_view(values_NxE, smoothing, axis=1)
    means = windows.mean(axis=2, dtype=np.float32)
    return np.pad(means, ((0, 0), (smoothing - 1, 0)), constant_values=np.nan)


def _hits(
    smooth_NxE: npt.NDArray[np.float32], target: TargetSpec, sign: np.float32, threshold: float
) -> npt.NDArray[np.int64]:
    """The first evaluation of the first sufficient run, 0 where there is none [N]."""
    sustain = target.sustain
    if target.rule is Rule.PLATEAU:
        runs_NxRxS = np.lib.stride_tricks.sliding_window_view(smooth_NxE, sustain, axis=1)
        best_NxE = np.fmax.accumulate(smooth_NxE, axis=1)[:, sustain - 1 :]
        behind = best_NxE[:, :, None] - runs_NxRxS
        success_NxR: npt.NDArray[np.bool_] = np.all(behind <= np.float32(threshold), axis=2)
    else:
        # Not the minimum of a run compared: a NaN in it must fail, whatever the rest.
        success_NxE = smooth_NxE >= sign * np.float32(threshold)
        runs = np.lib.stride_tricks.sliding_window_view(success_NxE, sustain, axis=1)
        success_NxR = np.all(runs, axis=2)
    return np.where(success_NxR.any(axis=1), success_NxR.argmax(axis=1) + 1, 0)
