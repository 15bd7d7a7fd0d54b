"""Batch normalisation with sums that a CPU takes in whole vectors, for Flax's own layer."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen import dtypes
from jax import lax

_ROWS_TOGETHER = 16
"""Rows that a channel sum reads as one, so that ten channels fill the registers like a hundred."""

Statistics = tuple[jax.Array, jax.Array]


def channel_sum(x: jax.Array) -> jax.Array:
    """[..., C] summed to [C].

    Rows are first laid side by side, several to one long row: with the few channels of a small
    network a plain sum leaves most of each vector register empty.
    """
    channels = x.shape[-1]
    rows = x.size // channels
    together = next(size for size in range(_ROWS_TOGETHER, 0, -1) if rows % size == 0)
    long_rows = x.reshape(rows // together, together * channels)
    return long_rows.sum(axis=0).reshape(together, channels).sum(axis=0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def batch_norm(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, Statistics]:
    """float32 [..., C] normalised over all but its last axis, and the mean and variance [C] of it.

    The variance is E[x^2] - E[x]^2, at least 0, as in Flax's `use_fast_variance`. Ioffe and
    Szegedy 2015, algorithm 1; the derivative is the one of their section 3, gathered into one pass
    over x and the gradient after two channel sums, where differentiation finds five sums.
    """
    return _normalise(x, scale, bias, epsilon)[0]


def _normalise(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[tuple[jax.Array, Statistics], tuple[jax.Array, ...]]:
    count = x.size // x.shape[-1]
    mean = channel_sum(x) / count
    variance = jnp.maximum(channel_sum(x * x) / count - mean * mean, 0.0)
    inverse = lax.rsqrt(variance + epsilon)
    gain = inverse * scale
    y = x * _along(gain, x) + _along(bias - mean * gain, x)
    return (y, (mean, variance)), (x, mean, inverse, scale)


def _backward(
    epsilon: float,
    residuals: tuple[jax.Array, ...],
    gradients: tuple[jax.Array, Statistics],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The statistics leave for the running averages, which nothing is differentiated through."""
    del epsilon
    x, mean, inverse, scale = residuals
    g, _ = gradients
    count = x.size // x.shape[-1]
    for_bias = channel_sum(g)
    for_scale = (channel_sum(g * x) - mean * for_bias) * inverse
    gain = scale * inverse
    slope = -gain * inverse * for_scale / count
    offset = -gain * for_bias / count - slope * mean
    for_x = g * _along(gain, x) + x * _along(slope, x) + _along(offset, x)
    return for_x, for_scale, for_bias


batch_norm.defvjp(_normalise, _backward)


def _along(vector: jax.Array, x: jax.Array) -> jax.Array:
    return vector.reshape((1,) * (x.ndim - 1) + vector.shape)


def fast_batch_norm() -> contextlib.AbstractContextManager[None]:
    """Within it, each `nn.BatchNorm` of a module that is applied in training uses `batch_norm`.

    Layers that normalise otherwise than over the last axis of one device's batch are left alone,
    and so are evaluation and initialisation.
    """
    return nn.intercept_methods(_intercepted)


def _intercepted(
    call: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    layer = context.module
    if (
        type(layer) is not nn.BatchNorm
        or context.method_name != "__call__"
        or not _covered(layer, arguments, options)
    ):
        return call(*arguments, **options)
    (x,) = arguments
    params: dict[str, Any] = {
        name: layer.get_variable("params", name)
        for name, used in (("scale", layer.use_scale), ("bias", layer.use_bias))
        if used
    }
    channels = (x.shape[-1],)
    wide = {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}
    scale, bias = wide.get("scale", jnp.ones(channels)), wide.get("bias", jnp.zeros(channels))
    y, (mean, variance) = batch_norm(x.astype(jnp.float32), scale, bias, layer.epsilon)
    for name, batch in (("mean", mean), ("var", variance)):
        running: Any = layer.get_variable("batch_stats", name)
        updated = layer.momentum * running + (1 - layer.momentum) * batch
        layer.put_variable("batch_stats", name, updated)
    return y.astype(dtypes.canonicalize_dtype(x, *params.values(), dtype=layer.dtype))


def _covered(layer: nn.BatchNorm, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    named = set(options) - {"use_running_average"}
    running = options.get("use_running_average", layer.use_running_average)
    return (
        len(arguments) == 1
        and not named
        and running is False
        and layer.axis == -1
        and layer.axis_name is None
        and layer.use_fast_variance
        and layer.force_float32_reductions
        and not layer.is_initializing()
        and arguments[0].ndim > 1
    )
