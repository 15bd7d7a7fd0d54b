"""A decoder-only Transformer with learned positions."""

import flax.linen as nn
import jax

from lab.models.attention import Block, CausalAttention
from lab.models.dropout import branch_rates, drop
from lab.models.normalisation import normalised
from lab.specs import TransformerSpec


class Transformer(nn.Module):
    """Tokens [B, T], integers below `vocabulary`, to logits [B, T, answers] of each next one.

    Where one answer is asked of a sequence, its last position gives it: [B, answers].
    """

    spec: TransformerSpec
    vocabulary: int
    answers: int
    every_position: bool = True
    base_head: float | None = None

    @nn.compact
    def __call__(
        self, tokens_BxT: jax.Array, *, train: bool, dropout: jax.Array | None = None
    ) -> jax.Array:
        """Logits; T is fixed when parameters are made.

        Drops of what embeddings and positions give, and of what each sublayer adds.
        """
        spec = self.spec
        shape = (tokens_BxT.shape[1], spec.width)
        positions_TxD = self.param("positions", nn.initializers.normal(spec.width**-0.5), shape)
        embed = nn.Embed(self.vocabulary, spec.width)
        x_BxTxD = drop(self, embed(tokens_BxT) + positions_TxD[None], dropout)
        for rate in branch_rates(spec.stochastic_depth, spec.depth):
            block = Block(spec, CausalAttention, self.base_head, rate)
            x_BxTxD = block(x_BxTxD, train=train, dropout=dropout)
        x = normalised(x_BxTxD, spec.normalisation, train=train)
        x = x if self.every_position else x[:, -1]
        # Press and Wolf 2017, "Using the output embedding to improve language models".
        return embed.attend(x) if spec.tied else nn.Dense(self.answers)(x)
