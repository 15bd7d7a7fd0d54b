"""What a step costs."""

from typing import Any

import jax
import jax.numpy as jnp

from lab.data.loading import Split
from lab.training.member import Member
from lab.training.resident import Examples


def flops_per_step(member: Member, train: Split) -> float:
    """Floating-point operations of one training step of one member, as XLA counts them.

    Forward and backward pass, optimizer and normalisation; evaluation is left out. Counted on the
    program before optimisation, so that it does not depend on the device or the number of lanes.
    """
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    examples = jax.eval_shape(Examples, train.inputs, train.targets)
    analysis: Any = jax.jit(member.step).lower(state, examples).cost_analysis()
    return float(analysis["flops"])
