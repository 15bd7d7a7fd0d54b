"""Long short-term memory for text.

Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers et al. 2000,
"Learning to forget"; layers and dropout are those of Zaremba et al. 2014, "Recurrent neural network
regularization", section 3.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from lab.models.dropout import drop
from lab.specs import LSTMSpec

FORGET_BIAS = 1.0
"""So that cells remember at first (Jozefowicz et al. 2015, section 2.2); biases add to it."""


class LSTMLayer(nn.Module):
    """One layer of `width` memory cells, which starts every sequence from zeros."""

    width: int

    @nn.compact
    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        """[B, T, D] to [B, T, width]."""
        shape = (self.width, 4 * self.width)
        recurrent = self.param("kernel", nn.initializers.lecun_normal(), shape)
        recurrent = recurrent.astype(x_BxTxD.dtype)
        # What comes from below is known at all times: one product, ahead of the loop.
        below_TxBx4D = nn.Dense(4 * self.width)(x_BxTxD).swapaxes(0, 1)

        def step(
            state: tuple[jax.Array, jax.Array], below_Bx4D: jax.Array
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            cell, output = state
            gates = jnp.split(below_Bx4D + output @ recurrent, 4, axis=-1)
            into, forget, out = (
                nn.sigmoid(gate) for gate in (gates[0], gates[1] + FORGET_BIAS, gates[3])
            )
            cell = forget * cell + into * jnp.tanh(gates[2])
            output = out * jnp.tanh(cell)
            return (cell, output), output

        zeros = jnp.zeros((len(x_BxTxD), self.width), below_TxBx4D.dtype)
        _, outputs_TxBxD = lax.scan(step, (zeros, zeros), below_TxBx4D)
        return outputs_TxBxD.swapaxes(0, 1)


class LSTM(nn.Module):
    """Tokens [B, T], integers below `vocabulary`, to logits [B, T, answers] of each next one.

    Where one answer is asked of a sequence, its last position gives it: [B, answers].
    """

    spec: LSTMSpec
    vocabulary: int
    answers: int
    every_position: bool = True

    @nn.compact
    def __call__(
        self, tokens_BxT: jax.Array, *, train: bool, dropout: jax.Array | None = None
    ) -> jax.Array:
        """Logits; drops of what goes up, into each layer and the head, but not of what goes on.

        `train` makes no difference here.
        """
        del train
        embed = nn.Embed(self.vocabulary, self.spec.width)
        x_BxTxD = drop(self, embed(tokens_BxT), dropout)
        for _ in range(self.spec.depth):
            x_BxTxD = drop(self, LSTMLayer(self.spec.width)(x_BxTxD), dropout)
        x = x_BxTxD if self.every_position else x_BxTxD[:, -1]
        # Press and Wolf 2017, "Using the output embedding to improve language models".
        return embed.attend(x) if self.spec.tied else nn.Dense(self.answers)(x)
