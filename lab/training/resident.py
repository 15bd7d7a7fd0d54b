"""Data on the device, in its storage type: for the whole run, or for the steps of a dispatch."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import DataArrays, Split

EVALUATION_BATCH = 64


class Examples(NamedTuple):
    """N examples in their storage type, as `lab.data.arrays.Split` has them."""

    inputs: jax.Array
    targets: jax.Array


class Window(NamedTuple):
    """The batches of S steps, which all members take together; batch b of every step."""

    first: jax.Array  # int32 []: the step of the first
    indices: jax.Array  # int32 [S, B]: which examples these are
    inputs: jax.Array  # [S, B, ...]
    targets: jax.Array

    def batch(self, step: jax.Array) -> Examples:
        """Of one of these steps."""
        row = step - self.first
        return Examples(self.inputs[row], self.targets[row])


class Chunks(NamedTuple):
    """A whole split in equal chunks [chunks, B, ...]; `weights` is 0 on padding, else 1."""

    inputs: jax.Array
    targets: jax.Array
    weights: jax.Array


class Resident(NamedTuple):
    """What a compiled program reads."""

    train: Examples | Window
    validation: Chunks


def make_resident(data: DataArrays) -> Resident:
    """Copies both splits to the default device; the validation split is padded, never cut."""
    return Resident(
        train=Examples(jnp.asarray(data.train.inputs), jnp.asarray(data.train.targets)),
        validation=_chunks(data.validation),
    )


def to_float(inputs: jax.Array) -> jax.Array:
    """uint8 images to float32 in [0, 1]."""
    return inputs.astype(jnp.float32) / 255.0


def to_inputs(stored: jax.Array) -> jax.Array:
    """As models take them, by their type: uint8 images, tokens of another integer type, floats."""
    if stored.dtype == jnp.uint8:
        return to_float(stored)
    if jnp.issubdtype(stored.dtype, jnp.integer):
        return stored.astype(jnp.int32)
    return stored.astype(jnp.float32)


def chunk_shapes(split: Split) -> Chunks:
    """The shapes of a split's chunks; nothing is copied."""
    count, size = _cut(len(split.inputs))

    def shape(array: np.ndarray) -> Any:
        return jax.ShapeDtypeStruct((count, size, *array.shape[1:]), array.dtype)

    weights: Any = jax.ShapeDtypeStruct((count, size), jnp.float32)
    return Chunks(shape(split.inputs), shape(split.targets), weights)


def _cut(total: int) -> tuple[int, int]:
    """How many chunks, and how many examples each."""
    count = math.ceil(total / EVALUATION_BATCH)
    return count, math.ceil(total / count)


def _chunks(split: Split) -> Chunks:
    total = len(split.inputs)
    count, size = _cut(total)
    padding = count * size - total

    def chunked(array: np.ndarray) -> jax.Array:
        padded = np.concatenate([array, np.repeat(array[:1], padding, axis=0)])
        return jnp.asarray(padded.reshape(count, size, *array.shape[1:]))

    weights = np.concatenate([np.ones(total, np.float32), np.zeros(padding, np.float32)])
    return Chunks(
        inputs=chunked(split.inputs),
        targets=chunked(split.targets),
        weights=jnp.asarray(weights.reshape(count, size)),
    )
