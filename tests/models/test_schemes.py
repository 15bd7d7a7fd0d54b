"""What is drawn by each scheme, how it is spread, and what is left alone."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.models import Signature, build_network
from lab.models.branches import branch_ends
from lab.models.paths import named
from lab.models.schemes import deviation, fans, redrawn
from lab.models.start import make_start
from lab.specs import (
    AdamSpec,
    InitialSpec,
    MLPSpec,
    ModelSpec,
    ResNetSpec,
    TransformerSpec,
)
from lab.words import Scheme

SHAPES = {
    "Dense_0/kernel": (96, 64),
    "Dense_1/kernel": (24, 80),
    "Dense_0/bias": (64,),
    "Conv_0/kernel": (3, 3, 8, 32),
    "Conv_1/kernel": (5, 5, 1, 64),  # Depthwise.
    "Norm_0/scale": (32,),
    "Embed_0/embedding": (40, 64),
    "positions": (50, 64),
    "attention/query/kernel": (64, 4, 16),
    "attention/query/bias": (4, 16),
    "attention/out/kernel": (4, 16, 64),
}
"""The variance that each scheme has for them, by hand."""
FANS = {
    "Dense_0/kernel": (96, 64),
    "Dense_1/kernel": (24, 80),
    "Conv_0/kernel": (9 * 8, 9 * 32),
    "Conv_1/kernel": (25, 25 * 64),
    "Embed_0/embedding": (64, 40),
    "positions": (64, 50),
    "attention/query/kernel": (64, 64),
    "attention/out/kernel": (64, 64 * 4),
}
CONSTANT = 0.625


def tensors() -> dict[str, Any]:
    return {path: jnp.full(shape, CONSTANT) for path, shape in SHAPES.items()}


def spec_of(scheme: Scheme) -> InitialSpec:
    return InitialSpec(scheme, 0.05 if scheme is Scheme.TRUNCATED_NORMAL else None)


@functools.cache
def drawn(scheme: Scheme) -> dict[str, np.ndarray]:
    """Of two keys, side by side."""
    keys = jax.random.split(jax.random.key(4), 2)
    draw = jax.jit(jax.vmap(lambda key: redrawn(spec_of(scheme), tensors(), key)))
    return jax.device_get(draw(keys))


DRAWING = [scheme for scheme in Scheme if scheme is not Scheme.FAMILY]


@pytest.mark.parametrize("scheme", DRAWING)
def test_draws_have_their_scheme_s_variance_and_share_none(scheme: Scheme) -> None:
    by_hand = {
        Scheme.HE: lambda fan_in, _: 2 / fan_in,
        Scheme.GLOROT: lambda fan_in, fan_out: 2 / (fan_in + fan_out),
        Scheme.LECUN: lambda fan_in, _: 1 / fan_in,
        Scheme.TRUNCATED_NORMAL: lambda *_: 0.05**2,
    }
    pooled = []
    for path, own in FANS.items():
        values = drawn(scheme)[path]
        assert fans(path, SHAPES[path]) == own
        assert (values[0] != values[1]).mean() > 0.99, "members of two keys differ"
        if scheme in by_hand:
            variance = by_hand[scheme](*own)
            assert deviation(spec_of(scheme), path, SHAPES[path]) ** 2 == pytest.approx(variance)
            error = math.sqrt(2 / values.size)
            assert values.var() / variance == pytest.approx(1, abs=4 * error)
            assert values.mean() / math.sqrt(variance) == pytest.approx(
                0, abs=4 / math.sqrt(values.size)
            )
            assert np.abs(values).max() <= 2 * math.sqrt(variance) / 0.8796
            pooled.append(values.ravel() / math.sqrt(variance))
    if pooled:
        every = np.concatenate(pooled)
        assert len(np.unique(np.round(every, 6))) > 0.98 * len(every)


@pytest.mark.parametrize("scheme", DRAWING)
def test_biases_and_scales_are_left_as_they_are(scheme: Scheme) -> None:
    for path in SHAPES.keys() - FANS.keys():
        np.testing.assert_array_equal(drawn(scheme)[path], CONSTANT)


def test_orthogonal_kernels_keep_lengths_and_angles() -> None:
    """Columns are orthonormal, or rows where they are fewer; and neither sign is preferred."""
    diagonals = []
    for path in FANS:
        for values in drawn(Scheme.ORTHOGONAL)[path]:
            reads = 1 if "query" in path else values.ndim - 1
            matrix = values.reshape(math.prod(values.shape[:reads]), -1)
            tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
            np.testing.assert_allclose(tall.T @ tall, np.eye(tall.shape[1]), atol=1e-5)
            entries = 1 / math.sqrt(max(matrix.shape))
            expected = deviation(spec_of(Scheme.ORTHOGONAL), path, values.shape)
            assert expected == pytest.approx(entries)
            assert matrix.std() == pytest.approx(entries, rel=0.05)
            diagonals.append(np.sign(np.diagonal(matrix)).mean())
    assert abs(np.mean(diagonals)) < 0.15


NETWORKS: dict[str, tuple[ModelSpec, Signature]] = {
    "resnet": (ResNetSpec(4, 1), Signature((8, 8, 3), (3,))),
    "transformer": (TransformerSpec(8, 1, 2), Signature((6,), (6, 5), vocabulary=5)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_branches_that_start_at_zero_add_nothing(name: str) -> None:
    """Whatever else is in them: their other kernels may be multiplied by 10."""
    model, signature = NETWORKS[name]
    network = build_network(model, signature)
    start = make_start(
        InitialSpec(zero_branches=True), network, None, AdamSpec(0.1), branch_ends(model)
    )
    inputs = np.random.default_rng(0).random((2, *signature.inputs))
    x = jnp.asarray(inputs * 5, jnp.int32) if signature.tokens else jnp.asarray(inputs, jnp.float32)

    @jax.jit
    def said(key: jax.Array) -> tuple[jax.Array, ...]:
        params, model_state = start.init(key)
        plain, _ = network.init(key)
        more = {
            path: leaf * 10
            for path, leaf in named(params).items()
            if "Block_" in path and path.endswith("kernel")
        }

        def outputs(params: Any) -> jax.Array:
            return network.train(params, model_state, x, None)[0]

        grown = jax.tree_util.tree_map_with_path(
            lambda path, leaf: more.get(
                jax.tree_util.keystr(path, simple=True, separator="/"), leaf
            ),
            params,
        )
        return outputs(params), outputs(grown), outputs(plain)

    mine, grown, plain = said(jax.random.key(1))
    np.testing.assert_allclose(mine, grown, rtol=0, atol=1e-6)
    assert float(jnp.abs(mine - plain).max()) > 1e-2


def test_what_is_named_starts_at_zero_and_nothing_else() -> None:
    network = build_network(MLPSpec(4), Signature((3, 2, 1), (3,)))
    spec = InitialSpec(zero=("Dense_2", ".*_0/kernel"))
    start = make_start(spec, network, None, AdamSpec(0.1), ())
    mine, plain = (named(jax.jit(one)(jax.random.key(0))[0]) for one in (start.init, network.init))
    for path, leaf in mine.items():
        zero = path.startswith("Dense_2") or path == "Dense_0/kernel"
        np.testing.assert_array_equal(leaf, jnp.zeros_like(leaf) if zero else plain[path])
