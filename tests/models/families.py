"""Every family, tiny, with its dials turned in one way or another."""

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lab.models import Network, Signature, build_network
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.words import Activation, Normalisation

IMAGES = Signature((4, 4, 2), (3,))
VECTORS = Signature((9,), (2,))
PIXELS = Signature((8, 8, 2), (8, 8))
TEXT = Signature((5,), (5, 7), vocabulary=7)
ONE_ANSWER = Signature((5,), (7,), vocabulary=7)
BATCH, LAYER, GROUP, NONE = (
    Normalisation.BATCH,
    Normalisation.LAYER,
    Normalisation.GROUP,
    Normalisation.NONE,
)

FAMILIES: dict[str, tuple[ModelSpec, Signature]] = {
    "mlp": (MLPSpec(8, 2, Activation.SILU, BATCH, skips=True), VECTORS),
    "mlp of tokens": (MLPSpec(8, 1, normalisation=GROUP), ONE_ANSWER),
    "cnn": (CNNSpec(8, 2, Activation.GELU, GROUP, skips=True), IMAGES),
    "deep linear": (DeepLinearSpec(8, 2), VECTORS),
    "resnet": (ResNetSpec(4, 1, Activation.TANH, LAYER, stochastic_depth=0.5), IMAGES),
    "mobilenet": (MobileNetSpec(0.1, 1.0, 2, stochastic_depth=0.3), IMAGES),
    "unet": (UNetSpec(0.3, 2, 2), PIXELS),
    "plain unet": (PlainUNetSpec(4, 2), PIXELS),
    "vit": (ViTSpec(8, 1, 2, 2, 2, stochastic_depth=0.4), IMAGES),
    "transformer": (TransformerSpec(8, 1, 2, 2, tied=True, stochastic_depth=0.4), TEXT),
    "lstm": (LSTMSpec(8, 2, tied=True), TEXT),
    "lstm of one answer": (LSTMSpec(8), ONE_ANSWER),
}

FEW_STAGES = ((16, 1, 1), (24, 2, 2))
"""Of a MobileNet: each kind of block once, to be patched in where it must compile soon."""

KEY = jax.eval_shape(lambda: jax.random.key(0))


def network_of(name: str) -> Network:
    return build_network(*FAMILIES[name])


def inputs_of(signature: Signature, batch: int, address: int = 0) -> jax.Array:
    rng = np.random.default_rng([batch, address])
    shape = (batch, *signature.inputs)
    if signature.tokens:
        return jnp.asarray(rng.integers(0, signature.vocabulary, shape), jnp.int32)
    return jnp.asarray(rng.uniform(size=shape), jnp.float32)


def made_up(network: Network, address: int) -> tuple[Any, Any]:
    """Parameters, none of them 0, and a model state, without compiling what initial ones take."""
    rng = np.random.default_rng([address])

    def one(path: Any, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        drawn = rng.normal(size=leaf.shape)
        match str(path[-1].key):
            case "scale" | "var":
                drawn = np.exp(drawn / 4)
            case "bias" | "mean":
                drawn = drawn / 8
            case _:
                drawn = drawn / math.sqrt(math.prod(leaf.shape[:-1]))
        return jnp.asarray(drawn, leaf.dtype)

    return jax.tree_util.tree_map_with_path(one, jax.eval_shape(network.init, KEY))


def shapes(spec: ModelSpec, signature: Signature) -> dict[str, tuple[int, ...]]:
    """Of each parameter, by its path."""
    params, _ = jax.eval_shape(build_network(spec, signature).init, KEY)
    return {path: leaf.shape for path, leaf in by_path(params).items()}


def by_path(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(str(part.key) for part in path): leaf for path, leaf in leaves}


def replaced(params: Any, patterns: tuple[str, ...], change: Any) -> Any:
    """With what matches changed by `change(path, leaf)`."""

    def one(path: Any, leaf: jax.Array) -> jax.Array:
        name = "/".join(str(part.key) for part in path)
        hit = any(re.fullmatch(pattern, name) for pattern in patterns)
        return change(name, leaf) if hit else leaf

    return jax.tree_util.tree_map_with_path(one, params)


def size(shape: tuple[int, ...]) -> int:
    return math.prod(shape)
