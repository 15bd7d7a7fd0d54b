"""Drawing all bits at once changes no bit."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lab.models.drawing import drawn_at_once


def same(function: Any, key: jax.Array) -> None:
    jax.tree.map(assert_array_equal, drawn_at_once(function)(key), function(key))


def hashes(function: Any, key: jax.Array) -> int:
    """How often bits are drawn, or hashed from a key and a place."""
    text = str(jax.make_jaxpr(function)(key))
    return text.count("random_bits") + text.count("threefry2x32")


SHAPES = [(3,), (), (2, 3), (1, 2)]


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_bits_are_those_of_single_draws(seed: int) -> None:
    def drawn(key: jax.Array) -> list[jax.Array]:
        keys = jax.random.split(key, len(SHAPES))
        return [jax.random.bits(one, shape) for one, shape in zip(keys, SHAPES, strict=True)]

    same(drawn, jax.random.key(seed))


def test_bits_are_hashed_once_in_every_lane() -> None:
    def drawn(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.normal(key, (3,)), jax.random.bits(jax.random.fold_in(key, 1), (2, 2))

    keys = jax.random.split(jax.random.key(1), 2)
    assert (hashes(drawn, keys[0]), hashes(drawn_at_once(drawn), keys[0])) == (2, 1)
    lanes, alone = (jax.jit(jax.vmap(one))(keys) for one in (drawn_at_once(drawn), drawn))
    jax.tree.map(assert_array_equal, lanes, alone)


def test_what_is_drawn_in_a_gradient_is_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    """A function of several trees, with an inner function and an effect, differentiated."""

    @jax.jit
    def dropped(key: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x, jnp.zeros_like(x))

    def loss(params: dict[str, jax.Array], x: jax.Array, key: jax.Array) -> jax.Array:
        jax.debug.print("drawn")
        first, second = jax.random.split(key)
        return dropped(second, jnp.tanh(dropped(first, x) @ params["w"])).sum()

    given = ({"w": jnp.ones((3, 3))}, jnp.arange(6.0).reshape(2, 3), jax.random.key(4))
    assert hashes(lambda key: drawn_at_once(loss)(*given[:2], key), given[2]) == 1
    both = [jax.jit(jax.value_and_grad(one))(*given) for one in (drawn_at_once(loss), loss)]
    jax.tree.map(assert_array_equal, *both)
    jax.effects_barrier()
    assert capfd.readouterr().out.count("drawn") == 2


def chained(key: jax.Array) -> jax.Array:
    """A key that depends on another draw."""
    seed = jax.random.bits(key, ())
    return jax.random.bits(jax.random.fold_in(key, seed), (3,))


def looped(key: jax.Array) -> jax.Array:
    """Draws within a loop, beside one without."""
    keys = jax.random.split(key, 3)
    within = jax.lax.map(lambda one: jax.random.bits(one, (2,)), keys)
    return within + jax.random.bits(key, (3, 2))


def narrow(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Bits of another width."""
    return jax.random.bits(key, (5,), jnp.uint8), jax.random.bits(key, (5,))


@pytest.mark.parametrize("function", [chained, looped, narrow, lambda key: jnp.ones(3)])
def test_what_cannot_be_drawn_at_once_is_left(function: Any) -> None:
    same(function, jax.random.key(1))


def test_keys_of_another_kind_are_left() -> None:
    same(lambda key: jax.random.bits(key, (4,)), jax.random.key(1, impl="rbg"))
