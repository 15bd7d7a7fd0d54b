"""Trained weights as a start, and what does not fit one."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from lab.errors import UsageError
from lab.models import Signature, build_network
from lab.models.paths import named
from lab.models.start import Start, make_start, variables
from lab.models.weights import Weights
from lab.specs import (
    AdamSpec,
    InitialSpec,
    MLPSpec,
    ResNetSpec,
    SourceSpec,
)
from lab.words import Scheme, Use

SIGNATURE = Signature((8, 5, 1), (3,))
MLP = build_network(MLPSpec(32), SIGNATURE)
RESNET = build_network(ResNetSpec(2, 1), Signature((4, 4, 1), (3,)))
SOURCE = SourceSpec("folder")


def keys() -> jax.Array:
    """Made when they are needed: importing this touches no device."""
    return jax.random.split(jax.random.key(2), 3)


def weights_of(network: Any, number: int = 0) -> Weights:
    """Of no distribution that a network is drawn from."""
    rng = np.random.default_rng([7, number])
    return Weights(
        *(
            {
                path: rng.gamma(2.0, 0.3, leaf.shape).astype(np.float32)
                for path, leaf in named(tree).items()
            }
            for tree in variables(network)
        )
    )


def start_with(spec: InitialSpec, source: Weights | None, network: Any = MLP) -> Start:
    return make_start(spec, network, None, AdamSpec(0.1), (), source)


@functools.cache
def members(spec: InitialSpec) -> dict[str, np.ndarray]:
    """Parameters of three members side by side."""
    start = start_with(spec, weights_of(MLP))
    return named(jax.device_get(jax.jit(jax.vmap(start.init))(keys())[0]))


def test_pretrained_members_are_the_source_and_fresh_parts_are_their_own() -> None:
    source = weights_of(MLP).params
    plain = named(jax.jit(jax.vmap(MLP.init))(keys())[0])
    for path, leaves in members(InitialSpec(source=SOURCE, fresh=("Dense_2",))).items():
        if path.startswith("Dense_2"):
            np.testing.assert_array_equal(leaves, plain[path])
        else:
            assert (leaves == source[path]).all()
    kernels = members(InitialSpec(source=SOURCE, fresh=("Dense_2",)))["Dense_2/kernel"]
    assert len({kernel.tobytes() for kernel in kernels}) == 3


def test_fresh_parts_are_drawn_by_the_scheme() -> None:
    spec = InitialSpec(scheme=Scheme.ORTHOGONAL, source=SOURCE, fresh=("Dense_1/kernel",))
    for kernel in members(spec)["Dense_1/kernel"]:
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(32), atol=1e-5)
    assert (members(spec)["Dense_0/kernel"] == weights_of(MLP).params["Dense_0/kernel"]).all()


def test_matched_tensors_have_the_mean_and_the_variance_of_the_source() -> None:
    """Each its own, within sampling error; what is drawn is normal, and of every member's own."""
    source = weights_of(MLP).params
    drawn = members(InitialSpec(source=SOURCE, use=Use.MATCHED))
    for path, leaves in drawn.items():
        mean, deviation, size = source[path].mean(), source[path].std(), leaves.size
        assert leaves.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(size))
        assert leaves.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * size))
        assert len({leaf.tobytes() for leaf in leaves}) == 3
    kernel = drawn["Dense_1/kernel"].ravel()
    standard = (kernel - kernel.mean()) / kernel.std()
    assert abs((standard**3).mean()) < 0.2, "the source is skewed, the draws are not"
    assert abs(np.corrcoef(kernel[:32], drawn["Dense_0/kernel"].ravel()[:32])[0, 1]) < 0.6


def test_batch_statistics_come_along_with_weights_alone() -> None:
    source = weights_of(RESNET)
    _, taken = jax.jit(start_with(InitialSpec(source=SOURCE), source, RESNET).init)(keys()[0])
    for path, leaf in named(taken).items():
        np.testing.assert_array_equal(leaf, source.model_state[path])
    matched = start_with(InitialSpec(source=SOURCE, use=Use.MATCHED), source, RESNET)
    for path, leaf in named(jax.jit(matched.init)(keys()[0])[1]).items():
        assert (np.asarray(leaf) == float(path.endswith("var"))).all()


def without(weights: Weights, path: str, **others: Any) -> Weights:
    params = {name: leaf for name, leaf in weights.params.items() if name != path}
    return weights._replace(params=params | others)


TAKE = InitialSpec(source=SOURCE)
FULL = weights_of(MLP)
WIDER = FULL._replace(params=FULL.params | {"Dense_2/kernel": np.zeros((32, 5), np.float32)})
NAN = FULL._replace(params=FULL.params | {"Dense_2/bias": np.full(3, np.nan, np.float32)})
MORE = FULL._replace(params=FULL.params | {"Dense_3/bias": np.zeros(3, np.float32)})
# Each: the spec, the source, the network, and what the line must hold.
REFUSED = {
    "missing": (TAKE, without(FULL, "Dense_1/bias"), MLP, ("no Dense_1/bias", "--fresh=Dense_1")),
    "too much": (TAKE, MORE, MLP, ("Dense_3/bias", "has not", "--fresh=Dense_3")),
    "shape": (TAKE, WIDER, MLP, ("Dense_2/kernel is 32x5", "32x3", "--fresh=Dense_2/kernel")),
    "not finite": (TAKE, NAN, MLP, ("Dense_2/bias", "not finite")),
    "no statistics": (
        TAKE,
        weights_of(RESNET)._replace(model_state={}),
        RESNET,
        ("no BatchNorm_0/mean", "--fresh=BatchNorm_0/mean"),
    ),
    "fresh unknown": (
        InitialSpec(source=SOURCE, fresh=("Dense",)),
        FULL,
        MLP,
        ("fresh has 'Dense'", "Dense_0/bias, Dense_0/kernel", "and 2 more"),
    ),
    "all fresh": (InitialSpec(source=SOURCE, fresh=(".*",)), FULL, MLP, ("all is fresh",)),
    "frozen unknown": (InitialSpec(frozen=("head",)), None, MLP, ("frozen has 'head'",)),
    "all frozen": (InitialSpec(frozen=("Dense_.",)), None, MLP, ("nothing is trained",)),
    "zero unknown": (InitialSpec(zero=("Dense_9",)), None, MLP, ("zero has 'Dense_9'",)),
    "zero taken": (
        InitialSpec(source=SOURCE, zero=("Dense_2",)),
        FULL,
        MLP,
        ("Dense_2/bias", "--fresh=Dense_2/bias"),
    ),
    "no branches": (InitialSpec(zero_branches=True), None, MLP, ("has none", "--zero")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case: str) -> None:
    spec, source, network, parts = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        start_with(spec, source, network)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "path"), [(WIDER, "Dense_2/kernel"), (MORE, "Dense_3"), (NAN, "Dense_2/bias")]
)
def test_the_remedy_works(source: Weights, path: str) -> None:
    start_with(InitialSpec(source=SOURCE, fresh=(path,)), source)
