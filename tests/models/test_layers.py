"""The layer table: its sums are the model's, and each layer has its own."""

import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from lab.models import Network, Noise, Signature, build_network, count_parameters
from lab.models.flops import count_flops
from lab.models.layers import Layer, LayerTable, layer_table
from lab.models.network import linen_network
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    MLPSpec,
    ModelSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
)

CLASSES = Signature((8, 8, 1), (10,))
SPECS: dict[str, tuple[ModelSpec, Signature]] = {
    "unet": (UNetSpec(0.2), Signature((16, 8, 3), (16, 8))),
    "mlp": (MLPSpec(32), CLASSES),
    "cnn": (CNNSpec(6, 3), CLASSES),
    "deep linear": (DeepLinearSpec(7, 3), CLASSES),
    "resnet": (ResNetSpec(4, 1), CLASSES),
    "transformer": (TransformerSpec(8, 2, 2), Signature((6,), (6, 20), vocabulary=20)),
}


def table_of(spec: ModelSpec, signature: Signature, batch_size: int = 4) -> LayerTable:
    return layer_table(build_network(spec, signature), signature, batch_size)


def named(table: LayerTable) -> dict[str, Layer]:
    names = {layer.name: layer for layer in table.layers}
    assert len(names) == len(table.layers)
    return names


@pytest.mark.parametrize("family", SPECS)
def test_sums_are_the_model_s(family: str) -> None:
    spec, signature = SPECS[family]
    table = table_of(spec, signature)
    network = build_network(spec, signature)
    variables = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))
    assert table.parameters == count_parameters(spec, signature)
    assert table.flops == count_flops(network.evaluate, *variables, signature.example())
    # A training pass is a forward pass, and one or two more products for each product of it.
    assert 2 * 4 * table.flops < table.training_flops < 4 * 4 * table.flops
    layers = named(table)
    assert "" not in layers or layers[""].output == signature.outputs
    order = list(layers)
    for name in filter(None, order):
        outer = name.rpartition("/")[0]
        assert outer not in layers or order.index(outer) < order.index(name)


def test_an_mlp_s_rows_are_those_counted_by_hand() -> None:
    assert table_of(MLPSpec(32), CLASSES).layers == (
        Layer("", "MLP", (10,), 0, 2 * 32),
        Layer("Dense_0", "Dense", (32,), 64 * 32 + 32, 2 * 64 * 32 + 32),
        Layer("Dense_1", "Dense", (32,), 32 * 32 + 32, 2 * 32 * 32 + 32),
        Layer("Dense_2", "Dense", (10,), 32 * 10 + 10, 2 * 32 * 10 + 10),
    )


def test_a_cnn_s_rows_are_those_counted_by_hand() -> None:
    """3x3 taps on 8 pixels meet 3 * 8 - 2 of them; from each second pixel on, 3 * 4 - 1."""
    layers = named(table_of(CNNSpec(6, 2), CLASSES))
    first, second = layers["Conv_0"], layers["Conv_1"]
    assert (first.output, first.parameters) == ((8, 8, 6), 9 * 6 + 6)
    assert first.flops == 2 * 6 * (3 * 8 - 2) ** 2 + 8 * 8 * 6
    assert (second.output, second.parameters) == ((4, 4, 6), 9 * 36 + 6)
    assert second.flops == 2 * 36 * (3 * 4 - 1) ** 2 + 4 * 4 * 6


def test_a_training_step_of_a_deep_linear_net_has_its_closed_form() -> None:
    """Three products a layer, but two of the first, whose inputs need no gradient."""
    sizes = (64, 7, 7, 10)
    products = [2 * a * b for a, b in itertools.pairwise(sizes)]
    table = table_of(DeepLinearSpec(7, 2), CLASSES, batch_size=5)
    assert table.flops == sum(products)
    assert table.training_flops == 5 * (3 * sum(products) - products[0])


class Scanned(nn.Module):
    """A layer thrice with weights of its own each time, and one twice with the same."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        del dropout

        def layer(dense: nn.Module, x: jax.Array) -> tuple[jax.Array, None]:
            return dense(x), None

        x = x.reshape(x.shape[0], -1)
        shared = nn.Dense(64, name="shared")
        x = nn.Dropout(0.5, deterministic=not train)(shared(shared(x)))
        every = {"variable_axes": {"params": 0}, "split_rngs": {"params": True}, "length": 3}
        x, _ = nn.scan(lambda dense, x, _: layer(dense, x), **every)(
            nn.Dense(64, name="s"), x, None
        )
        return nn.remat(nn.Dense)(10, name="last")(x)


def test_layers_in_loops_and_called_twice_count_as_often() -> None:
    table = layer_table(linen_network(Scanned(), CLASSES, 2.0, draws=True), CLASSES, 2)
    layers = named(table)
    dense, once = 64 * 64 + 64, 2 * 64 * 64 + 64
    assert layers["shared"] == Layer("shared", "Dense", (64,), dense, 2 * once)
    assert (layers["s"].parameters, layers["s"].flops) == (3 * dense, 3 * once)
    assert (layers["last"].output, layers["last"].parameters) == ((10,), 650)
    assert layers["last"].flops == 2 * 640 + 10


class Decoder(nn.Module):
    """A layer that is not called, but asked by another name."""

    def setup(self) -> None:
        self.table = nn.Embed(20, 8)

    def written(self, x: jax.Array) -> jax.Array:
        return nn.relu(self.table.attend(nn.relu(self.table(x))))


class Tied(nn.Module):
    """Tokens in and out by one table."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        del train
        return Decoder(name="decoder").written(x)


def test_what_other_methods_compute_is_the_layer_s() -> None:
    signature = Signature((6,), (6, 20), vocabulary=20)
    layers = named(layer_table(linen_network(Tied(), signature, 1.0), signature, 2))
    assert layers["decoder"].flops == 6 * 8 + 6 * 20
    assert layers["decoder/table"].flops == 2 * 6 * 8 * 20
    assert set(layers) == {"decoder", "decoder/table"}


class Unnamed(nnx.Module):
    """nnx names parameters, but not what is computed with them."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.body = nnx.List([nnx.Linear(64, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)])
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.head = nnx.Linear(8, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.reshape(x.shape[0], -1)
        for layer in self.body:
            x = nnx.relu(layer(x))
        return self.head(self.norm(x))


def nnx_network() -> Network:
    abstract = nnx.eval_shape(lambda: Unnamed(nnx.Rngs(0)))
    graph, params, state = nnx.split(abstract, nnx.Param, ...)

    def init(key: jax.Array) -> tuple[Any, Any]:
        _, params, state = nnx.split(Unnamed(nnx.Rngs(key)), nnx.Param, ...)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def called(values: Any, others: Any, x: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        own, rest = params, state
        nnx.replace_by_pure_dict(own, values)
        nnx.replace_by_pure_dict(rest, others)
        module = nnx.merge(graph, own, rest, copy=True)
        (module.train if train else module.eval)()
        outputs = module(x)
        return outputs, nnx.to_pure_dict(nnx.split(module, nnx.Param, ...)[2])

    def train(values: Any, others: Any, x: jax.Array, noise: Noise | None) -> tuple[Any, Any]:
        del noise
        return called(values, others, x, True)

    return Network(
        init, train, lambda values, others, x: called(values, others, x, False)[0], train
    )


def test_what_is_not_named_stands_with_the_parameters_that_it_reads() -> None:
    layers = named(layer_table(nnx_network(), CLASSES, 4))
    assert layers["body/0"] == Layer("body/0", "", (8,), 520, 2 * 64 * 8 + 8)
    assert layers["body/1"] == Layer("body/1", "", (8,), 72, 2 * 64 + 8)
    assert layers["head"] == Layer("head", "", (10,), 90, 2 * 80 + 10)
    assert layers["norm"].parameters == 16
    assert layers["norm"].flops >= 4 * 8
    assert layers[""].flops == 2 * 8
    assert set(layers) == {"", "body/0", "body/1", "norm", "head"}


def test_a_model_of_bare_arrays_is_one_layer() -> None:
    def evaluate(params: Any, state: Any, x: jax.Array) -> jax.Array:
        del state
        return x.reshape(x.shape[0], -1) @ params["w"]

    network = Network(
        lambda key: ({"w": jnp.zeros((64, 10))}, {}),
        lambda params, state, x, noise: (evaluate(params, state, x), state),
        evaluate,
        lambda params, state, x, noise: {},
    )
    table = layer_table(network, CLASSES, 3)
    assert table.layers == (Layer("", "", (10,), 640, 1280),)
    assert table.training_flops == 3 * 2 * 1280
