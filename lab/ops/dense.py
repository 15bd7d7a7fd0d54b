"""Dense convolution as a matrix product."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lab.ops.windows import Padding, Pair, windows


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
    views = windows(x, (h, w), strides, pads)
    columns = views[0] if len(views) == 1 else jnp.concatenate(views, axis=-1)
    product = lax.dot_general(
        columns.reshape(-1, h * w * c),
        kernel.reshape(h * w * c, d),
        (((1,), (0,)), ((), ())),
        precision=precision,
    )
    return product.reshape(*columns.shape[:-1], d)
