"""Grouped convolution as one matrix product per group."""

from typing import Any

import jax

from lab.ops.dense import dense
from lab.ops.windows import Padding, Pair


def grouped(
    x: jax.Array, kernel: jax.Array, groups: int, strides: Pair, pads: Padding, precision: Any
) -> jax.Array:
    """Groups of [B, H, W, C] with [h, w, C/g, D]: the dense form, mapped over the groups.

    The group is a batch axis of the product, as the member is, so that neither ends in one of
    XLA's grouped convolutions.
    """
    b, height, width, c = x.shape
    h, w, inputs, d = kernel.shape
    x_GxBxHxWxC = x.reshape(b, height, width, groups, c // groups).transpose(3, 0, 1, 2, 4)
    kernel_GxhxwxCxD = kernel.reshape(h, w, inputs, groups, d // groups).transpose(3, 0, 1, 2, 4)

    def product(images: jax.Array, window: jax.Array) -> jax.Array:
        return dense(images, window, strides, pads, precision)

    y_GxBxHxWxD = jax.vmap(product)(x_GxBxHxWxC, kernel_GxhxwxCxD)
    _, _, height, width, _ = y_GxBxHxWxD.shape
    return y_GxBxHxWxD.transpose(1, 2, 3, 0, 4).reshape(b, height, width, d)
