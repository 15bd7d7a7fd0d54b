"""Dropout at a rate that may be a traced one, as a member's own is."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def drop(module: nn.Module, x: jax.Array, rate: jax.Array | None) -> jax.Array:
    """Each number of `x` is 0 with probability `rate`, else divided by 1 - `rate`.

    Srivastava et al. 2014, section 10 (scaled in training, so that evaluation needs nothing). Draws
    from the `dropout` stream of `module`, anew at each call; None does nothing.
    """
    if rate is None:
        return x
    kept = jax.random.bernoulli(module.make_rng("dropout"), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate).astype(x.dtype), jnp.zeros((), x.dtype))
