"""Plain convolutional classifier."""

import flax.linen as nn
import jax

from lab.models.dropout import drop
from lab.specs import CNNSpec


class CNN(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: CNNSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; the second and every later convolution halves the resolution.

        Drops pooled features at rate `dropout`: neighbouring pixels would tell what one lost.
        """
        del train
        for layer in range(self.spec.depth):
            x = nn.Conv(
                self.spec.width,
                (3, 3),
                strides=1 if layer == 0 else 2,
            )(x)
            x = nn.relu(x)
        pooled = drop(self, x.mean(axis=(1, 2)), dropout)
        return nn.Dense(self.classes)(pooled)
