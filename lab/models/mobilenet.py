"""MobileNetV2 for small images (Sandler et al. 2018, "MobileNetV2", table 2).

Three things differ from the table. The stem and the first two stages keep the resolution, so that
an image of 32x32 ends at 4x4, and not at 1x1. The last convolution, too, is as wide as the
multiplier says, or it would be most of a narrow net. Projections are normalised without a bias (see
`InvertedResidual`).
"""

import itertools
import math
from typing import NamedTuple

import flax.linen as nn
import jax

from lab.models.activations import activation
from lab.models.dropout import branch_rates, drop
from lab.models.inverted_residual import InvertedResidual, adds
from lab.models.normalisation import normalised
from lab.specs import MobileNetSpec
from lab.words import Normalisation

STEM, LAST = 32, 1280
"""Channels of the first and of the last convolution, for width 1."""

STAGES = ((16, 1, 1), (24, 2, 1), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
"""Channels and blocks of each stage, for width and depth 1, and the strides of its first block."""


class Plan(NamedTuple):
    """Of one block."""

    features: int
    strides: int
    adds: bool


def plans(spec: MobileNetSpec) -> tuple[Plan, ...]:
    """All blocks in turn."""
    shapes = [
        (channels(base, spec.width), strides if block == 0 else 1)
        for base, blocks, strides in STAGES
        for block in range(math.ceil(blocks * spec.depth))
    ]
    features = [channels(STEM, spec.width), *(outputs for outputs, _ in shapes)]
    return tuple(
        Plan(outputs, strides, spec.skips and adds(inputs, outputs, strides))
        for (inputs, outputs), (_, strides) in zip(
            itertools.pairwise(features), shapes, strict=True
        )
    )


def channels(base: int, width: float) -> int:
    """The base times `width`, at least one."""
    return max(1, round(base * width))


class MobileNet(nn.Module):
    """Images [B, H, W, C] to class logits [B, classes]."""

    spec: MobileNetSpec
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; the resolution is halved three times. Drops pooled features."""
        spec, blocks = self.spec, plans(self.spec)
        x = self._convolved(x, channels(STEM, spec.width), 3, train)
        rates = branch_rates(spec.stochastic_depth, len(blocks))
        for number, (plan, rate) in enumerate(zip(blocks, rates, strict=True)):
            x = InvertedResidual(
                plan.features,
                expansion=1 if number == 0 else spec.expansion,
                strides=plan.strides,
                activation=spec.activation,
                normalisation=spec.normalisation,
                skips=plan.adds,
                stochastic_depth=rate,
                expands=number > 0,
            )(x, train=train)
        x = self._convolved(x, channels(LAST, spec.width), 1, train)
        return nn.Dense(self.classes)(drop(self, x.mean(axis=(1, 2)), dropout))

    def _convolved(self, x: jax.Array, features: int, window: int, train: bool) -> jax.Array:
        which = self.spec.normalisation
        y = nn.Conv(features, (window, window), use_bias=which is Normalisation.NONE)(x)
        return activation(self.spec.activation)(normalised(y, which, train=train))
