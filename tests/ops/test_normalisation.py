"""Batch normalisation equals Flax's: values, gradients and running statistics."""

import contextlib
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.ops.normalisation import channel_sum, fast_batch_norm


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 10))
@settings(max_examples=25)
def test_channel_sums_are_sums(shape: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(channel_sum(jnp.asarray(x)), x.sum(axes), rtol=1e-5, atol=1e-5)


class Net(nn.Module):
    """Every place where the two could part: with and without scale and bias, called either way."""

    norm: dict[str, Any]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = nn.BatchNorm(use_running_average=not train, **self.norm)(x)
        x = nn.relu(nn.Dense(5)(x))
        return nn.BatchNorm(momentum=0.8)(x, use_running_average=not train)


OPTIONS = {
    "plain": {},
    "no bias": {"use_bias": False},
    "no scale": {"use_scale": False},
    "epsilon": {"epsilon": 0.1},
    "not covered": {"use_fast_variance": False},
}


def trained(net: Net, variables: Any, x: jax.Array, fast: bool) -> Any:
    """Loss, gradients and what was updated."""
    way = fast_batch_norm() if fast else contextlib.nullcontext()

    def loss(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        with way:
            y, updated = net.apply(
                {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
            )
        weights = jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
        return (y * weights).sum(), updated

    (value, updated), gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(
        variables["params"], x
    )
    return value, updated, gradients


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_is_flaxs(options: dict[str, Any]) -> None:
    net = Net(options)
    x = 2 * jax.random.normal(jax.random.key(0), (6, 5, 4, 3)) + 1
    variables = net.init(jax.random.key(1), x, train=True)
    mine, theirs = (trained(net, variables, x, fast) for fast in (True, False))
    assert jax.tree.structure(mine) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)


def test_it_really_takes_the_place_of_flaxs() -> None:
    net = Net({})
    x = jnp.ones((2, 3))
    variables = net.init(jax.random.key(1), x, train=True)

    def applied(x: jax.Array, train: bool) -> Any:
        with fast_batch_norm():
            return net.apply(variables, x, train=train, mutable=["batch_stats"])

    traced = str(jax.make_jaxpr(lambda x: applied(x, True))(x))
    assert traced.count("name=batch_norm") == 2
    assert "name=batch_norm" not in str(jax.make_jaxpr(lambda x: applied(x, False))(x))


def test_a_constant_channel_has_a_finite_gradient() -> None:
    """Its variance is 0, and rounding must not make it negative."""
    net = Net({})
    x = jnp.full((8, 2), 1000.1)
    variables = net.init(jax.random.key(1), x, train=True)
    for leaf in jax.tree.leaves(trained(net, variables, x, fast=True)):
        assert jnp.isfinite(leaf).all()


def test_bfloat16_comes_out_as_it_went_in_and_statistics_stay_float32() -> None:
    net = Net({})
    exact = jax.random.normal(jax.random.key(0), (6, 4))
    variables = net.init(jax.random.key(1), exact, train=True)
    x = exact.astype(jnp.bfloat16)
    rounded = {
        **variables,
        "params": jax.tree.map(lambda p: p.astype(x.dtype), variables["params"]),
    }
    with jax.numpy_dtype_promotion("standard"):
        results = []
        for way in (fast_batch_norm(), contextlib.nullcontext()):
            with way:
                results.append(net.apply(rounded, x, train=True, mutable=["batch_stats"]))
    (mine, updated), (theirs, theirs_updated) = results
    assert mine.dtype == theirs.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        mine.astype(jnp.float32), theirs.astype(jnp.float32), rtol=0.05, atol=0.05
    )
    for one, other in zip(jax.tree.leaves(updated), jax.tree.leaves(theirs_updated), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
