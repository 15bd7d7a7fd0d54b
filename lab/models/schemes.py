"""The classic ways to draw weights, whatever network they are in.

They concern tensors of two axes or more but biases: kernels, embeddings and learned positions.
Biases, and the scales of normalisation, are left as the network makes them: at 0, and at 1.
"""

import math
from collections.abc import Sequence
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

    Normal draws are cut off at two deviations, which is made up for; where they are made orthogonal
    they are whole. One draw is sliced into all tensors, because compiling a draw of its own for
    each takes XLA longer than the training step.
    """
    drawn = {path: leaf for path, leaf in named(params).items() if is_drawn(path, leaf.shape)}
    total = sum(math.prod(leaf.shape) for leaf in drawn.values())
    if spec.scheme is Scheme.ORTHOGONAL:
        matrices = [
            own.reshape(_as_matrix(path, drawn[path].shape))
            for path, own in _sliced(jax.random.normal(key, (total,)), drawn).items()
        ]
        values = dict(zip(drawn, _orthogonal(matrices), strict=True))
    else:
        draws = jax.random.truncated_normal(key, -2.0, 2.0, (total,)) / CUT_OFF_DEVIATION
        values = {
            path: own * deviation(spec, path, drawn[path].shape)
            for path, own in _sliced(draws, drawn).items()
        }
    return renamed(
        params,
        {path: values[path].reshape(leaf.shape).astype(leaf.dtype) for path, leaf in drawn.items()},
    )


def _sliced(draws: jax.Array, tensors: dict[str, jax.Array]) -> dict[str, jax.Array]:
    found, used = {}, 0
    for path, leaf in tensors.items():
        size = math.prod(leaf.shape)
        found[path], used = draws[used : used + size], used + size
    return found


def _as_matrix(path: str, shape: Shape) -> tuple[int, int]:
    reads = inputs_axes(path, shape)
    return math.prod(shape[:reads]), math.prod(shape[reads:])


def _orthogonal(matrices: Sequence[jax.Array]) -> list[jax.Array]:
    """Orthogonal matrices from normal ones, uniform over all such (Saxe et al. 2014).

    Columns are orthonormal, or rows where there are fewer of them: by Gram and Schmidt, twice over
    for the sake of rounding (Giraud et al. 2005), which gives the one QR decomposition whose R has
    a positive diagonal (Mezzadri 2007, section 5). One loop goes through the vectors of all, for a
    loop each takes XLA long to compile. XLA's own QR hands LAPACK to the pool of threads that waits
    for it: with 2 cores, mapped over 2 members, 8 of them side by side came to a halt.
    """
    wide = [one.T if one.shape[0] > one.shape[1] else one for one in matrices]
    most, longest = (max(one.shape[axis] for one in wide) for axis in (0, 1))
    vectors_SxN = jnp.concatenate(
        [jnp.pad(one, ((0, 0), (0, longest - one.shape[1]))) for one in wide]
    )
    numbers_S = jnp.concatenate([jnp.arange(len(one), dtype=jnp.int32) for one in wide])

    def add(basis_KxN: jax.Array, one: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        number, vector_N = one
        before_K = jnp.arange(most, dtype=jnp.int32) < number  # The rest is another matrix's.
        for _ in range(2):
            vector_N = vector_N - jnp.where(before_K, basis_KxN @ vector_N, 0.0) @ basis_KxN
        vector_N = vector_N / jnp.sqrt(jnp.sum(vector_N**2))
        return basis_KxN.at[number].set(vector_N), vector_N

    _, vectors_SxN = jax.lax.scan(add, jnp.zeros((most, longest)), (numbers_S, vectors_SxN))
    found, used = [], 0
    for one, matrix in zip(wide, matrices, strict=True):
        own, used = vectors_SxN[used : used + len(one), : one.shape[1]], used + len(one)
        found.append(own.T if matrix.shape[0] > matrix.shape[1] else own)
    return found
