"""Depthwise convolution as shifted multiply-adds."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from lab.ops.windows import Padding, Pair, windows


def _shifted_sum(x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding) -> jax.Array:
    """Windows times scalars per channel, summed: XLA fuses all of it into one pass over `x`."""
    h, w, c = kernel.shape
    taps = kernel.reshape(h * w, 1, 1, 1, c)
    terms = [view * tap for view, tap in zip(windows(x, (h, w), strides, pads), taps, strict=True)]
    return functools.reduce(lax.add, terms)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def depthwise(x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding) -> jax.Array:
    """Depthwise convolution of [B, H, W, C] with [h, w, C] as shifted multiply-adds.

    Its derivatives are written out because those that differentiation finds are slow on CPU: the
    transposed slices become h*w padded sums, and the kernel's gradient h*w reductions that XLA
    fuses with the slicing into scalar loops.
    """
    return _shifted_sum(x, kernel, strides, pads)


def _depthwise_forward(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _shifted_sum(x, kernel, strides, pads), (x, kernel)


def _depthwise_backward(
    strides: Pair, pads: Padding, residuals: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    return (
        _depthwise_input_gradient(g, kernel, x.shape[1:3], strides, pads),
        _depthwise_kernel_gradient(x, g, (kernel.shape[0], kernel.shape[1]), strides, pads),
    )


def _depthwise_input_gradient(
    g: jax.Array, kernel: jax.Array, image: Sequence[int], strides: Pair, pads: Padding
) -> jax.Array:
    """The output's gradient spread to the stride's grid, convolved with the kernel turned round."""
    window = kernel.shape[:2]
    spread = [
        (
            window[axis] - 1 - pads[axis][0],
            image[axis] + pads[axis][0] - 1 - (g.shape[axis + 1] - 1) * strides[axis],
            strides[axis] - 1,
        )
        for axis in (0, 1)
    ]
    padded = lax.pad(g, g.dtype.type(0), ((0, 0, 0), *spread, (0, 0, 0)))
    return _shifted_sum(padded, kernel[::-1, ::-1], (1, 1), ((0, 0), (0, 0)))


def _depthwise_kernel_gradient(
    x: jax.Array, g: jax.Array, window: Pair, strides: Pair, pads: Padding
) -> jax.Array:
    """Sums over the batch as multiply-adds, then over pixels as a matrix product with ones.

    The product stands where a reduction would be: XLA's CPU backend does not fuse across it, so
    the multiply-adds stay vectorised. Two equal columns of ones, because a single one would be
    rewritten into that very reduction.
    """
    b, _, _, c = g.shape
    batch_sums = jnp.stack(
        [
            functools.reduce(lax.add, [view[i] * g[i] for i in range(b)])
            for view in windows(x, window, strides, pads)
        ]
    )
    pixels = batch_sums.reshape(window[0] * window[1], -1, c)
    ones = jnp.ones((2, pixels.shape[1]), pixels.dtype)
    sums = lax.dot_general(ones, pixels, (((1,), (1,)), ((), ())))
    return sums[0].reshape(*window, c)


depthwise.defvjp(_depthwise_forward, _depthwise_backward)
