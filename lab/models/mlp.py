"""Multilayer perceptron."""

import flax.linen as nn
import jax

from lab.specs import MLPSpec


class MLP(nn.Module):
    """Images [B, ...], flattened, to class logits [B, classes]."""

    spec: MLPSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits; `train` makes no difference here."""
        del train
        x = x.reshape(x.shape[0], -1)
        for _ in range(self.spec.depth):
            x = nn.relu(nn.Dense(self.spec.width)(x))
        return nn.Dense(self.classes)(x)
