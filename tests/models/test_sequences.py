"""What models of text say of a sequence, and what they have read by then."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.families import (
    BATCH,
    GROUP,
    IMAGES,
    LAYER,
    NONE,
    ONE_ANSWER,
    TEXT,
    by_path,
    inputs_of,
    made_up,
    replaced,
)
from ops.forms import QUICKLY

from lab.models import Signature, build_network
from lab.models.lstm import FORGET_BIAS, LSTMLayer
from lab.specs import LSTMSpec, ModelSpec, TransformerSpec, ViTSpec
from lab.words import Normalisation

LENGTH = TEXT.inputs[0]


def said(spec: ModelSpec, params: Any, signature: Signature = TEXT, **options: Any) -> np.ndarray:
    """By the network in evaluation, where batch statistics are those it began with."""
    network = build_network(spec, signature, **options)
    _, model_state = made_up(network, 0)
    evaluate = jax.jit(network.evaluate, compiler_options=QUICKLY)
    return np.asarray(evaluate(params, model_state, inputs_of(signature, 2)))


def made(spec: ModelSpec, signature: Signature = TEXT) -> Any:
    return made_up(build_network(spec, signature), 1)[0]


BEFORE: dict[str, tuple[ModelSpec, bool]] = {
    "lstm": (LSTMSpec(4, 2), True),
    "decoder without": (TransformerSpec(4, 1, 2, normalisation=NONE), True),
    "decoder by layers": (TransformerSpec(4, 2, 2, normalisation=LAYER), True),
    "decoder by groups": (TransformerSpec(16, 1, 2, normalisation=GROUP), True),
    "decoder by batches": (TransformerSpec(4, 1, 2, normalisation=BATCH), False),
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_position_has_read_itself_and_what_is_before_it(name: str) -> None:
    """In evaluation always; in training batch normalisation alone looks further."""
    spec, in_training = BEFORE[name]
    network = build_network(spec, TEXT)
    params, model_state = made_up(network, 1)
    tokens = inputs_of(TEXT, 1)

    @functools.partial(jax.jit, compiler_options=QUICKLY)
    def both(tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        trained, _ = network.train(params, model_state, tokens, None)
        return network.evaluate(params, model_state, tokens), trained

    changed = jnp.stack([tokens.at[0, place].set((tokens[0, place] + 1) % 7) for place in range(5)])
    moved = [
        np.stack([np.abs(now - then).max((0, 2)) for now in nows])
        for nows, then in zip(zip(*map(both, changed), strict=True), both(tokens), strict=True)
    ]
    past = np.tril(np.ones((LENGTH, LENGTH), bool)).T
    for there, holds in zip(moved, (True, in_training), strict=True):
        assert (there[past] > 1e-6).all()
        assert (there[~past] == 0).all() == holds


@pytest.mark.parametrize(
    "spec", [LSTMSpec(4, 2), TransformerSpec(4, 1, 2)], ids=["lstm", "transformer"]
)
def test_one_answer_is_that_of_the_last_position(spec: ModelSpec) -> None:
    params = made(spec)
    np.testing.assert_allclose(
        said(spec, params, ONE_ANSWER), said(spec, params)[:, -1], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("family", [LSTMSpec, functools.partial(TransformerSpec, heads=2)])
def test_a_tied_head_says_tokens_by_the_table_that_it_reads_them_by(family: Any) -> None:
    untied, tied = family(4, 1), family(4, 1, tied=True)
    params = made(untied)
    head = dict(params["Dense_0"])
    head["kernel"], head["bias"] = params["Embed_0"]["embedding"].T, jnp.zeros_like(head["bias"])
    one_table = {name: leaf for name, leaf in params.items() if name != "Dense_0"}
    np.testing.assert_allclose(
        said(tied, one_table), said(untied, params | {"Dense_0": head}), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("spec", "signature"),
    [(TransformerSpec(8, 1, 2), TEXT), (ViTSpec(8, 1, 2, patch=2), IMAGES)],
    ids=["transformer", "vit"],
)
def test_scores_are_divided_by_a_power_of_the_heads_width(
    spec: ModelSpec, signature: Signature
) -> None:
    """Of 4 here: by 4 rather than its root, once queries are twice as large, is as before."""
    params = made(spec, signature)
    doubled = replaced(
        params,
        (r".*Attention_0/Dense_0/kernel",),
        lambda _, leaf: leaf.at[:, :8].multiply(4.0**0.5),
    )
    plain, other = said(spec, params, signature), said(spec, params, signature, base_head=1.0)
    again = said(spec, doubled, signature, base_head=1.0)
    np.testing.assert_allclose(again, plain, rtol=1e-5, atol=1e-6)
    assert np.abs(other - plain).max() > 1e-4


def test_an_lstm_layer_is_the_paper_s() -> None:
    """Zaremba et al. 2014, equations of section 3, gate by gate, one time after another."""
    layer, x = LSTMLayer(3), np.random.default_rng(3).normal(size=(2, 5, 4)).astype(np.float32)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)
    rng = np.random.default_rng(4)
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)
    leaves = by_path(params["params"])
    weights = leaves["Dense_0/kernel"], leaves["kernel"]
    cell = output = np.zeros((2, 3))
    by_hand = []

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    for time in range(5):
        sums = x[:, time] @ weights[0] + output @ weights[1] + leaves["Dense_0/bias"]
        into, forget, new, out = np.split(sums, 4, axis=1)
        cell = sigmoid(forget + FORGET_BIAS) * cell + sigmoid(into) * np.tanh(new)
        output = sigmoid(out) * np.tanh(cell)
        by_hand.append(output)
    np.testing.assert_allclose(layer.apply(params, x), np.stack(by_hand, 1), rtol=1e-4, atol=1e-5)


def test_the_normalisations_are_those_of_the_dial() -> None:
    for which in Normalisation:
        paths = by_path(made(TransformerSpec(8, 1, 2, normalisation=which)))
        layers = {path.split("/")[-2].split("_")[0] for path in paths if path.endswith("scale")}
        names = {BATCH: {"BatchNorm"}, LAYER: {"LayerNorm"}, GROUP: {"GroupNorm"}, NONE: set()}
        assert layers == names[which]
