"""Convolution with a kernel that has gaps between its elements."""

import dataclasses
import math

import jax
from jax import lax

from lab.ops.choices import Convolution


def space_to_batch(x: jax.Array, operation: Convolution) -> tuple[jax.Array, Convolution]:
    """The images [B*p*q, H', W', C] and the convolution without gaps that is to be done on them.

    A kernel with gaps sees pixels that are p rows and q columns apart, so an image falls into p*q
    images that it never mixes: as examples of one batch they meet the kernel without gaps, and no
    product is with a gap. Along an axis whose stride holds the gap nothing is split, for only
    every gap-th pixel is seen at all.
    """
    dilation, strides = _reduced(operation)
    pads = operation.pads
    padded = lax.pad(x, x.dtype.type(0), ((0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)))
    seen = [d // reduced for d, reduced in zip(operation.kernel_dilation, dilation, strict=True)]
    padded = lax.slice(padded, (0, 0, 0, 0), padded.shape, (1, *seen, 1))
    p, q = dilation
    b, height, width, c = padded.shape
    height, width = -(-height // p) * p, -(-width // q) * q
    rest = ((0, height - padded.shape[1], 0), (0, width - padded.shape[2], 0))
    whole = lax.pad(padded, x.dtype.type(0), ((0, 0, 0), *rest, (0, 0, 0)))
    split = whole.reshape(b, height // p, p, width // q, q, c).transpose(0, 2, 4, 1, 3, 5)
    images = split.reshape(b * p * q, height // p, width // q, c)
    return images, dataclasses.replace(
        operation,
        image=(b * p * q, height // p, width // q, c),
        strides=strides,
        pads=((0, 0), (0, 0)),
        kernel_dilation=(1, 1),
    )


def batch_to_space(images: jax.Array, operation: Convolution) -> jax.Array:
    """[B*p*q, H', W', D] to the operation's image [B, H, W, D]."""
    (p, q), _ = _reduced(operation)
    _, h, w, d = images.shape
    b = operation.image[0]
    split = images.reshape(b, p, q, h, w, d).transpose(0, 3, 1, 4, 2, 5)
    height, width = (
        (
            operation.image[axis + 1]
            + sum(operation.pads[axis])
            - (operation.kernel[axis] - 1) * operation.kernel_dilation[axis]
            - 1
        )
        // operation.strides[axis]
        + 1
        for axis in (0, 1)
    )
    return split.reshape(b, h * p, w * q, d)[:, :height, :width]


def _reduced(operation: Convolution) -> tuple[tuple[int, int], tuple[int, int]]:
    """Dilations and strides without their common divisor: one of the two is 1 on each axis."""
    pairs = list(zip(operation.kernel_dilation, operation.strides, strict=True))
    (p, s), (q, t) = [(d // math.gcd(d, s), s // math.gcd(d, s)) for d, s in pairs]
    return (p, q), (s, t)
