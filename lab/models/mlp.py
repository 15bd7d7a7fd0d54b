"""Multilayer perceptron."""

import flax.linen as nn
import jax

from lab.models.dropout import drop
from lab.specs import MLPSpec


class MLP(nn.Module):
    """Images [B, ...], flattened, to class logits [B, classes]."""

    spec: MLPSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; drops hidden units at rate `dropout`. `train` makes no difference here."""
        del train
        x = x.reshape(x.shape[0], -1)
        for _ in range(self.spec.depth):
            x = drop(self, nn.relu(nn.Dense(self.spec.width)(x)), dropout)
        return nn.Dense(self.classes)(x)
