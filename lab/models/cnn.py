"""Plain convolutional classifier."""

import flax.linen as nn
import jax

from lab.ops import conv_general_dilated
from lab.specs import CNNSpec


class CNN(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: CNNSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits; the second and every later convolution halves the resolution."""
        del train
        for layer in range(self.spec.depth):
            x = nn.Conv(
                self.spec.width,
                (3, 3),
                strides=1 if layer == 0 else 2,
                conv_general_dilated=conv_general_dilated,
            )(x)
            x = nn.relu(x)
        return nn.Dense(self.classes)(x.mean(axis=(1, 2)))
