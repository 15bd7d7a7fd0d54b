"""A MobileNetV2 U-Net for foreground segmentation.

Encoder and decoder are made of inverted residuals with linear bottlenecks (Sandler et al. 2018,
"MobileNetV2", section 3); the decoder takes skip connections from the encoder (Ronneberger et al.
2015, "U-Net"). As in MobileNetV2 the stem halves the resolution; a sub-pixel head restores it.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.ops import depth_to_space, relu6, upsample_nearest
from lab.specs import UNetSpec

BASE_CHANNELS = (8, 14, 17)
"""Channels at 1/2, 1/4 and 1/8 of the image's resolution, for width 1."""

IMAGE_MULTIPLE = 2 ** len(BASE_CHANNELS)
"""Image sides must be multiples of this."""

Conv = functools.partial(nn.Conv, use_bias=False)


def channels(width: float) -> tuple[int, ...]:
    """Channels per resolution: the base times `width`, at least one each."""
    return tuple(max(1, round(base * width)) for base in BASE_CHANNELS)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 without activation; a residual where shapes allow."""

    features: int
    expansion: int
    strides: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[B, H, W, C] to [B, H/strides, W/strides, features]."""
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        hidden = x.shape[-1] * self.expansion
        y = relu6(norm()(Conv(hidden, (1, 1))(x)))
        depthwise = Conv(hidden, (3, 3), self.strides, feature_group_count=hidden)
        y = relu6(norm()(depthwise(y)))
        # Without a bias: the next block's normalisation would take it away again, so its gradient
        # would be rounding alone, which Adam turns into full steps that differ between lane widths.
        y = norm(use_bias=False)(Conv(self.features, (1, 1))(y))
        return x + y if x.shape == y.shape else y


class MobileNetV2UNet(nn.Module):
    """Images [B, H, W, C], H and W multiples of 8, to foreground logits [B, H, W]."""

    spec: UNetSpec

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits; `train` normalises by the batch's statistics and updates `batch_stats`."""
        half, quarter, eighth = channels(self.spec.width)
        block = functools.partial(InvertedResidual, expansion=self.spec.expansion)
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)

        x_half = relu6(norm()(Conv(half, (3, 3), 2)(x)))
        x_quarter = block(quarter, strides=2)(x_half, train=train)
        x_eighth = block(eighth, strides=2)(x_quarter, train=train)
        y = block(eighth)(x_eighth, train=train)
        y = jnp.concatenate([upsample_nearest(y, 2), x_quarter], axis=-1)
        y = block(quarter)(y, train=train)
        y = jnp.concatenate([upsample_nearest(y, 2), x_half], axis=-1)
        y = block(half)(y, train=train)
        logits = Conv(4, (1, 1), use_bias=True)(y)
        return depth_to_space(logits, 2)[..., 0]
