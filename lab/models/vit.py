"""The vision Transformer (Dosovitskiy et al. 2021, "An image is worth 16x16 words", section 3.1).

What it says it reads from the mean over patches, which does as well as a token of its own
(appendix D.3 there; Beyer et al. 2022, "Better plain ViT baselines for ImageNet-1k").
"""

import flax.linen as nn
import jax

from lab.models.attention import Attention, Block
from lab.models.dropout import branch_rates, drop
from lab.models.normalisation import normalised
from lab.specs import ViTSpec


class ViT(nn.Module):
    """Images [B, H, W, C], H and W multiples of the patch, to class logits [B, classes]."""

    spec: ViTSpec
    classes: int
    base_head: float | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; the image's size is fixed when parameters are made.

        Drops of what patches and positions give, and of what each sublayer adds.
        """
        spec = self.spec
        side = (spec.patch, spec.patch)
        patches = nn.Conv(spec.width, side, strides=side, padding="VALID")(x)
        x_BxTxD = patches.reshape(len(x), -1, spec.width)
        shape = x_BxTxD.shape[1:]
        positions_TxD = self.param("positions", nn.initializers.normal(spec.width**-0.5), shape)
        x_BxTxD = drop(self, x_BxTxD + positions_TxD[None], dropout)
        for rate in branch_rates(spec.stochastic_depth, spec.depth):
            block = Block(spec, Attention, self.base_head, rate)
            x_BxTxD = block(x_BxTxD, train=train, dropout=dropout)
        return nn.Dense(self.classes)(normalised(x_BxTxD, spec.normalisation, train=train).mean(1))
