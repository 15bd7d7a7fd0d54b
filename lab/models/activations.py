"""The activations that a spec may name."""

from collections.abc import Callable
from typing import assert_never

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.ops import relu6
from lab.words import Activation


def activation(which: Activation) -> Callable[[jax.Array], jax.Array]:
    """The function; all are 0 at 0. GELU is its approximation by tanh."""
    match which:
        case Activation.RELU:
            return nn.relu
        case Activation.RELU6:
            return relu6
        case Activation.GELU:
            return nn.gelu
        case Activation.SILU:
            return nn.silu
        case Activation.TANH:
            return jnp.tanh
        case _:
            assert_never(which)
