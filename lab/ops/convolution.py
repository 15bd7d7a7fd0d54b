"""2-D convolution with `lax.conv_general_dilated`'s signature, so that `nn.Conv` takes it as is.

Each form says why it is fast. What none of them covers goes to XLA's own convolution, which is
right everywhere and slow under vmap.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_NHWC = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[Pair],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: lax.ConvDimensionNumbers | None = None,
    feature_group_count: int = 1,
    precision: Any = None,
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated` of NHWC images [B, H, W, C] with HWIO kernels [h, w, C/g, D].

    Pointwise, depthwise and dense convolutions of any stride and padding take this module's forms;
    dilated, otherwise grouped and differently laid out ones are XLA's.
    """
    covered = (
        dimension_numbers == _NHWC
        and set(lhs_dilation or (1,)) == {1}
        and set(rhs_dilation or (1,)) == {1}
        and not options
    )
    depthwise = feature_group_count == lhs.shape[-1] == rhs.shape[-1] and rhs.shape[2] == 1
    if not covered or not (feature_group_count == 1 or depthwise):
        return lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            dimension_numbers=dimension_numbers,
            feature_group_count=feature_group_count,
            precision=precision,
            **options,
        )
    strides = (window_strides[0], window_strides[1])
    pads = _explicit(padding, lhs.shape[1:3], rhs.shape[:2], strides)
    if feature_group_count > 1:
        return _depthwise(lhs, rhs[:, :, 0, :], strides, pads)
    return _dense(lhs, rhs, strides, pads, precision)


def _explicit(
    padding: str | Sequence[Pair], image: Sequence[int], window: Sequence[int], strides: Pair
) -> Padding:
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    (top, bottom), (left, right) = padding
    return (int(top), int(bottom)), (int(left), int(right))


def _windows(x: jax.Array, window: Pair, strides: Pair, pads: Padding) -> list[jax.Array]:
    """The padded image seen by each kernel element in turn: h*w views [B, H', W', C]."""
    padded = lax.pad(x, x.dtype.type(0), ((0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)))
    b, h, w, c = padded.shape
    rows, columns = (h - window[0]) // strides[0], (w - window[1]) // strides[1]
    return [
        lax.slice(
            padded,
            (0, i, j, 0),
            (b, i + rows * strides[0] + 1, j + columns * strides[1] + 1, c),
            (1, *strides, 1),
        )
        for i in range(window[0])
        for j in range(window[1])
    ]


def _dense(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding, precision: Any
) -> jax.Array:
    """One matrix product: the windows side by side (im2col) against the kernel as a matrix.

    Under vmap it is a batched product with the member as batch axis, which stays a plain GEMM per
    member. A pointwise kernel has one window and nothing is copied.
    """
    h, w, c, d = kernel.shape
    windows = _windows(x, (h, w), strides, pads)
    columns = windows[0] if len(windows) == 1 else jnp.concatenate(windows, axis=-1)
    return _product(columns, kernel.reshape(h * w * c, d), precision)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _product(x: jax.Array, matrix: jax.Array, precision: Any) -> jax.Array:
    """[B, H, W, C] times [C, D].

    The gradient of the matrix sums over three axes where differentiation finds it; over one axis
    of all pixels, as here, a U-Net's training step takes XLA's CPU backend a tenth less time.
    """
    return lax.dot_general(x, matrix, (((3,), (0,)), ((), ())), precision=precision)


def _product_forward(
    x: jax.Array, matrix: jax.Array, precision: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _product(x, matrix, precision), (x, matrix)


def _product_backward(
    precision: Any, residuals: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, matrix = residuals
    for_x = lax.dot_general(g, matrix, (((3,), (1,)), ((), ())), precision=precision)
    pixels_by_channel = x.reshape(-1, x.shape[-1]).T
    for_matrix = jnp.matmul(pixels_by_channel, g.reshape(-1, g.shape[-1]), precision=precision)
    return for_x, for_matrix


_product.defvjp(_product_forward, _product_backward)


def _shifted_sum(x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding) -> jax.Array:
    """Windows times scalars per channel, summed: XLA fuses all of it into one pass over `x`."""
    h, w, c = kernel.shape
    taps = kernel.reshape(h * w, 1, 1, 1, c)
    terms = [view * tap for view, tap in zip(_windows(x, (h, w), strides, pads), taps, strict=True)]
    return functools.reduce(lax.add, terms)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _depthwise(x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding) -> jax.Array:
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
            for view in _windows(x, window, strides, pads)
        ]
    )
    pixels = batch_sums.reshape(window[0] * window[1], -1, c)
    ones = jnp.ones((2, pixels.shape[1]), pixels.dtype)
    sums = lax.dot_general(ones, pixels, (((1,), (1,)), ((), ())))
    return sums[0].reshape(*window, c)


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)
