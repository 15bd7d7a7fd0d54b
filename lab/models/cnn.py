"""Plain convolutional classifier."""

import flax.linen as nn
import jax

from lab.models.activations import activation
from lab.models.dropout import drop
from lab.models.normalisation import normalised
from lab.specs import CNNSpec
from lab.words import Normalisation


class CNN(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: CNNSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; the second and every later convolution halves the resolution.

        Drops pooled features at rate `dropout`: neighbouring pixels would tell what one lost.
        """
        spec, act = self.spec, activation(self.spec.activation)
        use_bias = spec.normalisation is Normalisation.NONE
        for layer in range(spec.depth):
            strides = 1 if layer == 0 else 2
            y = nn.Conv(spec.width, (3, 3), strides=strides, use_bias=use_bias)(x)
            y = act(normalised(y, spec.normalisation, train=train))
            x = x[:, ::strides, ::strides] + y if spec.skips and layer > 0 else y
        pooled = drop(self, x.mean(axis=(1, 2)), dropout)
        return nn.Dense(self.classes)(pooled)
