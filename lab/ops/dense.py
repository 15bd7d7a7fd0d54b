"""Dense convolution as a matrix product."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core.primitives import dot_general_p

from lab.ops.choices import Choose
from lab.ops.windows import Padding, Pair, wide, windows


def dense(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: Padding, precision: Any
) -> jax.Array:
    """One matrix product: the windows side by side (im2col) against the kernel as a matrix.

    Under vmap it is a batched product with the member as batch axis, which stays a plain GEMM per
    member. A pointwise kernel has one window and nothing is copied. All pixels are laid on one axis
    first, so that the kernel's gradient, too, is a plain product: over three axes, as
    differentiation would find it, XLA's CPU backend takes twice as long to compile a U-Net and a
    quarter longer to train it.
    """
    h, w, c, d = kernel.shape
    # The input's gradient is a sum over windows, which narrow floats must not be added up in.
    views = windows(x.astype(wide(x)), (h, w), strides, pads)
    columns = views[0] if len(views) == 1 else jnp.concatenate(views, axis=-1)
    columns = columns.astype(x.dtype)
    product = lax.dot_general(
        columns.reshape(-1, h * w * c),
        kernel.reshape(h * w * c, d),
        (((1,), (0,)), ((), ())),
        precision=precision,
    )
    return product.reshape(*columns.shape[:-1], d)


def product_equation(
    inputs: Sequence[jax.Array], params: Mapping[str, Any], choose: Choose
) -> jax.Array:
    """What `lax.dot_general` gives; a dense layer's [..., C] times [C, D] by way of two axes.

    The arithmetic is the same, so there is nothing to choose; see `dense` for why it is faster.
    """
    del choose
    x, matrix = inputs
    layer = (((x.ndim - 1,), (0,)), ((), ()))
    if x.ndim < 3 or matrix.ndim != 2 or params["dimension_numbers"] != layer:
        bound: jax.Array = dot_general_p.bind(x, matrix, **params)
        return bound
    flat = {**params, "dimension_numbers": (((1,), (0,)), ((), ()))}
    product: jax.Array = dot_general_p.bind(x.reshape(-1, x.shape[-1]), matrix, **flat)
    return product.reshape(*x.shape[:-1], matrix.shape[1])
