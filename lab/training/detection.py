"""When a member has converged, decided inside the compiled program."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lab.specs import TargetSpec
from lab.words import Direction, Rule


class DetectionState(NamedTuple):
    """Carried along a member's evaluations, for K thresholds and a window of W + S - 1 values.

    W is the target's `sustain`, S its `smoothing`.
    """

    latest_V: jax.Array  # float32: values of the latest evaluations, oldest first; NaN before them
    best: jax.Array | None  # float32 []: best smoothed value so far; only a plateau needs it
    reached_K: jax.Array  # bool
    hit_K: jax.Array  # int32: first evaluation of the first sufficient run, where reached


class Detector(NamedTuple):
    """`update(state, evaluation, value)`; evaluations are int32 and count from 1."""

    init: Callable[[], DetectionState]
    update: Callable[[DetectionState, jax.Array, jax.Array], DetectionState]


def detector(target: TargetSpec) -> Detector:
    """Finds, for every threshold in one pass, the first run of `target.sustain` evaluations.

    A value that is not a number is no success, nor is any mean that it takes part in.
    """
    count = len(target.thresholds)
    width, smoothing = target.sustain, target.smoothing
    maximize = target.direction is Direction.MAXIMIZE
    plateau = target.rule is Rule.PLATEAU
    worst = -jnp.inf if maximize else jnp.inf
    better = jnp.fmax if maximize else jnp.fmin  # NaN is never the best.

    def init() -> DetectionState:
        return DetectionState(
            latest_V=jnp.full(width + smoothing - 1, jnp.nan, jnp.float32),
            best=jnp.full((), worst, jnp.float32) if plateau else None,
            reached_K=jnp.zeros(count, jnp.bool_),
            hit_K=jnp.zeros(count, jnp.int32),
        )

    def successes(smooth_W: jax.Array, best: jax.Array | None) -> jax.Array:
        """bool [K, W]: which of the latest evaluations are a success, as known by now."""
        thresholds_Kx1 = jnp.array(target.thresholds, jnp.float32)[:, None]
        smooth_1xW = smooth_W[None, :]
        if best is not None:
            behind_1xW = best - smooth_1xW if maximize else smooth_1xW - best
            return behind_1xW <= thresholds_Kx1
        return smooth_1xW >= thresholds_Kx1 if maximize else smooth_1xW <= thresholds_Kx1

    def update(state: DetectionState, evaluation: jax.Array, value: jax.Array) -> DetectionState:
        latest_V = jnp.concatenate([state.latest_V[1:], value.astype(jnp.float32)[None]])
        smooth_W = jnp.stack([latest_V[i : i + smoothing].mean() for i in range(width)])
        best = None if state.best is None else better(state.best, smooth_W[-1])
        now_K = successes(smooth_W, best).all(1) & ~state.reached_K
        return DetectionState(
            latest_V=latest_V,
            best=best,
            reached_K=state.reached_K | now_K,
            hit_K=jnp.where(now_K, evaluation - width + 1, state.hit_K),
        )

    return Detector(init, update)
