"""ReLU6 is Flax's but at its kinks, where its derivative is 0."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.ops.activations import relu6

POINTS = np.array([-np.inf, -3, -1e-6, 1e-6, 2.5, 5.999, 6.001, 1e9, np.inf], np.float32)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_value_and_derivative_are_flaxs_off_the_kinks(dtype) -> None:
    x = jnp.asarray(POINTS, dtype)
    x = x[(x != 0) & (x != 6)]
    np.testing.assert_array_equal(relu6(x), nn.relu6(x))
    mine, theirs = (jax.vmap(jax.grad(f))(x) for f in (relu6, nn.relu6))
    np.testing.assert_array_equal(mine, theirs)
    assert mine.dtype == dtype


def test_the_derivative_at_the_kinks_is_zero() -> None:
    kinks = jnp.array([0.0, 6.0])
    np.testing.assert_array_equal(jax.vmap(jax.grad(relu6))(kinks), [0, 0])


def test_nan_stays_nan() -> None:
    """A member's divergence must not hide behind a bound."""
    assert jnp.isnan(relu6(jnp.array(jnp.nan)))
