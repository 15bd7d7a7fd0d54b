"""A function on lab ops is the function: a user's modules, control flow, own derivatives, keys."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax
from ops.forms import QUICKLY, RULE, normal

from lab.ops import on_lab_ops, operations_of

SLOW_UNDER_VMAP = ("stablehlo.convolution", "stablehlo.reduce_window", "select_and_scatter")


class Plain(nn.Module):
    """What a user may write, with nothing of the lab in it."""

    @nn.compact
    def __call__(self, ids: jax.Array, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        words = nn.Conv(6, (3,))(nn.Embed(10, 8)(ids))
        y = nn.relu(nn.Conv(8, (3, 3), kernel_dilation=2)(x))
        y = nn.BatchNorm(use_running_average=not train)(y)
        y = nn.Conv(12, (3, 3), feature_group_count=4, use_bias=False)(y)
        y = nn.GroupNorm(2)(y)
        y = nn.relu6(nn.ConvTranspose(4, (3, 3), strides=(2, 2))(y))
        y = nn.max_pool(y, (3, 3), strides=(2, 2), padding="SAME")
        y = nn.avg_pool(y, (3, 3), strides=(1, 1), padding="SAME")
        y = nn.Dropout(0.5, deterministic=not train)(y)
        y = jax.image.resize(y, (x.shape[0], 10, 12, 4), "bilinear")
        y = jax.image.resize(y, (x.shape[0], 20, 12, 4), "nearest")
        return nn.remat(nn.Conv)(3, (3, 3), strides=2)(y), words


def of(module: nn.Module, variables: Any, key: jax.Array, ids: jax.Array, x: jax.Array) -> Any:
    return module.apply(
        variables, ids, x, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
    )


def loss(apply: Callable[..., Any], *arguments: Any) -> tuple[jax.Array, Any]:
    (image, words), updated = apply(*arguments)
    return (image**2).sum() + (words**3).sum(), updated


def assert_close(mine: Any, true: Any, tolerance: float) -> None:
    """Each leaf, but for this fraction of its largest value."""
    assert jax.tree.structure(mine) == jax.tree.structure(true)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(true), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * (1 + np.abs(b).max()))


def test_a_users_module() -> None:
    """Values, gradients and new batch statistics to 1e-5 of each array's largest value, and no
    operation that is slow under vmap in the mapped program.
    """
    ids, x = jnp.arange(10).reshape(2, 5) % 7, normal(2, 8, 6, 3)
    with jax.numpy_dtype_promotion("standard"):  # flax's average pooling divides by an integer
        module, key = Plain(), jax.random.key(3)
        init = jax.jit(functools.partial(module.init, train=True), compiler_options=QUICKLY)
        variables = init({"params": key, "dropout": key}, ids, x)
        plain = functools.partial(of, module)
        ours = on_lab_ops(plain, RULE)

        @functools.partial(jax.jit, compiler_options=QUICKLY)
        def both(*arguments: Any) -> Any:
            return [
                jax.value_and_grad(functools.partial(loss, apply), has_aux=True)(*arguments)
                for apply in (ours, plain)
            ]

        mine, true = both(variables, key, ids, x)
        assert_close(mine, true, 1e-5)
        members = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), variables)
        gradient = jax.grad(functools.partial(loss, ours), has_aux=True)
        mapped = jax.jit(jax.vmap(gradient, (0, 0, None, None)))
        program = mapped.lower(members, jax.random.split(key), ids, x).as_text()
    assert not [name for name in SLOW_UNDER_VMAP if name in program]


def test_an_nnx_module() -> None:
    module = nnx.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0))
    graph, state = nnx.split(module)

    def apply(state: Any, x: jax.Array) -> jax.Array:
        return nnx.max_pool(nnx.merge(graph, state)(x), (2, 2), (2, 2))

    x = normal(2, 6, 6, 3)
    assert len(operations_of(apply, RULE, state, x)) == 2
    np.testing.assert_allclose(on_lab_ops(apply, RULE)(state, x), apply(state, x), atol=1e-5)


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv(x, kernel, (1, 1), "SAME")


def in_jit(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.jit(jax.jit(convolve))(x, kernel) + 1


def in_remat(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.checkpoint(lambda x: jnp.sin(convolve(x, kernel)))(x)


def in_scan(x: jax.Array, kernel: jax.Array) -> jax.Array:
    last, sums = lax.scan(
        lambda now, k: (convolve(now, k), now.sum()), x, kernel[None] * jnp.ones((3, 1, 1, 1, 1))
    )
    return last + sums.sum()


def in_cond(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.cond(x[0, 0, 0, 0] < 100, convolve, lambda x, kernel: x, x, kernel)


def in_while(x: jax.Array, kernel: jax.Array) -> jax.Array:
    held = lax.stop_gradient((x, kernel))
    return lax.while_loop(
        lambda now: jnp.abs(now).sum() < 1e3, lambda now: now + convolve(now, held[1]), held[0]
    )


def of_python_numbers(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jnp.where(convolve(x, kernel) > 0.5, 2.0, 1.0) * x


@pytest.mark.parametrize(
    "function", [in_jit, in_remat, in_scan, in_cond, in_while, of_python_numbers]
)
def test_control_flow_is_gone_into(function: Callable[..., jax.Array]) -> None:
    """The form is found where it is, and value and gradient stay."""
    x, kernel = normal(2, 3, 5, 4), normal(3, 3, 2, 2) / 10
    ours = on_lab_ops(function, RULE)
    program = jax.jit(ours).lower(x, kernel).as_text()
    assert "stablehlo.convolution" not in program

    @functools.partial(jax.jit, compiler_options=QUICKLY)
    def both(x: jax.Array, kernel: jax.Array) -> Any:
        if function is in_while:
            return [each(x, kernel) for each in (ours, function)]
        return [
            jax.value_and_grad(lambda *pair, each=each: (each(*pair) ** 2).sum(), (0, 1))(x, kernel)
            for each in (ours, function)
        ]

    mine, true = both(x, kernel)
    assert_close(mine, true, 1e-5)


def test_derivatives_of_ones_own_survive() -> None:
    """Inside a function with a derivative of its own nothing is touched: it would no longer fit."""

    @jax.custom_vjp
    def own(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(x, kernel)

    own.defvjp(
        lambda x, kernel: (own(x, kernel), (x, kernel)),
        lambda saved, g: (7 * saved[0], 8 * saved[1]),
    )
    x, kernel = normal(1, 2, 4, 4), normal(2, 2, 3, 3)
    ours = on_lab_ops(lambda *pair: own(*pair).sum(), RULE)
    for_x, for_kernel = jax.grad(ours, (0, 1))(x, kernel)
    np.testing.assert_array_equal(for_x, 7 * x)
    np.testing.assert_array_equal(for_kernel, 8 * kernel)

    at_zero = jax.grad(on_lab_ops(lambda x: nn.relu(convolve(x, kernel)).sum(), RULE))
    np.testing.assert_array_equal(at_zero(jnp.zeros_like(x)), 0)


def test_what_is_closed_over_may_be_mapped() -> None:
    x, kernels = normal(2, 3, 5, 4), normal(4, 3, 3, 2, 2)

    def of_member(kernel: jax.Array) -> jax.Array:
        return on_lab_ops(lambda x: convolve(x, kernel), RULE)(x)

    for mine, kernel in zip(jax.vmap(of_member)(kernels), kernels, strict=True):
        np.testing.assert_allclose(mine, convolve(x, kernel), atol=1e-5)


def test_nothing_else_is_changed() -> None:
    """Keys, integers, None, keywords and the shape of the result pass through."""

    def function(key: jax.Array, tree: Any, *, scale: jax.Array) -> Any:
        return {"key": jax.random.split(key)[0], "x": (tree["a"] * scale, None), "n": tree["n"] + 1}

    arguments = (jax.random.key(0), {"a": normal(3), "n": jnp.int32(4), "none": None})
    ours = on_lab_ops(function, RULE)(*arguments, scale=jnp.float32(2))
    true = function(*arguments, scale=jnp.float32(2))
    assert jax.tree.structure(ours) == jax.tree.structure(true)
    np.testing.assert_array_equal(
        jax.random.key_data(ours["key"]), jax.random.key_data(true["key"])
    )
    np.testing.assert_array_equal(ours["x"][0], true["x"][0])
    assert ours["n"] == true["n"]
    assert operations_of(function, RULE, *arguments, scale=jnp.float32(2)) == {}


def test_effects_happen_once(capfd: pytest.CaptureFixture[str]) -> None:
    def function(x: jax.Array) -> jax.Array:
        jax.debug.print("seen {}", x.size)
        return x + 1

    jax.block_until_ready(jax.jit(on_lab_ops(function, RULE))(normal(3)))
    jax.effects_barrier()
    assert capfd.readouterr().out == "seen 3\n"


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 3, 4, 3), (7, 3)])
def test_a_dense_layer_is_one_product_of_two_axes_forward_and_back(shape: tuple[int, ...]) -> None:
    """The kernel's gradient too: over several axes XLA's CPU backend is slower."""
    x, kernel, weights = normal(*shape), normal(3, 2), normal(*shape[:-1], 2)

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.dot_general(x, kernel, (((x.ndim - 1,), (0,)), ((), ())))

    def gradients(function: Callable[..., jax.Array]) -> Callable[..., Any]:
        return jax.grad(lambda *pair: (function(*pair) * weights).sum(), argnums=(0, 1))

    ours = on_lab_ops(plain, RULE)
    assert_close(ours(x, kernel), plain(x, kernel), 1e-6)
    assert_close(gradients(ours)(x, kernel), gradients(plain)(x, kernel), 1e-6)
    jaxpr = jax.make_jaxpr(gradients(ours))(x, kernel).jaxpr
    products = [one for one in jaxpr.eqns if one.primitive.name == "dot_general"]
    assert products
    assert all(len(atom.aval.shape) == 2 for one in products for atom in one.invars)


def test_products_that_are_no_layer_are_left_alone() -> None:
    a, b = normal(2, 3, 4), normal(2, 4, 5)
    dimensions = (((2,), (1,)), ((0,), (0,)))
    ours = on_lab_ops(lambda a, b: lax.dot_general(a, b, dimensions), RULE)
    np.testing.assert_array_equal(ours(a, b), lax.dot_general(a, b, dimensions))
