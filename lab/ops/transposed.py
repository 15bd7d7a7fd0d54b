"""Convolution of an image with gaps between its pixels: what a transposed convolution is."""

import jax
import jax.numpy as jnp
from jax import lax

from lab.ops.choices import Convolution
from lab.ops.windows import Pair


def phases(kernel: jax.Array, operation: Convolution) -> tuple[jax.Array, Convolution]:
    """The kernel [t, u, C/g, g*(p*q)*(D/g)] and the convolution without gaps that it is for.

    Output pixels that are p*q apart meet the same elements of the kernel, and only those that fall
    on pixels, not on gaps. So each such phase is an undilated convolution with every p-th row and
    q-th column of the kernel, all phases are channels of one convolution, and no product is
    with a gap. `interleave` lays the channels out as pixels. Shi et al. 2016, "Is the deconvolution
    layer the same as a convolutional layer?".
    """
    if operation.kernel_dilation != (1, 1):
        gaps = [(0, 0, dilation - 1) for dilation in operation.kernel_dilation]
        kernel = lax.pad(kernel, kernel.dtype.type(0), (*gaps, (0, 0, 0), (0, 0, 0)))
    rows, columns = (
        _axis(
            operation.image[axis + 1],
            kernel.shape[axis],
            operation.pads[axis],
            operation.image_dilation[axis],
        )
        for axis in (0, 1)
    )
    p, q = operation.image_dilation
    padded = lax.pad(
        kernel, kernel.dtype.type(0), ((*rows[1], 0), (*columns[1], 0), (0, 0, 0), (0, 0, 0))
    )
    c, d = kernel.shape[2:]
    g = operation.groups
    split = padded.reshape(rows[0], p, columns[0], q, c, g, d // g)
    # The first row of a phase's kernel is the last output row's: hence the turns.
    by_phase = jnp.flip(split, (1, 3)).transpose(0, 2, 4, 5, 1, 3, 6)
    combined = by_phase.reshape(rows[0], columns[0], c, p * q * d)
    return combined, Convolution(
        image=operation.image,
        kernel=(rows[0], columns[0], c, p * q * d),
        strides=(1, 1),
        pads=(rows[2], columns[2]),
        image_dilation=(1, 1),
        kernel_dilation=(1, 1),
        groups=g,
        dtype=operation.dtype,
    )


def interleave(images: jax.Array, operation: Convolution) -> jax.Array:
    """[B, H', W', g*(p*q)*(D/g)] to the operation's image [B, H, W, D]."""
    b, h, w, _ = images.shape
    (p, q), g = operation.image_dilation, operation.groups
    d = operation.kernel[3]
    split = images.reshape(b, h, w, g, p, q, d // g).transpose(0, 1, 4, 2, 5, 3, 6)
    height, width = (
        _size(
            operation.image[axis + 1],
            (operation.kernel[axis] - 1) * operation.kernel_dilation[axis] + 1,
            operation.pads[axis],
            operation.image_dilation[axis],
        )
        for axis in (0, 1)
    )
    return split.reshape(b, h * p, w * q, d)[:, :height, :width]


def _axis(image: int, kernel: int, pads: Pair, gap: int) -> tuple[int, Pair, Pair]:
    """Along one axis: elements per phase, padding of the kernel, and of the image.

    Output pixel q*gap + p sums image[i] * kernel[i*gap + low - q*gap - p] over i. With
    i = q + t - low//gap that is kernel[t*gap + low%gap - p], for t from 0 to `taps` - 1.
    """
    low = pads[0]
    ahead = low // gap
    taps = (kernel + gap - 2 - low) // gap + ahead + 1
    before = gap - 1 - low % gap
    outputs = -(-_size(image, kernel, pads, gap) // gap)
    after = outputs - image - ahead + taps - 1
    return taps, (before, taps * gap - kernel - before), (ahead, after)


def _size(image: int, kernel: int, pads: Pair, gap: int) -> int:
    return (image - 1) * gap + 1 + sum(pads) - kernel + 1
