"""The residual net for small images (He et al. 2016, "Deep residual learning", section 4.2)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.activations import activation
from lab.models.dropout import branch_rates, drop, drop_branch
from lab.models.normalisation import normalised
from lab.specs import ResNetSpec
from lab.words import Normalisation

STAGES = 3
_PLAIN = ResNetSpec()


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without parameters (option A of the paper)."""

    features: int
    strides: int = 1
    spec: ResNetSpec = _PLAIN
    stochastic_depth: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[B, H, W, C] to [B, H/strides, W/strides, features]."""
        act = activation(self.spec.activation)
        y = act(_convolved(x, self.features, self.strides, self.spec, train))
        y = _convolved(y, self.features, 1, self.spec, train)
        if self.spec.skips:
            y = drop_branch(self, y, self.stochastic_depth, train)
            y = y + _shortcut(x, self.features, self.strides)
        return act(y)


class ResNet(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: ResNetSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; the second and the third stage each halve the resolution.

        Drops pooled features at rate `dropout`.
        """
        spec = self.spec
        x = activation(spec.activation)(_convolved(x, spec.width, 1, spec, train))
        for index, rate in enumerate(branch_rates(spec.stochastic_depth, STAGES * spec.blocks)):
            stage, block = divmod(index, spec.blocks)
            strides = 2 if stage > 0 and block == 0 else 1
            x = ResidualBlock(spec.width * 2**stage, strides, spec, rate)(x, train=train)
        return nn.Dense(self.classes)(drop(self, x.mean(axis=(1, 2)), dropout))


def _convolved(
    x: jax.Array, features: int, strides: int, spec: ResNetSpec, train: bool
) -> jax.Array:
    """3x3 and normalised; where it is not, the convolution has biases."""
    use_bias = spec.normalisation is Normalisation.NONE
    y = nn.Conv(features, (3, 3), strides, use_bias=use_bias)(x)
    return normalised(y, spec.normalisation, train=train)


def _shortcut(x: jax.Array, features: int, strides: int) -> jax.Array:
    """`x` at every `strides`-th pixel, with channels of zeros for those that are new."""
    thinned = x[:, ::strides, ::strides]
    return jnp.pad(thinned, ((0, 0), (0, 0), (0, 0), (0, features - x.shape[-1])))
