"""A MobileNetV2 U-Net for foreground segmentation.

Encoder and decoder are made of inverted residuals with linear bottlenecks (Sandler et al. 2018,
"MobileNetV2", section 3); the decoder takes skip connections from the encoder (Ronneberger et al.
2015, "U-Net"). As in MobileNetV2 the stem halves the resolution; a sub-pixel head restores it.
"""

import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.activations import activation
from lab.models.dropout import drop
from lab.models.inverted_residual import InvertedResidual, adds
from lab.models.normalisation import normalised
from lab.ops import depth_to_space, upsample_nearest
from lab.specs import UNetSpec
from lab.words import Normalisation

BASE_CHANNELS = (8, 14, 17)
"""Channels at 1/2, 1/4 and 1/8 of the image's resolution, for width 1; further levels as 1/8."""


def channels(width: float, depth: int = len(BASE_CHANNELS)) -> tuple[int, ...]:
    """Channels per resolution: the base times `width`, at least one each."""
    deeper = BASE_CHANNELS[-1:] * (depth - len(BASE_CHANNELS))
    return tuple(max(1, round(base * width)) for base in (*BASE_CHANNELS, *deeper)[:depth])


class MobileNetV2UNet(nn.Module):
    """Images [B, H, W, C], H and W multiples of 2^depth, to foreground logits [B, H, W].

    Where several answers are asked of a pixel: [B, H, W, answers].
    """

    spec: UNetSpec
    answers: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; `train` normalises by the batch's statistics and updates `batch_stats`.

        Drops features at the lowest resolution, at rate `dropout`.
        """
        spec = self.spec
        stem, *below = channels(spec.width, spec.depth)
        block = functools.partial(
            InvertedResidual,
            expansion=spec.expansion,
            activation=spec.activation,
            normalisation=spec.normalisation,
        )
        use_bias = spec.normalisation is Normalisation.NONE
        y = nn.Conv(stem, (3, 3), 2, use_bias=use_bias)(x)
        y = activation(spec.activation)(normalised(y, spec.normalisation, train=train))
        passed = []
        for features in below:
            passed.append(y)
            y = block(features, strides=2)(y, train=train)
        y = drop(self, block(y.shape[-1])(y, train=train), dropout)
        for encoded in reversed(passed):
            y = upsample_nearest(y, 2)
            if spec.skips:
                y = jnp.concatenate([y, encoded], axis=-1)
            y = block(encoded.shape[-1])(y, train=train)
        logits = depth_to_space(nn.Conv(4 * self.answers, (1, 1))(y), 2)
        return logits[..., 0] if self.answers == 1 else logits


def residual_blocks(spec: UNetSpec) -> tuple[int, ...]:
    """The numbers of the blocks that add what they read: at the bottom, and by chance above it."""
    down = channels(spec.width, spec.depth)
    bottom = spec.depth - 1
    up = [
        (below + above if spec.skips else below, above) for above, below in itertools.pairwise(down)
    ][::-1]
    added = [number for number, ends in enumerate(up, bottom + 1) if adds(*ends, strides=1)]
    return (bottom, *added)
