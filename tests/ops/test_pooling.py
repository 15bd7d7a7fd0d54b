"""Pooling is `lax.reduce_window`, ties included, in value and in gradient."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax
from ops.forms import RULE, compare, normal, value_and_gradients

from lab.ops import on_lab_ops, pooling
from lab.ops.choices import Form

BOTH = (Form.SHIFTS, Form.XLA)
REDUCTIONS: dict[str, tuple[Any, float]] = {"max": (lax.max, -np.inf), "sum": (lax.add, 0.0)}
SIDES = st.tuples(st.integers(1, 4), st.integers(1, 3))
PAIR = st.tuples(st.integers(0, 2), st.integers(0, 2))


def tied(*shape: int) -> jax.Array:
    """Of few values, so that most windows hold the largest one twice."""
    return jnp.round(normal(*shape))


@settings(max_examples=12)
@given(st.sampled_from(list(REDUCTIONS)), SIDES, SIDES, SIDES, st.tuples(PAIR, PAIR))
def test_every_form_is_the_reduction(
    name: str,
    more: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    # XLA pads with the reduction's identity; a window of nothing else has no defined gradient.
    assume(all(max(edges) < size for edges, size in zip(pads, window, strict=True)))
    reduction, identity = REDUCTIONS[name]
    x = tied(2, window[0] + more[0], window[1] + more[1], 3)

    def pool(x: jax.Array) -> jax.Array:
        padding = ((0, 0), *pads, (0, 0))
        return lax.reduce_window(x, identity, reduction, (1, *window, 1), (1, *strides, 1), padding)

    assert compare(pool, pool, (x,)) == BOTH


LAYERS = {
    "max": lambda x: nn.max_pool(x, (2, 2), (2, 2)),
    "max, overlapping": lambda x: nn.max_pool(x, (3, 3), (2, 2), "SAME"),
    "average": lambda x: nn.avg_pool(x, (2, 2), (2, 2), "SAME"),
    "average of what is there": lambda x: nn.avg_pool(
        x, (3, 3), (1, 2), "SAME", count_include_pad=False
    ),
    "one axis": lambda x: nn.max_pool(x[:, :, 0], (3,), (2,)),
    "channels": lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 1, 1, 2), (1, 1, 1, 2), "VALID"
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_flax_layer_is_the_same(name: str) -> None:
    with jax.numpy_dtype_promotion("standard"):  # flax divides by an integer
        assert compare(LAYERS[name], LAYERS[name], (tied(2, 7, 6, 4),)) == BOTH


def test_narrow_floats_are_summed_in_wide_ones() -> None:
    """A window of 256 ones is 256: in bfloat16 alone the sum would stop growing earlier."""
    ones = jnp.ones((1, 16, 17, 1), jnp.bfloat16)

    def pool(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, jnp.bfloat16(0), lax.add, (1, 16, 16, 1), (1, 1, 1, 1), "VALID")

    np.testing.assert_array_equal(on_lab_ops(pool, RULE)(ones).astype(jnp.float32), 256.0)


def test_integers_are_left_to_xla() -> None:
    x = jnp.arange(24).reshape(1, 4, 6, 1)

    def pool(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, (2, 2), (2, 2))

    np.testing.assert_array_equal(on_lab_ops(pool, RULE)(x), pool(x))


def test_members() -> None:
    """Under vmap each member's is the reduction alone, and XLA's reduction is not in it."""
    x = tied(3, 2, 7, 5, 2)

    def pool(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, (3, 2), (2, 2), "SAME")

    def ours(x: jax.Array) -> tuple[jax.Array, ...]:
        return value_and_gradients(on_lab_ops(pool, RULE), (x,))

    mapped = jax.jit(jax.vmap(ours))
    program = mapped.lower(x).as_text()
    assert "reduce_window" not in program
    assert "select_and_scatter" not in program
    together = mapped(x)
    for i in range(3):
        for mine, true in zip(together, value_and_gradients(pool, (x[i],)), strict=True):
            np.testing.assert_allclose(mine[i], true, rtol=1e-6)


def test_the_wrong_one_of_two_equals_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has power: the last maximum instead of the first fails it."""
    monkeypatch.setattr(pooling, "_larger", lambda view, best: view >= best)

    def pool(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, (2, 2), (2, 2))

    with pytest.raises(AssertionError):
        compare(pool, pool, (tied(1, 6, 6, 2),))
