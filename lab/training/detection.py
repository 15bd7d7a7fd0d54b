"""When a member has converged, decided inside the compiled program."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lab.specs import TargetSpec
from lab.words import Direction


class DetectionState(NamedTuple):
    """Carried along a member's evaluations, for K thresholds."""

    run_K: jax.Array  # int32: evaluations in a row, up to the latest, at the threshold or better
    reached_K: jax.Array  # bool
    hit_K: jax.Array  # int32: first evaluation of the first sufficient run, where reached


class Detector(NamedTuple):
    """`update(state, evaluation, value)`; evaluations are int32 and count from 1."""

    init: Callable[[], DetectionState]
    update: Callable[[DetectionState, jax.Array, jax.Array], DetectionState]


def detector(target: TargetSpec) -> Detector:
    """Finds, for every threshold in one pass, the first run of `target.sustain` evaluations.

    A value that is not a number is no success.
    """
    count = len(target.thresholds)
    maximize = target.direction is Direction.MAXIMIZE

    def init() -> DetectionState:
        return DetectionState(
            run_K=jnp.zeros(count, jnp.int32),
            reached_K=jnp.zeros(count, jnp.bool_),
            hit_K=jnp.zeros(count, jnp.int32),
        )

    def update(state: DetectionState, evaluation: jax.Array, value: jax.Array) -> DetectionState:
        thresholds_K = jnp.array(target.thresholds, value.dtype)
        success_K = value >= thresholds_K if maximize else value <= thresholds_K
        run_K = jnp.where(success_K, state.run_K + 1, 0)
        now_K = (run_K >= target.sustain) & ~state.reached_K
        return DetectionState(
            run_K=run_K,
            reached_K=state.reached_K | now_K,
            hit_K=jnp.where(now_K, evaluation - target.sustain + 1, state.hit_K),
        )

    return Detector(init, update)
