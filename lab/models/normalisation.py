"""The normalisations that a spec may name."""

from typing import assert_never

import flax.linen as nn
import jax

from lab.words import Normalisation

MOST_GROUPS = 8
FEWEST_CHANNELS = 4
"""Of a group: of one channel alone nothing would be left, of two little more than a sign."""


def normalised(
    x: jax.Array, which: Normalisation, *, train: bool, use_bias: bool = True
) -> jax.Array:
    """`x` through a layer of its own, to be called in a module's compact method.

    What is brought to mean 0 and variance 1 together, then scaled and moved by channel:

        BATCH   a channel over the batch and all its places; in evaluation by running averages
        LAYER   all channels of an image, over all its pixels; of a vector or a position by itself
        GROUP   the same for each of `groups` of its channels

    Ioffe and Szegedy 2015; Ba et al. 2016; Wu and He 2018, figure 2. A position of a sequence is
    normalised by itself, because it must not see those after it. (By BATCH it does in training.)
    """
    match which:
        case Normalisation.NONE:
            return x
        case Normalisation.BATCH:
            batch = nn.BatchNorm(use_running_average=not train, momentum=0.9, use_bias=use_bias)
            return batch(x)
        case Normalisation.LAYER:
            return nn.LayerNorm(reduction_axes=_one_example(x), use_bias=use_bias)(x)
        case Normalisation.GROUP:
            count = groups(x.shape[-1])
            return nn.GroupNorm(count, reduction_axes=_one_example(x), use_bias=use_bias)(x)
        case _:
            assert_never(which)


def groups(channels: int) -> int:
    """The most groups, up to MOST_GROUPS, of FEWEST_CHANNELS or more; 1 where there are none."""
    most = min(MOST_GROUPS, channels // FEWEST_CHANNELS)
    return next((count for count in range(most, 1, -1) if channels % count == 0), 1)


def _one_example(x: jax.Array) -> tuple[int, ...]:
    """The axes of an image [B, H, W, C], or of a vector [..., D]."""
    return (-3, -2, -1) if x.ndim == 4 else (-1,)
