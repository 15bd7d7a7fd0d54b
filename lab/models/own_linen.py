"""A user's linen module, unmodified."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.own_passes import TRAINING, Passes, mode_options

_TO_LOOK_AT = ("intermediates", "perturbations")
"""Collections that a module runs without."""


def linen_passes(module: Any, example: jax.ShapeDtypeStruct) -> Passes:
    """Initial variables are those of `module.init(key, inputs)`, told that it trains.

    A training pass draws dropout from the key itself, and streams of other names from a key of
    their own; all collections but `params` are model state. Evaluation may draw nothing.
    """
    training, evaluating = _told(module, True), _told(module, False)
    how = mode_options(type(module).__call__, True)
    evaluated = mode_options(type(module).__call__, False)

    def init(key: jax.Array) -> tuple[Any, Any]:
        inputs = jnp.zeros(example.shape, example.dtype)
        variables = dict(nn.meta.unbox(training.init(key, inputs, **how)))
        params = variables.pop("params", {})
        state = {name: held for name, held in variables.items() if name not in _TO_LOOK_AT}
        return params, state

    def apply(
        params: Any, state: Any, inputs: jax.Array, key: jax.Array, **options: Any
    ) -> tuple[Any, Any]:
        # Flax draws from "params" for a stream that it is not given.
        rngs = {"dropout": key, "params": jax.random.fold_in(key, 1)}
        applied: Any = training.apply(
            {"params": params, **state}, inputs, rngs=rngs, **how, **options
        )
        return applied

    def train(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> tuple[Any, Any]:
        outputs, updated = apply(params, state, inputs, key, mutable=list(state))
        return outputs, {**state, **updated}

    def evaluate(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> Any:
        del key
        return evaluating.apply({"params": params, **state}, inputs, **evaluated)

    def activations(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> Any:
        mutable = [*state, "intermediates"]
        _, seen = apply(params, state, inputs, key, mutable=mutable, capture_intermediates=True)
        return seen["intermediates"]

    return Passes(init, train, evaluate, activations)


def _told(module: Any, training: bool) -> Any:
    """The module that has the mode among its fields, where its `__call__` does not ask for it."""
    if mode_options(type(module).__call__, training):
        return module
    fields = {field.name for field in dataclasses.fields(module)}
    mode = {
        name: value if training else not value for name, value in TRAINING.items() if name in fields
    }
    return module.clone(**mode) if mode else module
