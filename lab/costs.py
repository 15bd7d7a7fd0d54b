"""What a step costs."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lab.data.arrays import Split
from lab.training.member import Member
from lab.training.resident import Examples


class StepCost(NamedTuple):
    """Of one training step of one member, from shapes alone: nothing compiled, nothing computed."""

    flops: float
    moved_bytes: float  # all arrays of the step, before XLA fuses operations
    state_bytes: int  # what a member holds from step to step


def step_cost(member: Member, train: Split, batch_size: int) -> StepCost:
    """The cost as XLA counts it on the program before optimisation, on any device the same.

    Forward and backward pass, normalisation, loss and optimizer; evaluation is left out, and so is
    the drawing of the batch, which XLA would count though it is all integers.
    """
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    batch = jax.tree.map(
        lambda one: jax.ShapeDtypeStruct((batch_size, *one.shape[1:]), one.dtype),
        jax.eval_shape(Examples, train.inputs[:1], train.targets[:1]),
    )
    analysis: Any = jax.jit(member.learn).lower(state, batch).cost_analysis()
    leaves = jax.tree.leaves(state)
    return StepCost(
        flops=float(analysis["flops"]),
        moved_bytes=float(analysis["bytes accessed"]),
        state_bytes=sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves),
    )
