"""FLOPs counted from a jaxpr: closed forms, and XLA's own count of the same program."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.models import Signature, build_network
from lab.models.flops import count_flops, walk
from lab.specs import CNNSpec, MLPSpec, ModelSpec, TransformerSpec, UNetSpec

NUMBERS = ("NHWC", "HWIO", "NHWC")


def numbers(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def test_a_product_is_two_operations_for_each_multiply_add() -> None:
    assert count_flops(jnp.dot, numbers(5, 7), numbers(7, 3)) == 2 * 5 * 7 * 3
    batched = count_flops(
        lambda a, b: jnp.einsum("bij,bjk->bik", a, b), numbers(4, 5, 7), numbers(4, 7, 3)
    )
    assert batched == 4 * 2 * 5 * 7 * 3


def test_arithmetic_is_one_for_each_number_and_moving_nothing() -> None:
    x = numbers(6, 4)
    assert count_flops(lambda x: jnp.exp(x) * x + 1, x) == 3 * 24
    assert count_flops(lambda x: x.sum(axis=0), x) == 24
    assert count_flops(lambda x: jnp.where(x.T > 0, x.T, 0.0)[::2].reshape(-1), x) == 0
    assert count_flops(lambda n: n * n + 1, jax.ShapeDtypeStruct((6,), jnp.int32)) == 0
    pooled = count_flops(
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2, 2), (2, 2), "VALID"), x
    )
    assert pooled == 24
    assert count_flops(lambda x: x.at[1:3].add(1.0), x) == 2 * 4


def test_what_holds_other_equations_counts_as_they_do() -> None:
    x, w = numbers(3, 4), numbers(4, 4)
    once = 2 * 3 * 4 * 4

    def looped(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda x, _: (x @ w, None), x, length=5)[0]

    def branched(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.cond(x[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)

    def until(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.while_loop(lambda x: x[0, 0] > 0, lambda x: x @ w, x)

    @jax.custom_vjp
    def own(x: jax.Array, w: jax.Array) -> jax.Array:
        return x @ w

    own.defvjp(lambda x, w: (x @ w, w), lambda w, g: (g @ w.T, None))
    assert count_flops(looped, x, w) == 5 * once
    assert count_flops(branched, x, w) == 2 * once
    assert count_flops(until, x, w) == once
    assert count_flops(own, x, w) == once
    assert count_flops(jax.jit(jax.checkpoint(looped)), x, w) == 5 * once
    assert count_flops(jax.nn.relu, x) == 12


@pytest.mark.parametrize(
    ("image", "kernel", "options"),
    [
        ((2, 7, 6, 3), (3, 3, 3, 4), {"padding": "VALID"}),
        ((2, 7, 6, 3), (3, 3, 3, 4), {"padding": "SAME"}),
        ((1, 9, 8, 2), (3, 5, 2, 4), {"padding": "SAME", "window_strides": (2, 3)}),
        ((1, 8, 8, 6), (3, 3, 1, 6), {"padding": "SAME", "feature_group_count": 6}),
        ((1, 8, 9, 4), (3, 2, 2, 4), {"padding": "SAME", "rhs_dilation": (2, 3), "groups": 2}),
        ((1, 4, 5, 2), (4, 4, 2, 3), {"padding": ((2, 2), (2, 3)), "lhs_dilation": (2, 2)}),
    ],
)
def test_a_convolution_counts_products_with_numbers_of_the_image(
    image: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]
) -> None:
    """Of ones, the outputs' sum is the number of products."""
    options = {"window_strides": (1, 1), "dimension_numbers": NUMBERS, **options}
    if "groups" in options:
        options["feature_group_count"] = options.pop("groups")

    def convolved(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(x, w, **options)

    products = np.asarray(convolved(jnp.ones(image), jnp.ones(kernel))).sum()
    assert count_flops(convolved, numbers(*image), numbers(*kernel)) == 2 * products


def test_convolutions_have_their_closed_forms() -> None:
    """Without padding every output has all taps; with it an edge's outputs have two of three."""
    h, w, inputs, outputs = 9, 7, 3, 5

    def convolved(padding: str) -> int:
        return count_flops(
            lambda x, k: jax.lax.conv_general_dilated(
                x, k, (1, 1), padding, dimension_numbers=NUMBERS
            ),
            numbers(2, h, w, inputs),
            numbers(3, 3, inputs, outputs),
        )

    assert convolved("VALID") == 2 * 2 * 9 * inputs * outputs * (h - 2) * (w - 2)
    assert convolved("SAME") == 2 * 2 * inputs * outputs * (3 * h - 2) * (3 * w - 2)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from(["SAME", "VALID"]),
    st.sampled_from([1, 2, 4]),
)
def test_both_gradients_of_a_convolution_cost_what_it_costs(
    sides: tuple[int, int],
    taps: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    groups: int,
) -> None:
    """All three are sums over the same products."""
    x, w = numbers(2, *sides, 4), numbers(*taps, 4 // groups, 8)

    def convolved(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x, w, strides, padding, dimension_numbers=NUMBERS, feature_group_count=groups
        )

    def all_three(x: jax.Array, w: jax.Array) -> Any:
        y, pull_back = jax.vjp(convolved, x, w)
        return pull_back(y)

    assert count_flops(all_three, x, w) == 3 * count_flops(convolved, x, w)


def test_scopes_and_labels_reach_into_what_is_called() -> None:
    def function(a: jax.Array, b: jax.Array, x: jax.Array) -> jax.Array:
        with jax.named_scope("outer"):
            scaled = jax.jit(lambda a: (2 * a).T)(a)

            def step(x: jax.Array, _: None) -> tuple[jax.Array, None]:
                with jax.named_scope("inner"):
                    return x @ scaled, None

            x, _ = jax.lax.scan(step, x, length=3)
        return x + b

    closed = jax.make_jaxpr(function)(*[numbers(4, 4)] * 3)
    a, b, _ = closed.jaxpr.invars
    found = {
        one.equation.primitive.name: one
        for one in walk(closed.jaxpr, {a: frozenset("a"), b: frozenset("b")})
    }
    assert found["dot_general"].scopes == ("outer", "inner")
    assert found["dot_general"].times == 3
    assert found["dot_general"].labels == {"a"}
    assert found["mul"].labels == {"a"}
    assert found["add"].labels == {"b"}
    assert found["add"].scopes == ()


FAMILIES: dict[str, tuple[ModelSpec, Signature]] = {
    "mlp": (MLPSpec(32), Signature((8, 8, 1), (10,))),
    "cnn": (CNNSpec(8, 3), Signature((9, 12, 3), (10,))),
    "unet": (UNetSpec(0.3), Signature((16, 16, 3), (16, 16))),
    "transformer": (
        TransformerSpec(16, 1, 2),
        Signature((12,), (12, 30), vocabulary=30),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_xla_counts_the_same(family: str) -> None:
    """It counts comparisons, selections and integers besides, and exponentials apart.

    Seen of it: all of the MLP and U-Net, 1.0001 of the CNN, 0.988 of so narrow a Transformer.
    """
    spec, signature = FAMILIES[family]
    network = build_network(spec, signature)
    variables = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))
    arguments = (*variables, signature.example(4))
    analysis: Any = jax.jit(network.evaluate).lower(*arguments).cost_analysis()
    theirs = analysis["flops"] + analysis.get("transcendentals", 0)
    ratio = count_flops(network.evaluate, *arguments) / theirs
    assert abs(ratio - 1) < (0.02 if signature.tokens else 0.001)
