"""A network at a declared precision: what a member is trained and evaluated through."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp

from lab.models import Network, Noise
from lab.ops import Choose, chosen_here, fast_batch_norm, on_lab_ops
from lab.words import Precision


def make_forward(
    network: Network, precision: Precision, choose: Choose | None = chosen_here
) -> Network:
    """The passes of any network, on the lab's operations; outputs and model state are float32.

    `choose` gives each operation its form; with None the network runs on its own layers as they
    are. At BFLOAT16 parameters and inputs are rounded to it on the way in, so that the network
    computes in it unless it says otherwise itself; the gradient arrives at the float32 parameters.
    """

    def train(
        params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None
    ) -> tuple[jax.Array, Any]:
        with _promotion(precision), _layers(choose):
            outputs, updated = network.train(
                _rounded(params, precision), model_state, _rounded(inputs, precision), noise
            )
        updated = jax.tree.map(lambda new, old: new.astype(old.dtype), updated, model_state)
        return outputs.astype(jnp.float32), updated

    def evaluate(params: Any, model_state: Any, inputs: jax.Array) -> jax.Array:
        with _promotion(precision):
            outputs = network.evaluate(
                _rounded(params, precision), model_state, _rounded(inputs, precision)
            )
        return outputs.astype(jnp.float32)

    def activations(params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None) -> Any:
        with jax.numpy_dtype_promotion("standard"), _layers(choose):
            return network.activations(
                _rounded(params, precision), model_state, _rounded(inputs, precision), noise
            )

    if choose is not None:
        train, evaluate, activations = (
            on_lab_ops(train, choose),
            on_lab_ops(evaluate, choose),
            on_lab_ops(activations, choose),
        )
    return network._replace(train=train, evaluate=evaluate, activations=activations)


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
