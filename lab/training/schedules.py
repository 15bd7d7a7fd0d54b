"""The learning rate of a member's next update, from its own step and its own hyperparameters."""

import math
from typing import assert_never

import jax
import jax.numpy as jnp

from lab.specs import (
    ConstantSchedule,
    CosineSchedule,
    InverseSquareRootSchedule,
    ScheduleSpec,
    StepSchedule,
)
from lab.training.hyperparameters import Hyperparameters


def learning_rate(schedule: ScheduleSpec, step: jax.Array, hyper: Hyperparameters) -> jax.Array:
    """float32 scalar; `step` (int32) is the number of updates done, warm-up included."""
    if hyper.warmup_steps is None:
        return _scheduled(schedule, step, jnp.zeros(()), hyper.learning_rate)
    done = step.astype(jnp.float32)
    after = jnp.maximum(step - hyper.warmup_steps.astype(jnp.int32), 0)
    scheduled = _scheduled(schedule, after, hyper.warmup_steps, hyper.learning_rate)
    # Where there is no warm-up the quotient is not finite, and not taken.
    climbing = hyper.learning_rate * (done + 1) / hyper.warmup_steps
    return jnp.where(done < hyper.warmup_steps, climbing, scheduled)


def _scheduled(
    schedule: ScheduleSpec, after: jax.Array, warmup_steps: jax.Array, rate: jax.Array
) -> jax.Array:
    """The rate `after` so many updates past the warm-up, an int32."""
    past = after.astype(jnp.float32)
    match schedule:
        case ConstantSchedule():
            return rate
        case CosineSchedule(decay_steps, final):
            progress = jnp.minimum(past / (decay_steps - warmup_steps), 1.0)
            return rate * (final + (1 - final) * 0.5 * (1 + jnp.cos(math.pi * progress)))
        case StepSchedule(interval, factor):
            # Counted in whole numbers: compiled, a quotient of floats may fall short of the drop.
            return rate * factor ** (after // interval).astype(jnp.float32)
        case InverseSquareRootSchedule(timescale):
            return rate * jnp.sqrt(timescale / (timescale + past))
        case _:
            assert_never(schedule)
