"""A module's initial variables."""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.schemes import CUT_OFF_DEVIATION, TABLES


def initialise(
    module: nn.Module, key: jax.Array, example: jax.ShapeDtypeStruct, gain: float = 2.0
) -> dict[str, Any]:
    """`params` and what else the module holds: as Flax lays them out, all drawn at once.

    Kernels have variance `gain`/fan-in and are cut off at two deviations (gain 2: He et al. 2015,
    section 2.2; gain 1: LeCun et al. 1998, "Efficient BackProp", section 4.6), the vectors of
    embeddings and positions length 1 on average, scales and variances are 1, biases and means 0.
    One draw is sliced into all of them, because compiling a draw of its own for each takes XLA
    longer than the training step.
    """
    shapes = jax.eval_shape(functools.partial(module.init, train=True), key, example)
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    drawn = ("kernel", *TABLES)
    total = sum(math.prod(leaf.shape) for path, leaf in leaves if _name(path) in drawn)
    draws = jax.random.truncated_normal(key, -2.0, 2.0, (total,)) / CUT_OFF_DEVIATION
    values, used = [], 0
    for path, leaf in leaves:
        match _name(path):
            case name if name in drawn:
                size = math.prod(leaf.shape)
                deviation = (
                    1 / math.sqrt(leaf.shape[-1])
                    if name in TABLES
                    else math.sqrt(gain / math.prod(leaf.shape[:-1]))
                )
                values.append(draws[used : used + size].reshape(leaf.shape) * deviation)
                used += size
            case "scale" | "var":
                values.append(jnp.ones(leaf.shape, leaf.dtype))
            case "bias" | "mean":
                values.append(jnp.zeros(leaf.shape, leaf.dtype))
            case name:
                raise ValueError(f"no rule for the initial value of {name!r}")
    return jax.tree_util.tree_unflatten(structure, values)


def _name(path: tuple[Any, ...]) -> str:
    return str(path[-1].key)
