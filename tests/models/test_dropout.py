"""What is left out of a training pass at random, and how often."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.models.dropout import branch_rates, drop_branch

BRANCHES, EXAMPLES = 500, 4


class Dropping(nn.Module):
    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return drop_branch(self, x, self.rate, train)


@functools.partial(jax.jit, static_argnums=(0, 2))
def dropped(rate: float, x: jax.Array, train: bool) -> jax.Array:
    def once(key: jax.Array) -> jax.Array:
        kept: jax.Array = Dropping(rate).apply({}, x, train=train, rngs={"dropout": key})
        return kept

    return jax.vmap(once)(jax.random.split(jax.random.key(1), BRANCHES))


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_the_branch_of_an_example_is_dropped_whole_and_kept_on_average(rate: float) -> None:
    x = jnp.arange(1.0, 1 + EXAMPLES * 6).reshape(EXAMPLES, 2, 3)
    there = np.asarray(dropped(rate, x, True) / x[None])
    per_example = there[:, :, :1, :1]
    np.testing.assert_allclose(there, np.broadcast_to(per_example, there.shape), rtol=1e-6)
    kept = per_example > 0
    np.testing.assert_allclose(per_example[kept], 1 / (1 - rate), rtol=1e-6)
    error = np.sqrt(rate / (1 - rate) / kept.size)
    assert abs(per_example.mean() - 1) < 4 * error
    together = np.corrcoef(kept.reshape(BRANCHES, EXAMPLES).T)
    assert np.abs(together - np.eye(EXAMPLES)).max() < 4 / np.sqrt(BRANCHES)


def test_nothing_is_dropped_in_evaluation() -> None:
    x = jnp.ones((EXAMPLES, 2))
    np.testing.assert_array_equal(dropped(0.5, x, False), np.ones((BRANCHES, EXAMPLES, 2)))


@given(st.floats(0, 0.99), st.integers(1, 50))
def test_branches_are_dropped_the_more_often_the_deeper_they_are(last: float, depth: int) -> None:
    """Huang et al. 2016, equation 4: in a line from none before the first to `last`."""
    rates = np.array([0.0, *branch_rates(last, depth)])
    assert rates[-1] == pytest.approx(last)
    np.testing.assert_allclose(np.diff(rates), last / depth, atol=1e-12)
