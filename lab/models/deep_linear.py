"""Deep linear network: what depth alone does to training, with the function kept linear."""

import flax.linen as nn
import jax

from lab.specs import DeepLinearSpec


class DeepLinear(nn.Module):
    """Numbers [B, ...], flattened, to class logits [B, classes] by a product of matrices.

    Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", section 1.
    """

    spec: DeepLinearSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits; `train` makes no difference here."""
        del train
        x = x.reshape(x.shape[0], -1)
        for _ in range(self.spec.depth):
            x = nn.Dense(self.spec.width, use_bias=False)(x)
        return nn.Dense(self.classes, use_bias=False)(x)
