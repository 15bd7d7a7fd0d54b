"""What a step costs."""

from typing import Any

import jax
import jax.numpy as jnp

from lab.data.loading import Split
from lab.training.member import Member
from lab.training.resident import Examples


def flops_per_step(member: Member, train: Split, batch_size: int) -> float:
    """Floating-point operations of one training step of one member, as XLA counts them.

    Forward and backward pass, normalisation, loss and optimizer; evaluation is left out, and so is
    the drawing of the batch, which XLA would count though it is all integers. Counted on the
    program before optimisation, so that it does not depend on the device or the number of lanes.
    """
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    batch = jax.eval_shape(Examples, train.inputs[:1], train.targets[:1])
    batch = jax.tree.map(
        lambda one: jax.ShapeDtypeStruct((batch_size, *one.shape[1:]), one.dtype), batch
    )
    analysis: Any = jax.jit(member.learn).lower(state, batch).cost_analysis()
    return float(analysis["flops"])
