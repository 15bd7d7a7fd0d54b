"""Dense convolution as a matrix product."""

import functools
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
    member. A pointwise kernel has one window and nothing is copied.
    """
    h, w, c, d = kernel.shape
    views = windows(x, (h, w), strides, pads)
    columns = views[0] if len(views) == 1 else jnp.concatenate(views, axis=-1)
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
