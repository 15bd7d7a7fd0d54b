"""A model as pure functions of its variables, whoever wrote it and in whichever framework."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from lab.models.initial import initialise
from lab.models.signature import Signature


class Noise(NamedTuple):
    """What a training pass draws with: the key of this step, and the recipe's rate of dropout.

    The rate is None where the recipe has none, and a model's own layers draw by rates of their own.
    """

    key: jax.Array
    rate: jax.Array | None  # float32 []


class Network(NamedTuple):
    """A model's passes; `params` are trained, `model_state` is what training passes update.

    `init(key)` gives both. `train(params, model_state, inputs, noise)` gives outputs and a new
    model state, `evaluate(params, model_state, inputs)` outputs, `activations` (as `train`) the
    output of every layer. `draws` says that training passes need noise whatever the recipe says.
    """

    init: Callable[[jax.Array], tuple[Any, Any]]
    train: Callable[[Any, Any, jax.Array, Noise | None], tuple[jax.Array, Any]]
    evaluate: Callable[[Any, Any, jax.Array], jax.Array]
    activations: Callable[[Any, Any, jax.Array, Noise | None], Any]
    draws: bool = False


def linen_network(
    module: nn.Module, signature: Signature, gain: float, draws: bool = False
) -> Network:
    """The passes of one of the lab's own modules, which are called with `train` and `dropout`."""
    example = signature.example()

    def init(key: jax.Array) -> tuple[Any, Any]:
        variables = initialise(module, key, example, gain)
        return variables["params"], variables.get("batch_stats", {})

    def apply(
        params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None, **options: Any
    ) -> tuple[Any, Any]:
        if noise is not None:
            options["rngs"] = {"dropout": noise.key}
        if noise is not None and noise.rate is not None:
            options["dropout"] = noise.rate
        variables = {"params": params, "batch_stats": model_state}
        applied: Any = module.apply(variables, inputs, train=True, **options)
        return applied

    def train(
        params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None
    ) -> tuple[jax.Array, Any]:
        outputs, updated = apply(params, model_state, inputs, noise, mutable=["batch_stats"])
        return outputs, updated.get("batch_stats", {})

    def evaluate(params: Any, model_state: Any, inputs: jax.Array) -> jax.Array:
        variables = {"params": params, "batch_stats": model_state}
        outputs: jax.Array = module.apply(variables, inputs, train=False)  # type: ignore[assignment]
        return outputs

    def activations(params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None) -> Any:
        mutable = ["batch_stats", "intermediates"]
        _, seen = apply(
            params, model_state, inputs, noise, mutable=mutable, capture_intermediates=True
        )
        return seen["intermediates"]

    return Network(init, train, evaluate, activations, draws)
