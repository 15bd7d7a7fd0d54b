"""What a step costs."""

import jax
import jax.numpy as jnp

from lab.training.member import Member
from lab.training.resident import Examples


def flops_per_step(member: Member, train: Examples) -> float:
    """Floating-point operations of one training step of one member, as XLA counts them.

    Forward and backward pass, optimizer and normalisation; evaluation is left out. Counted on the
    program before optimisation, so that it does not depend on the device or the number of lanes.
    """
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    analysis = jax.jit(member.step).lower(state, train).cost_analysis()
    return float(analysis["flops"])
