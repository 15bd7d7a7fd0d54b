"""A member's own hyperparameters, looked up from its index when it starts."""

from typing import NamedTuple

import jax

from lab.training.roll import Roll


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


def hyperparameters(roll: Roll, member: jax.Array) -> Hyperparameters:
    """Those of one member, whose index is an int32 scalar."""
    return Hyperparameters(**{name: table.of(member) for name, table in roll.tables.items()})
