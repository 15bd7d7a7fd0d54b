"""The classic ways to draw weights, whatever network they are in.

They concern tensors of two axes or more but biases: kernels, embeddings and learned positions.
Biases, and the scales of normalisation, are left as the network makes them: at 0, and at 1.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from lab.models.paths import named, renamed
from lab.specs import InitialSpec
from lab.words import Scheme

# Standard deviation of a standard normal cut off at two, by which its draws are divided.
CUT_OFF_DEVIATION = 0.87962566103423978

TABLES = ("embedding", "positions")
"""Tensors that hold a vector a row; their fan-in is a vector's length, as in Flax's Embed."""

_VECTORS = ("bias", "scale")
_PROJECTIONS = ("query", "key", "value")
"""Of Flax's attention: their kernels are [features, heads, features of a head]."""

Shape = tuple[int, ...]


def is_drawn(path: str, shape: Shape) -> bool:
    """Whether a scheme is about the tensor."""
    return len(shape) >= 2 and path.rpartition("/")[2] not in _VECTORS


def inputs_axes(path: str, shape: Shape) -> int:
    """How many of a tensor's axes, which come first, are what it reads; the rest is what it says.

    A vector says, and reads nothing. The windows of a convolution are among what it reads.
    """
    names = path.split("/")
    if names[-2:-1] and names[-2] in _PROJECTIONS and names[-1] == "kernel" and len(shape) == 3:
        return 1
    return len(shape) - 1 if is_drawn(path, shape) else 0


def fans(path: str, shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of a drawn tensor.

    A window's size counts in both (He et al. 2015, section 2.2). Of grouped convolutions fan-out
    counts all channels, as in Flax and PyTorch, since shapes do not tell of groups.
    """
    reads = inputs_axes(path, shape)
    inputs, outputs = math.prod(shape[:reads]), math.prod(shape[reads:])
    if path.rpartition("/")[2] in TABLES:
        return outputs, inputs
    window = math.prod(shape[: reads - 1])
    return inputs, outputs * window


def deviation(spec: InitialSpec, path: str, shape: Shape, gain: float = 1.0) -> float:
    """Standard deviation of the entries of a drawn tensor; `gain` is the family's variance."""
    fan_in, fan_out = fans(path, shape)
    match spec.scheme:
        case Scheme.FAMILY:
            # A row of a table is a vector of length 1 on average, whatever the family.
            table = path.rpartition("/")[2] in TABLES
            return 1 / math.sqrt(fan_in) if table else math.sqrt(gain / fan_in)
        case Scheme.HE:  # He et al. 2015, equation 10
            return math.sqrt(2 / fan_in)
        case Scheme.GLOROT:  # Glorot and Bengio 2010, equation 12
            return math.sqrt(2 / (fan_in + fan_out))
        case Scheme.LECUN:  # LeCun et al. 1998, "Efficient BackProp", equation 16
            return 1 / math.sqrt(fan_in)
        case Scheme.ORTHOGONAL:
            reads = inputs_axes(path, shape)
            return 1 / math.sqrt(max(math.prod(shape[:reads]), math.prod(shape[reads:])))
        case Scheme.TRUNCATED_NORMAL:
            assert spec.deviation is not None
            return spec.deviation


def redrawn(spec: InitialSpec, params: Any, key: jax.Array) -> Any:
    """`params` with every tensor that a scheme is about drawn by it.

    Normal draws are cut off at two deviations, which is made up for. One draw is sliced into all
    tensors, because compiling a draw of its own for each takes XLA longer than the training step.
    """
    drawn = {path: leaf for path, leaf in named(params).items() if is_drawn(path, leaf.shape)}
    total = sum(math.prod(leaf.shape) for leaf in drawn.values())
    orthogonal = spec.scheme is Scheme.ORTHOGONAL
    draws = (
        jax.random.normal(key, (total,))
        if orthogonal
        else jax.random.truncated_normal(key, -2.0, 2.0, (total,)) / CUT_OFF_DEVIATION
    )
    values, used = {}, 0
    for path, leaf in drawn.items():
        size = math.prod(leaf.shape)
        own, used = draws[used : used + size], used + size
        if orthogonal:
            value = _orthogonal(own.reshape(_as_matrix(path, leaf.shape))).reshape(leaf.shape)
        else:
            value = own.reshape(leaf.shape) * deviation(spec, path, leaf.shape)
        values[path] = value.astype(leaf.dtype)
    return renamed(params, values)


def _as_matrix(path: str, shape: Shape) -> tuple[int, int]:
    reads = inputs_axes(path, shape)
    return math.prod(shape[:reads]), math.prod(shape[reads:])


def _orthogonal(normal_RxC: jax.Array) -> jax.Array:
    """An orthogonal matrix from a normal one, uniform over all (Mezzadri 2007, section 5).

    Columns are orthonormal, or rows where there are fewer of them. Saxe et al. 2014.
    """
    rows, columns = normal_RxC.shape
    tall = normal_RxC if rows >= columns else normal_RxC.T
    q, r = jnp.linalg.qr(tall)
    q = q * jnp.sign(jnp.diagonal(r))[None]
    return q if rows >= columns else q.T
