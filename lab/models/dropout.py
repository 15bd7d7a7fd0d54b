"""Parts of a network left out of a training pass at random."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def drop(module: nn.Module, x: jax.Array, rate: jax.Array | None) -> jax.Array:
    """Each number of `x` is 0 with probability `rate`, else divided by 1 - `rate`.

    Srivastava et al. 2014, section 10 (scaled in training, so that evaluation needs nothing). The
    rate may be a traced one, as a member's own is. Draws from the `dropout` stream of `module`,
    anew at each call; None does nothing.
    """
    if rate is None:
        return x
    kept = jax.random.bernoulli(module.make_rng("dropout"), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate).astype(x.dtype), jnp.zeros((), x.dtype))


def drop_branch(module: nn.Module, x: jax.Array, rate: float, train: bool) -> jax.Array:
    """A residual branch's output [B, ...]: of each example 0 with probability `rate`, in training.

    Huang et al. 2016, "Deep networks with stochastic depth", section 3; by examples rather than
    batches, and what is kept is divided by 1 - `rate`, as in `drop`, whose stream it draws from.
    """
    if rate == 0 or not train:
        return x
    shape = (x.shape[0], *(1,) * (x.ndim - 1))
    kept = jax.random.bernoulli(module.make_rng("dropout"), 1 - rate, shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


def branch_rates(last: float, branches: int) -> tuple[float, ...]:
    """Rising in a line to that of the last branch: equation 4 of the same paper."""
    return tuple(last * (branch + 1) / branches for branch in range(branches))
