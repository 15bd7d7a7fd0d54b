"""The residual net for small images (He et al. 2016, "Deep residual learning", section 4.2)."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.specs import ResNetSpec

STAGES = 3


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without parameters (option A of the paper)."""

    features: int
    strides: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[B, H, W, C] to [B, H/strides, W/strides, features]."""
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        conv = functools.partial(nn.Conv, self.features, (3, 3), use_bias=False)
        y = nn.relu(norm()(conv(strides=self.strides)(x)))
        y = norm()(conv()(y))
        return nn.relu(y + _shortcut(x, self.features, self.strides))


class ResNet(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: ResNetSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits; the second and the third stage each halve the resolution."""
        norm = nn.BatchNorm(use_running_average=not train, momentum=0.9)
        x = nn.relu(norm(nn.Conv(self.spec.width, (3, 3), use_bias=False)(x)))
        for stage in range(STAGES):
            for block in range(self.spec.blocks):
                strides = 2 if stage > 0 and block == 0 else 1
                x = ResidualBlock(self.spec.width * 2**stage, strides)(x, train=train)
        return nn.Dense(self.classes)(x.mean(axis=(1, 2)))


def _shortcut(x: jax.Array, features: int, strides: int) -> jax.Array:
    """`x` at every `strides`-th pixel, with channels of zeros for those that are new."""
    thinned = x[:, ::strides, ::strides]
    return jnp.pad(thinned, ((0, 0), (0, 0), (0, 0), (0, features - x.shape[-1])))
