"""The lab's convolution is `lax.conv_general_dilated`, in value and in both gradients."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from lab.ops import conv_general_dilated, convolution

NHWC = lax.conv_dimension_numbers((1, 1, 1, 1), (1, 1, 1, 1), ("NHWC", "HWIO", "NHWC"))
KINDS = ("dense", "depthwise", "multiplier", "grouped")


def shapes(kind: str, channels: int) -> tuple[int, int, int, int]:
    """Channels in, a kernel's input channels, channels out, groups."""
    return {
        "dense": (channels, channels, channels + 1, 1),
        "depthwise": (channels + 1, 1, channels + 1, channels + 1),
        "multiplier": (channels + 1, 1, 2 * (channels + 1), channels + 1),
        "grouped": (4, 2, 6, 2),
    }[kind]


@functools.cache
def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(list(shape)).normal(size=shape), jnp.float32)


PAIR = st.tuples(st.integers(-1, 2), st.integers(-1, 2))
PADDING = st.sampled_from(["SAME", "VALID", "SAME_LOWER"]) | st.tuples(PAIR, PAIR)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """An image's shape, a kernel's, and the options; windows fit into the padded image."""
    inputs, kernel_inputs, outputs, groups = shapes(
        draw(st.sampled_from(KINDS)), draw(st.integers(1, 3))
    )
    window = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    image = (draw(st.integers(window[0], 9)), draw(st.integers(window[1], 9)))
    padding = draw(PADDING)
    if not isinstance(padding, str):
        fits = zip(image, padding, window, strict=True)
        assume(all(side + sum(pads) >= least for side, pads, least in fits))
    options = {
        "window_strides": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "padding": padding,
        "feature_group_count": groups,
    }
    batch = draw(st.integers(1, 2))
    return (batch, *image, inputs), (*window, kernel_inputs, outputs), options


def value_and_gradients(convolve, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
    """The image, and the pullback of a weighting that differs in every pixel and channel."""
    image, pull = jax.vjp(convolve, x, kernel)
    cotangent = jnp.cos(jnp.arange(image.size, dtype=jnp.float32)).reshape(image.shape)
    return (image, *pull(cotangent))


def compare(x: jax.Array, kernel: jax.Array, **options: Any) -> None:
    ours = functools.partial(conv_general_dilated, dimension_numbers=NHWC, **options)
    theirs = functools.partial(lax.conv_general_dilated, dimension_numbers=NHWC, **options)
    both = jax.jit(
        lambda *pair: (value_and_gradients(ours, *pair), value_and_gradients(theirs, *pair))
    )
    for mine, true in zip(*both(x, kernel), strict=True):
        assert mine.shape == true.shape
        assert mine.dtype == true.dtype
        np.testing.assert_allclose(mine, true, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(convolutions())
def test_it_is_the_convolution(case: tuple[tuple[int, ...], tuple[int, ...], Any]) -> None:
    image, window, options = case
    compare(normal(*image), normal(*window), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 2)])
def test_every_kind_is_covered(kind: str, strides: tuple[int, int]) -> None:
    """What the nets use, by name, so that it never hangs on what hypothesis happens to draw."""
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)
    compare(
        normal(2, 7, 6, inputs),
        normal(3, 3, kernel_inputs, outputs),
        window_strides=strides,
        padding="SAME",
        feature_group_count=groups,
    )


DILATED = {
    "kernel": {"rhs_dilation": (2, 1)},
    "image": {"lhs_dilation": (1, 2)},
    "ones": {"lhs_dilation": (1, 1), "rhs_dilation": (1, 1)},
}


@pytest.mark.parametrize("which", DILATED)
@pytest.mark.parametrize("kind", ["dense", "depthwise"])
def test_dilations_are_kept(which: str, kind: str) -> None:
    inputs, kernel_inputs, outputs, groups = shapes(kind, 2)
    compare(
        normal(1, 8, 7, inputs),
        normal(3, 2, kernel_inputs, outputs),
        window_strides=(1, 2) if which == "kernel" else (1, 1),
        padding=((1, 0), (2, 1)),
        feature_group_count=groups,
        **DILATED[which],
    )


def test_other_layouts_are_kept() -> None:
    """Images that are not NHWC take XLA's own path, one-dimensional ones too."""
    x, kernel = normal(2, 3, 6, 6), normal(4, 3, 3, 3)
    true = lax.conv_general_dilated(x, kernel, (1, 1), "SAME")
    np.testing.assert_allclose(conv_general_dilated(x, kernel, (1, 1), "SAME"), true)
    x, kernel = normal(2, 9, 3), normal(3, 3, 5)
    numbers = lax.conv_dimension_numbers(x.shape, kernel.shape, ("NWC", "WIO", "NWC"))
    true = lax.conv_general_dilated(x, kernel, (2,), "SAME", dimension_numbers=numbers)
    mine = conv_general_dilated(x, kernel, (2,), "SAME", dimension_numbers=numbers)
    np.testing.assert_allclose(mine, true)


@pytest.mark.parametrize("kind", ["dense", "depthwise"])
def test_members_with_kernels_of_their_own(kind: str) -> None:
    """Under vmap over kernels, images or both, each member's is the convolution alone."""
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)
    x, kernels = normal(3, 2, 7, 5, inputs), normal(3, 3, 3, kernel_inputs, outputs)
    options: dict[str, Any] = {
        "window_strides": (2, 1),
        "padding": "SAME",
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    ours = functools.partial(
        value_and_gradients, functools.partial(conv_general_dilated, **options)
    )
    theirs = jax.jit(
        functools.partial(
            value_and_gradients, functools.partial(lax.conv_general_dilated, **options)
        )
    )
    for axes, images in (((0, 0), x), ((None, 0), x[0])):
        together = jax.jit(jax.vmap(ours, axes))(images, kernels)
        for i in range(3):
            alone = theirs(x[i] if axes[0] == 0 else x[0], kernels[i])
            for mine, true in zip(together, alone, strict=True):
                np.testing.assert_allclose(mine[i], true, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["dense", "depthwise"])
def test_a_mapped_kernel_leaves_no_grouped_convolution(kind: str) -> None:
    """The reason for the module: XLA sees products and sums, never a convolution."""
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)

    def loss(kernel: jax.Array, x: jax.Array) -> jax.Array:
        image = conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=groups
        )
        return (image**2).sum()

    mapped = jax.vmap(jax.grad(loss, (0, 1)))
    program = str(
        jax.make_jaxpr(mapped)(normal(3, 3, 3, kernel_inputs, outputs), normal(3, 2, 5, 5, inputs))
    )
    assert "conv_general_dilated" not in program


LAYERS = {
    "dense": {"kernel_size": (3, 3), "strides": 2},
    "pointwise": {"kernel_size": (1, 1), "use_bias": False},
    "depthwise": {"kernel_size": (3, 3), "feature_group_count": 4},
    "explicit": {"kernel_size": (2, 3), "padding": ((1, 0), (2, 2))},
    "circular": {"kernel_size": (3, 3), "padding": "CIRCULAR"},
    "dilated": {"kernel_size": (3, 3), "kernel_dilation": 2},
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_flax_layer_is_the_same_with_it(name: str) -> None:
    x = normal(2, 7, 6, 4)
    plain = nn.Conv(features=4, **LAYERS[name])
    with_ours = nn.Conv(features=4, conv_general_dilated=conv_general_dilated, **LAYERS[name])

    def images(variables: Any) -> tuple[Any, Any]:
        return plain.apply(variables, x), with_ours.apply(variables, x)

    def losses(variables: Any, factors: jax.Array) -> jax.Array:
        return sum(
            f * (image**2).sum() for f, image in zip(factors, images(variables), strict=True)
        )

    @jax.jit
    def difference(variables: Any) -> tuple[Any, Any]:
        """Of the images, and of the gradients of their squares."""
        true, mine = images(variables)
        return true - mine, jax.grad(losses)(variables, jnp.array([1.0, -1.0]))

    for leaf in jax.tree.leaves(difference(plain.init(jax.random.key(0), x))):
        np.testing.assert_allclose(leaf, 0, atol=1e-4)


def test_a_wrong_gradient_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has power: an unturned kernel in the input's gradient fails it."""
    right = convolution._depthwise_input_gradient
    monkeypatch.setattr(
        convolution,
        "_depthwise_input_gradient",
        lambda g, kernel, *rest: right(g, kernel[::-1, ::-1], *rest),
    )
    with pytest.raises(AssertionError):
        compare(
            normal(1, 5, 5, 2),
            normal(3, 3, 1, 2),
            window_strides=(1, 1),
            padding="SAME",
            feature_group_count=2,
        )
