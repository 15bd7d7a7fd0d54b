"""Every family trains in lanes, on the lab's operations, as it does by itself on its own."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from models.families import FAMILIES, FEW_STAGES, inputs_of, made_up, network_of
from ops.forms import QUICKLY

from lab.models import Network, Noise, mobilenet
from lab.ops import chosen_here
from lab.training.forward import make_forward
from lab.words import Precision

MEMBERS, STEPS, BATCH = 2, 2, 3
RATE = 0.05


def stepped(network: Network, drops: bool, state: Any, inputs: jax.Array) -> tuple[Any, Any]:
    """One step of gradient descent: the new state, and the gradients."""
    params, model_state, key = state

    def loss(params: Any) -> tuple[jax.Array, Any]:
        noise = Noise(key, jnp.float32(0.3) if drops else None)
        outputs, updated = network.train(params, model_state, inputs, noise)
        return (jnp.sin(outputs) * outputs).mean(), updated

    gradients, model_state = jax.grad(loss, has_aux=True)(params)
    params = jax.tree.map(lambda param, slope: param - RATE * slope, params, gradients)
    return (params, model_state, jax.random.fold_in(key, 1)), gradients


def start(network: Network, member: int) -> tuple[Any, ...]:
    return (*made_up(network, member), jax.random.key(member))


@pytest.fixture(autouse=True)
def _few_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobilenet, "STAGES", FEW_STAGES)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_in_lanes_has_the_gradients_of_one_member(name: str) -> None:
    """A mapped step inside a loop, dropout and stochastic depth drawing; to 1e-3 of the largest."""
    spec, signature = FAMILIES[name]
    network = network_of(name)
    inputs = jnp.stack([inputs_of(signature, BATCH, step) for step in range(STEPS)])
    ours = make_forward(network, Precision.FLOAT32, chosen_here)
    plain = make_forward(network, Precision.FLOAT32, None)

    @functools.partial(jax.jit, compiler_options=QUICKLY)
    def in_lanes(states: Any, inputs: jax.Array) -> Any:
        step = jax.vmap(functools.partial(stepped, ours, spec.drops_out), (0, None))
        return lax.scan(step, states, inputs)

    alone = jax.jit(functools.partial(stepped, plain, spec.drops_out), compiler_options=QUICKLY)
    states = [start(network, member) for member in range(MEMBERS)]
    ends, gradients = in_lanes(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states), inputs)
    for member, state in enumerate(states):
        for step in range(STEPS):
            state, expected = alone(state, inputs[step])
            found = jax.tree.map(lambda leaf, at=(step, member): leaf[at], gradients)
            assert_close(found, expected)
        assert_close([end[member] for end in jax.tree.leaves(ends[1])], jax.tree.leaves(state[1]))
    for leaf in jax.tree.leaves(gradients):
        assert np.abs(leaf).max() > 0


def assert_close(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    largest = max((np.abs(true).max() for true in jax.tree.leaves(expected)), default=0.0)
    for mine, true in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        bound = 1e-3 * np.abs(true).max() + 1e-6 * largest
        np.testing.assert_allclose(mine, true, rtol=0, atol=bound)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_computes_in_bfloat16_where_it_is_told_to(name: str) -> None:
    """Its products do; parameters, gradients and statistics stay float32."""
    spec, signature = FAMILIES[name]
    network = make_forward(network_of(name), Precision.BFLOAT16)
    state = jax.eval_shape(functools.partial(start, network, 0))
    (params, model_state, key), gradients = jax.eval_shape(
        functools.partial(stepped, network, spec.drops_out), state, signature.example(BATCH)
    )
    for leaf in jax.tree.leaves((params, model_state, gradients)):
        assert leaf.dtype == jnp.float32
    seen = jax.eval_shape(
        lambda params, model_state, inputs, key: network.activations(
            params, model_state, inputs, Noise(key, None)
        ),
        params,
        model_state,
        signature.example(BATCH),
        key,
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(seen)} == {jnp.dtype(jnp.bfloat16)}
