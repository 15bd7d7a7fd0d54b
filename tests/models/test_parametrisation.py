"""muP's factors against table 3 of Yang et al. 2022 (arXiv 2203.03466), by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.models import Network, Signature, build_network
from lab.models.parametrisation import Role, draw_factors, growths, rate_factors
from lab.models.paths import named
from lab.models.schemes import deviation
from lab.models.start import make_start
from lab.specs import (
    AdamSpec,
    CNNSpec,
    InitialSpec,
    MLPSpec,
    ModelSpec,
    NAdamSpec,
    SGDSpec,
)
from lab.words import Parametrisation, Scheme


def shapes(**sides: tuple[int, ...]) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        path.replace("__", "/"): jax.ShapeDtypeStruct(shape, jnp.float32)
        for path, shape in sides.items()
    }


def net(n: int) -> dict[str, jax.ShapeDtypeStruct]:
    return shapes(
        embed__embedding=(50, n),
        first__kernel=(7, n),
        first__bias=(n,),
        hidden__kernel=(3, 3, n, 2 * n),
        depthwise__kernel=(3, 3, 1, n),
        norm__scale=(n,),
        last__kernel=(n, 10),
        last__bias=(10,),
    )


ROLES = {
    "embed/embedding": Role.INPUT,
    "first/kernel": Role.INPUT,
    "first/bias": Role.INPUT,
    "hidden/kernel": Role.HIDDEN,
    "depthwise/kernel": Role.INPUT,
    "norm/scale": Role.INPUT,
    "last/kernel": Role.OUTPUT,
    "last/bias": Role.SCALAR,
}


def test_roles_are_seen_from_shapes() -> None:
    found = growths(net(64), net(16))
    assert {path: one.role for path, one in found.items()} == ROLES
    assert found["hidden/kernel"].inputs == found["hidden/kernel"].outputs == 4


@pytest.mark.parametrize("width", [64, 16, 4])
def test_rates_are_those_of_table_3(width: int) -> None:
    growth = width / 16
    adam = {Role.HIDDEN: 1 / growth, Role.OUTPUT: 1 / growth}
    descent = {Role.INPUT: growth, Role.OUTPUT: 1 / growth}
    for optimizer, table in ((NAdamSpec(0.1), adam), (SGDSpec(0.1), descent)):
        assert rate_factors(optimizer, net(width), net(16)) == {
            path: table.get(role, 1.0) for path, role in ROLES.items()
        }


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("width", [64, 4])
def test_draws_have_the_deviations_of_table_3(scheme: Scheme, width: int) -> None:
    """Variances: constant of inputs, 1/n of hidden, 1/n^2 of outputs, of whatever scheme.

    Drawn by the standard scheme and multiplied, a deviation is that of the base width times the
    power of the growth.
    """
    spec = InitialSpec(scheme, 0.1 if scheme is Scheme.TRUNCATED_NORMAL else None)
    factors = draw_factors(spec, net(width), net(16))
    powers = {Role.INPUT: 0.0, Role.HIDDEN: -0.5, Role.OUTPUT: -1.0}
    for path, one in net(width).items():
        if len(one.shape) < 2:
            assert path not in factors
            continue
        mine = deviation(spec, path, one.shape) * factors.get(path, 1.0)
        base = deviation(spec, path, net(16)[path].shape)
        assert mine == pytest.approx(base * (width / 16) ** powers[ROLES[path]])


CASES = {
    "mlp": (MLPSpec(16), MLPSpec(4), "Dense_2/kernel"),
    "cnn": (CNNSpec(8), CNNSpec(4), "Dense_0/kernel"),
}
MUP = InitialSpec(parametrisation=Parametrisation.MUP, base_width=4)


def network_of(model: ModelSpec) -> Network:
    return build_network(model, Signature((4, 4, 2), (3,)))


@pytest.mark.parametrize("name", CASES)
def test_a_start_is_the_standard_one_with_its_last_layer_thinned(name: str) -> None:
    """Draws of a variance of 1/fan-in are what table 3 has for all others."""
    wide, base, last = CASES[name]
    network, narrow = network_of(wide), network_of(base)
    start = make_start(MUP, network, narrow, AdamSpec(0.1), ())
    both = jax.jit(lambda key: (start.init(key)[0], network.init(key)[0]))
    mine, plain = map(named, both(jax.random.key(3)))
    assert {path for path in mine if (mine[path] != plain[path]).any()} == {last}
    growth = plain[last].shape[-2] / named(shapes_of(narrow))[last].shape[-2]
    np.testing.assert_allclose(mine[last], plain[last] / np.sqrt(growth), rtol=1e-6)
    assert start.rates[last] == pytest.approx(1 / growth)


def shapes_of(network: Network) -> Any:
    return jax.eval_shape(network.init, jax.random.key(0))[0]


@pytest.mark.parametrize("name", CASES)
def test_at_the_base_width_nothing_differs(name: str) -> None:
    """Not even in the program: no factor is left to multiply by."""
    network = network_of(CASES[name][0])
    start = make_start(MUP, network, network_of(CASES[name][0]), SGDSpec(0.1), ())
    assert start.rates == {}
    texts = [str(jax.make_jaxpr(one)(jax.random.key(0))) for one in (start.init, network.init)]
    assert texts[0] == texts[1]


def test_other_tensors_at_the_base_width_are_an_error() -> None:
    with pytest.raises(ValueError, match="other tensors"):
        growths(shapes(a__kernel=(2, 3)), shapes(b__kernel=(2, 3)))
