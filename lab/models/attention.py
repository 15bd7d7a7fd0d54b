"""Attention, and the block of a Transformer around it.

Vaswani et al. 2017, "Attention is all you need", sections 3.1 to 3.3. Each layer is normalised
before, and with GELU, as in Radford et al. 2019, "Language models are unsupervised multitask
learners", section 2.3; dropout is of section 5.4 of the first.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.activations import activation
from lab.models.dropout import drop, drop_branch
from lab.models.normalisation import normalised
from lab.specs import TransformerSpec, ViTSpec


class Attention(nn.Module):
    """Each position sees all.

    Scores are divided by the root of a head's width; under muP by that width, relative to
    `base_head`, a head's at the base width (Yang et al. 2022, "Tensor programs V", definition 4.1).
    """

    heads: int
    base_head: float | None = None
    causal: bool = False

    @nn.compact
    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        """[B, T, D] to [B, T, D]."""
        b, t, d = x_BxTxD.shape
        # Without biases: softmax takes a key's away again, so its gradient would be rounding alone.
        projected = nn.Dense(3 * d, use_bias=False)(x_BxTxD)
        projected = projected.reshape(b, t, 3, self.heads, d // self.heads)
        q_BxTxHxK, k_BxTxHxK, v_BxTxHxK = jnp.moveaxis(projected, 2, 0)
        scores_BxHxTxS = jnp.einsum("bthk,bshk->bhts", q_BxTxHxK, k_BxTxHxK)
        head = d // self.heads
        divisor = math.sqrt(head) if self.base_head is None else head / math.sqrt(self.base_head)
        scores_BxHxTxS = scores_BxHxTxS / divisor
        if self.causal:
            seen_TxS = jnp.tril(jnp.ones((t, t), jnp.bool_))
            scores_BxHxTxS = jnp.where(seen_TxS[None, None], scores_BxHxTxS, -jnp.inf)
        weights_BxHxTxS = nn.softmax(scores_BxHxTxS)
        mixed_BxTxHxK = jnp.einsum("bhts,bshk->bthk", weights_BxHxTxS, v_BxTxHxK)
        return nn.Dense(d)(mixed_BxTxHxK.reshape(b, t, d))


class CausalAttention(Attention):
    """Each position sees itself and those before it."""

    causal: bool = True


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to what it read."""

    spec: TransformerSpec | ViTSpec
    attention: type[Attention]
    base_head: float | None
    stochastic_depth: float

    @nn.compact
    def __call__(
        self, x_BxTxD: jax.Array, *, train: bool, dropout: jax.Array | None = None
    ) -> jax.Array:
        """[B, T, D] to [B, T, D]."""
        spec, width = self.spec, x_BxTxD.shape[-1]
        norm = functools.partial(normalised, which=spec.normalisation, train=train)

        def added(x_BxTxD: jax.Array, branch_BxTxD: jax.Array) -> jax.Array:
            branch_BxTxD = drop(self, branch_BxTxD, dropout)
            if not spec.skips:
                return branch_BxTxD
            return x_BxTxD + drop_branch(self, branch_BxTxD, self.stochastic_depth, train)

        attention = self.attention(spec.heads, self.base_head)
        x_BxTxD = added(x_BxTxD, attention(norm(x_BxTxD)))
        hidden = activation(spec.activation)(nn.Dense(spec.expansion * width)(norm(x_BxTxD)))
        return added(x_BxTxD, nn.Dense(width)(hidden))
