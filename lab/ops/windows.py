"""The image as each element of a kernel sees it."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def windows(x: jax.Array, window: Pair, strides: Pair, pads: Padding) -> list[jax.Array]:
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


def wide(x: jax.Array) -> Any:
    """What sums of such numbers are taken in: at least float32."""
    return jnp.float32 if x.dtype.itemsize < 4 else x.dtype
