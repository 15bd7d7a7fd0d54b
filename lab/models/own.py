"""A user's own class as a network: any of Flax linen or nnx, as it is."""

import inspect
from typing import Any

import flax.linen as nn
import jax
from flax import nnx

from lab import user_code
from lab.errors import UsageError
from lab.models.drawing import drawn_at_once
from lab.models.network import Network, Noise
from lab.models.own_linen import linen_passes
from lab.models.own_nnx import nnx_passes
from lab.models.own_passes import Passes, require_called_with_inputs
from lab.models.own_rules import remedy, require_rules
from lab.models.signature import Signature
from lab.specs import OwnModelSpec


def own_network(spec: OwnModelSpec, signature: Signature) -> Network:
    """The network of a user's class; its initial weights are the class's own.

    How its `__call__` is told that it trains is found by the names of its arguments
    (`lab.models.own_passes.TRAINING`). Outputs may have more or fewer axes of length 1 at the end
    than the signature asks.

    Raises:
        UsageError: it cannot be imported or constructed, or breaks a rule for models.
    """
    passes = _passes(spec, signature)
    draws = require_rules(spec.path, passes, signature)
    if draws:
        passes = passes._replace(train=drawn_at_once(passes.train))

    def train(
        params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None
    ) -> tuple[jax.Array, Any]:
        outputs, updated = passes.train(params, model_state, inputs, _key(noise))
        return _fitted(outputs, signature), updated

    def evaluate(params: Any, model_state: Any, inputs: jax.Array) -> jax.Array:
        return _fitted(passes.evaluate(params, model_state, inputs, _key(None)), signature)

    def activations(params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None) -> Any:
        return passes.activations(params, model_state, inputs, _key(noise))

    return Network(drawn_at_once(passes.init), train, evaluate, activations, draws)


def is_module_class(found: Any) -> bool:
    """Whether it is a class of Flax linen or nnx."""
    return inspect.isclass(found) and issubclass(found, (nn.Module, nnx.Module))


def _key(noise: Noise | None) -> jax.Array:
    """Where there is no noise nothing depends on the key; `require_rules` has made sure."""
    return jax.random.key(0) if noise is None else noise.key


def _fitted(outputs: jax.Array, signature: Signature) -> jax.Array:
    wanted = signature.outputs
    return outputs if wanted is None else outputs.reshape(outputs.shape[0], *wanted)


def _passes(spec: OwnModelSpec, signature: Signature) -> Passes:
    found, path = user_code.load(spec.path), spec.path
    if not is_module_class(found):
        kind = "a class" if inspect.isclass(found) else f"a {type(found).__name__}"
        raise UsageError(
            f"{path} is {kind}, but no module of Flax; a model must be a subclass of "
            "flax.linen.Module or flax.nnx.Module: name such a class"
        )
    require_called_with_inputs(path, found)
    if issubclass(found, nn.Module):
        construct = user_code.bound(path, found, spec.arguments, "model_kwargs")
        with user_code.explained(f"constructing {path}", remedy):
            return linen_passes(construct(), signature.example())
    if "rngs" not in user_code.signature_of(found).parameters:
        raise UsageError(
            f"{path} takes no rngs; an nnx class is constructed with rngs=nnx.Rngs(key), whence "
            "its initial weights come: add rngs to its __init__"
        )

    def constructed(rngs: nnx.Rngs) -> nnx.Module:
        return user_code.bound(path, found, spec.arguments, "model_kwargs", rngs=rngs)()

    with user_code.explained(f"constructing {path}", remedy):
        return nnx_passes(path, constructed)
