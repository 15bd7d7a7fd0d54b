"""A member's own hyperparameters, looked up from its index when it starts."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lab.specs import CohortSpec
from lab.words import Hyperparameter


class Hyperparameters(NamedTuple):
    """float32 scalars, carried with the member; None is what its cohort does without.

    Nothing is compiled for those that are None.
    """

    learning_rate: jax.Array
    weight_decay: jax.Array | None = None
    momentum: jax.Array | None = None
    warmup_steps: jax.Array | None = None
    clip_norm: jax.Array | None = None
    ema_decay: jax.Array | None = None
    dropout: jax.Array | None = None
    label_smoothing: jax.Array | None = None


def hyperparameters(cohort: CohortSpec, member: jax.Array) -> Hyperparameters:
    """Those of one member, whose index is an int32 scalar.

    A value that is 0 for all members is one that the cohort does without.
    """
    found = {}
    for which in Hyperparameter:
        values = cohort.values(which)
        if any(values):
            found[which.value] = jnp.array(values, jnp.float32)[member % len(values)]
    return Hyperparameters(**found)
