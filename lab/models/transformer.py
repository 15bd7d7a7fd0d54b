"""A decoder-only Transformer with normalisation before each sublayer.

Vaswani et al. 2017, "Attention is all you need", sections 3.1 to 3.3; the order of layers, learned
positions and GELU are those of Radford et al. 2019, "Language models are unsupervised multitask
learners", section 2.3.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.specs import TransformerSpec

MLP_RATIO = 4


class CausalAttention(nn.Module):
    """Each position sees itself and those before it."""

    heads: int

    @nn.compact
    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        """[B, T, D] to [B, T, D]."""
        b, t, d = x_BxTxD.shape
        # Without biases: softmax takes a key's away again, so its gradient would be rounding alone.
        projected = nn.Dense(3 * d, use_bias=False)(x_BxTxD)
        projected = projected.reshape(b, t, 3, self.heads, d // self.heads)
        q_BxTxHxK, k_BxTxHxK, v_BxTxHxK = jnp.moveaxis(projected, 2, 0)
        scores_BxHxTxS = jnp.einsum("bthk,bshk->bhts", q_BxTxHxK, k_BxTxHxK)
        scores_BxHxTxS = scores_BxHxTxS / math.sqrt(d // self.heads)
        seen_TxS = jnp.tril(jnp.ones((t, t), jnp.bool_))
        weights_BxHxTxS = nn.softmax(jnp.where(seen_TxS[None, None], scores_BxHxTxS, -jnp.inf))
        mixed_BxTxHxK = jnp.einsum("bhts,bshk->bthk", weights_BxHxTxS, v_BxTxHxK)
        return nn.Dense(d)(mixed_BxTxHxK.reshape(b, t, d))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to what it read."""

    heads: int

    @nn.compact
    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        """[B, T, D] to [B, T, D]."""
        width = x_BxTxD.shape[-1]
        x_BxTxD = x_BxTxD + CausalAttention(self.heads)(nn.LayerNorm()(x_BxTxD))
        hidden = nn.gelu(nn.Dense(MLP_RATIO * width)(nn.LayerNorm()(x_BxTxD)))
        return x_BxTxD + nn.Dense(width)(hidden)


class Transformer(nn.Module):
    """Tokens [B, T], integers below `vocabulary`, to the next token's logits [B, T, V]."""

    spec: TransformerSpec
    vocabulary: int

    @nn.compact
    def __call__(self, tokens_BxT: jax.Array, *, train: bool) -> jax.Array:
        """Logits; `train` makes no difference here. T is fixed when parameters are made."""
        del train
        width = self.spec.width
        shape = (tokens_BxT.shape[1], width)
        positions_TxD = self.param("positions", nn.initializers.normal(width**-0.5), shape)
        x_BxTxD = nn.Embed(self.vocabulary, width)(tokens_BxT) + positions_TxD[None]
        for _ in range(self.spec.depth):
            x_BxTxD = Block(self.spec.heads)(x_BxTxD)
        return nn.Dense(self.vocabulary)(nn.LayerNorm()(x_BxTxD))
