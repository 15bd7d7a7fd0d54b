"""A module at a declared precision: what a member is trained and evaluated through."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.ops import Choose, chosen_here, fast_batch_norm, on_lab_ops
from lab.words import Precision


class Dropout(NamedTuple):
    """What a training step draws with."""

    key: jax.Array
    rate: jax.Array  # float32 []


class Forward(NamedTuple):
    """Logits are float32 whatever the precision, and so are the batch statistics.

    `train(params, batch_stats, inputs, dropout)` gives logits and new batch statistics,
    `evaluate(params, batch_stats, inputs)` logits.
    """

    train: Callable[[Any, Any, jax.Array, Dropout | None], tuple[jax.Array, Any]]
    evaluate: Callable[[Any, Any, jax.Array], jax.Array]


def make_forward(
    module: nn.Module, precision: Precision, choose: Choose | None = chosen_here
) -> Forward:
    """The passes of any module that is called as the lab's are, on the lab's operations.

    `choose` gives each operation its form; with None the module runs on its own layers as they are.
    At BFLOAT16 parameters and inputs are rounded to it on the way in, so that the module computes
    in it unless it says otherwise itself; the gradient arrives at the float32 parameters. A module
    that dropout is asked of takes its rate as the argument `dropout`, since it may be a traced one.
    """

    def variables(params: Any, batch_stats: Any) -> Any:
        return {"params": _rounded(params, precision), "batch_stats": batch_stats}

    def train(
        params: Any, batch_stats: Any, inputs: jax.Array, dropout: Dropout | None
    ) -> tuple[jax.Array, Any]:
        asked: dict[str, Any] = (
            {} if dropout is None else {"dropout": dropout.rate, "rngs": {"dropout": dropout.key}}
        )
        with _promotion(precision), _layers(choose):
            applied: Any = module.apply(
                variables(params, batch_stats),
                _rounded(inputs, precision),
                train=True,
                mutable=["batch_stats"],
                **asked,
            )
        logits, updated = applied
        updated_stats = jax.tree.map(
            lambda new, old: new.astype(old.dtype), updated.get("batch_stats", {}), batch_stats
        )
        return logits.astype(jnp.float32), updated_stats

    def evaluate(params: Any, batch_stats: Any, inputs: jax.Array) -> jax.Array:
        with _promotion(precision):
            logits: Any = module.apply(
                variables(params, batch_stats), _rounded(inputs, precision), train=False
            )
        return logits.astype(jnp.float32)

    if choose is None:
        return Forward(train, evaluate)
    return Forward(on_lab_ops(train, choose), on_lab_ops(evaluate, choose))


def _layers(choose: Choose | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if choose is None else fast_batch_norm()


def _promotion(precision: Precision) -> contextlib.AbstractContextManager[None]:
    """Flax's normalisation mixes bfloat16 with its float32 statistics, even under strict rules."""
    if precision is Precision.FLOAT32:
        return contextlib.nullcontext()
    return jax.numpy_dtype_promotion("standard")


def _rounded(tree: Any, precision: Precision) -> Any:
    if precision is Precision.FLOAT32:
        return tree
    return jax.tree.map(
        lambda leaf: (
            leaf.astype(jnp.bfloat16) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
        ),
        tree,
    )
