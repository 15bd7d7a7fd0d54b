"""Multilayer perceptron."""

import flax.linen as nn
import jax

from lab.models.activations import activation
from lab.models.dropout import drop
from lab.models.normalisation import normalised
from lab.specs import MLPSpec
from lab.words import Normalisation


class MLP(nn.Module):
    """Numbers [B, ...], flattened, to class logits [B, classes].

    With a vocabulary, tokens [B, T] below it, each read as a vector of its own.
    """

    spec: MLPSpec
    classes: int
    vocabulary: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; drops hidden units at rate `dropout`."""
        spec, act = self.spec, activation(self.spec.activation)
        if self.vocabulary:
            x = nn.Embed(self.vocabulary, spec.width)(x)
        x = x.reshape(x.shape[0], -1)
        use_bias = spec.normalisation is Normalisation.NONE
        for layer in range(spec.depth):
            y = nn.Dense(spec.width, use_bias=use_bias)(x)
            y = drop(self, act(normalised(y, spec.normalisation, train=train)), dropout)
            x = x + y if spec.skips and layer > 0 else y
        return nn.Dense(self.classes)(x)
