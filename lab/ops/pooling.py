"""Pooling as shifts of the whole array."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core.primitives import reduce_window_max_p, reduce_window_sum_p

from lab.ops.choices import Choose, Form, Pooling, Reduction

_PRIMITIVES = {Reduction.MAX: reduce_window_max_p, Reduction.SUM: reduce_window_sum_p}


def pooling_equation(
    reduction: Reduction, inputs: Sequence[jax.Array], params: Mapping[str, Any], choose: Choose
) -> jax.Array:
    """What `lax.reduce_window` gives, for its primitive's operand and parameters.

    Windows without gaps of floats; anything else is XLA's.
    """
    (x,) = inputs
    plain = set(params["base_dilation"]) | set(params["window_dilation"]) == {1}
    if plain and jnp.issubdtype(x.dtype, jnp.floating):
        operation = Pooling(
            reduction=reduction,
            operand=tuple(x.shape),
            window=tuple(params["window_dimensions"]),
            strides=tuple(params["window_strides"]),
            pads=tuple((int(low), int(high)) for low, high in params["padding"]),
            dtype=str(x.dtype),
        )
        if choose(operation) is Form.SHIFTS:
            return (max_pool if reduction is Reduction.MAX else sum_pool)(x, operation)
    bound: jax.Array = _PRIMITIVES[reduction].bind(x, **params)
    return bound


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(x: jax.Array, operation: Pooling) -> jax.Array:
    """The largest value of each window: one pass over `x` with every element's shift in it.

    Its gradient goes to the first of equal values, as XLA's. XLA finds it again in each window, by
    a scalar loop on CPU; here the forward pass keeps which element it was, and every pixel asks
    the windows it lies in.
    """
    return functools.reduce(lax.max, (view for _, view in _views(x, operation, -np.inf)))


def _max_pool_forward(x: jax.Array, operation: Pooling) -> tuple[jax.Array, jax.Array]:
    (_, best), *others = _views(x, operation, -np.inf)
    first = jnp.zeros(best.shape, jnp.int32)
    for element, view in others:
        first = jnp.where(_larger(view, best), jnp.int32(element), first)
        best = lax.max(best, view)
    return best, first


def _larger(view: jax.Array, best: jax.Array) -> jax.Array:
    """Strictly, so that the first of equal values stays."""
    return view > best


def _max_pool_backward(operation: Pooling, first: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    zero = jnp.zeros((), g.dtype)
    terms = (
        jnp.where(first_there == element, g_there, zero)
        for element, first_there, g_there in zip(
            _elements(operation),
            _covering(first, operation),
            _covering(g, operation),
            strict=True,
        )
    )
    return (_joined(functools.reduce(lax.add, terms), operation),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def sum_pool(x: jax.Array, operation: Pooling) -> jax.Array:
    """The sum of each window, in float32 at least: one pass, as `max_pool`, and so its gradient."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return functools.reduce(lax.add, (view for _, view in _views(wide, operation, 0))).astype(
        x.dtype
    )


def _sum_pool_forward(x: jax.Array, operation: Pooling) -> tuple[jax.Array, None]:
    return sum_pool(x, operation), None


def _sum_pool_backward(operation: Pooling, _: None, g: jax.Array) -> tuple[jax.Array]:
    wide = g.astype(jnp.promote_types(g.dtype, jnp.float32))
    zero = jnp.zeros((), wide.dtype)
    terms = (
        jnp.where(element >= 0, g_there, zero)
        for element, g_there in zip(_elements(operation), _covering(wide, operation), strict=True)
    )
    return (_joined(functools.reduce(lax.add, terms), operation).astype(g.dtype),)


sum_pool.defvjp(_sum_pool_forward, _sum_pool_backward)


def _views(x: jax.Array, operation: Pooling, fill: float) -> Iterator[tuple[int, jax.Array]]:
    """The padded array as each element of the window sees it, in row-major order."""
    padded = lax.pad(x, x.dtype.type(fill), [(low, high, 0) for low, high in operation.pads])
    steps = [
        (size - window) // stride * stride + 1
        for size, window, stride in zip(
            padded.shape, operation.window, operation.strides, strict=True
        )
    ]
    for element, start in enumerate(itertools.product(*map(range, operation.window))):
        limit = [low + step for low, step in zip(start, steps, strict=True)]
        yield element, lax.slice(padded, start, limit, operation.strides)


def _reach(operation: Pooling) -> list[tuple[int, int]]:
    """Per axis, the first and the last window that a pixel of phase 0 to stride - 1 may lie in.

    Pixel q*stride + p is element p + low - t*stride of window q + t.
    """
    return [
        (-((window - 1 - low) // stride), (stride - 1 + low) // stride)
        for window, stride, (low, _) in zip(
            operation.window, operation.strides, operation.pads, strict=True
        )
    ]


def _elements(operation: Pooling) -> Iterator[np.ndarray]:
    """Per window around a pixel, which element of it each phase is; -1 for none."""
    per_axis = [
        [np.arange(stride) + low - t * stride for t in range(first, last + 1)]
        for stride, (low, _), (first, last) in zip(
            operation.strides, operation.pads, _reach(operation), strict=True
        )
    ]
    for places in itertools.product(*per_axis):
        grid = np.meshgrid(*places, indexing="ij")
        inside = np.ones(grid[0].shape, bool)
        element = np.zeros(grid[0].shape, np.int32)
        for place, window in zip(grid, operation.window, strict=True):
            inside &= (place >= 0) & (place < window)
            element = element * window + place
        shape = _split([1] * len(places), operation)
        yield np.where(inside, element, -1).astype(np.int32).reshape(shape)


def _covering(windows: jax.Array, operation: Pooling) -> Iterator[jax.Array]:
    """Per window around a pixel, its value for each pixel, the phases still to be broadcast."""
    reach = _reach(operation)
    pixels = _quotients(operation)
    spread = [
        (-first, pixel + last - size, 0)
        for (first, last), pixel, size in zip(reach, pixels, windows.shape, strict=True)
    ]
    padded = lax.pad(windows, windows.dtype.type(0), spread)
    shape = _split(pixels, operation, phases=False)
    for start in itertools.product(*(range(last - first + 1) for first, last in reach)):
        limit = [low + pixel for low, pixel in zip(start, pixels, strict=True)]
        yield lax.slice(padded, start, limit).reshape(shape)


def _joined(split: jax.Array, operation: Pooling) -> jax.Array:
    """Phases beside their quotients, to pixels."""
    whole = [
        pixel * stride
        for pixel, stride in zip(_quotients(operation), operation.strides, strict=True)
    ]
    return lax.slice(split.reshape(whole), [0] * len(whole), operation.operand)


def _quotients(operation: Pooling) -> list[int]:
    return [
        -(-size // stride)
        for size, stride in zip(operation.operand, operation.strides, strict=True)
    ]


def _split(sizes: Sequence[int], operation: Pooling, phases: bool = True) -> list[int]:
    """Each size with the phases of its axis behind it, where there is more than one."""
    shape: list[int] = []
    for size, stride in zip(sizes, operation.strides, strict=True):
        shape += [size] if stride == 1 else [size, stride if phases else 1]
    return shape
