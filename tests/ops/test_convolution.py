"""Each form of a convolution is the convolution, in value and in both gradients."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax
from ops.forms import QUICKLY, RULE, compare, normal, value_and_gradients

from lab.ops import depthwise, on_lab_ops
from lab.ops.choices import Form

NHWC = lax.conv_dimension_numbers((1, 1, 1, 1), (1, 1, 1, 1), ("NHWC", "HWIO", "NHWC"))
KINDS = ("dense", "depthwise", "multiplier", "grouped")
GAPS = ("none", "kernel", "image", "both")


def shapes(kind: str, channels: int) -> tuple[int, int, int, int]:
    """Channels in, a kernel's input channels, channels out, groups."""
    return {
        "dense": (channels, channels, channels + 1, 1),
        "depthwise": (channels + 1, 1, channels + 1, channels + 1),
        "multiplier": (channels + 1, 1, 2 * (channels + 1), channels + 1),
        "grouped": (4, 2, 6, 2),
    }[kind]


def convolve(x: jax.Array, kernel: jax.Array, **options: Any) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, dimension_numbers=NHWC, **options)


def padded_first(
    x: jax.Array, kernel: jax.Array, padding: Any, lhs_dilation: Any = (1, 1), **options: Any
) -> jax.Array:
    """The same by padding alone: XLA's CPU gradients are wrong where padding is negative."""
    edges = [(*pads, gap - 1) for pads, gap in zip(padding, lhs_dilation, strict=True)]
    padded = lax.pad(x, jnp.float32(0), [(0, 0, 0), *edges, (0, 0, 0)])
    return convolve(padded, kernel, padding="VALID", **options)


PAIR = st.tuples(st.integers(-1, 2), st.integers(-1, 2))
SIDES = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """An image's shape, a kernel's, and the options; windows fit into the padded image."""
    kind, gaps = draw(st.sampled_from(KINDS)), draw(st.sampled_from(GAPS))
    inputs, kernel_inputs, outputs, groups = shapes(kind, draw(st.integers(1, 3)))
    window, image, padding = draw(SIDES), draw(SIDES), (draw(PAIR), draw(PAIR))
    image = (image[0] + 4, image[1] + 3)
    options = {
        "window_strides": (1, 1) if gaps in ("image", "both") else draw(SIDES),
        "padding": padding,
        "feature_group_count": groups,
        "rhs_dilation": draw(SIDES) if gaps in ("kernel", "both") else (1, 1),
        "lhs_dilation": draw(SIDES) if gaps in ("image", "both") else (1, 1),
    }
    for side, edges, size, gap, within in zip(
        image, padding, window, options["lhs_dilation"], options["rhs_dilation"], strict=True
    ):
        assume((side - 1) * gap + 1 + sum(edges) >= (size - 1) * within + 1)
    return (draw(st.integers(1, 2)), *image, inputs), (*window, kernel_inputs, outputs), options


@settings(max_examples=15)
@given(convolutions())
def test_every_form_is_the_convolution(
    case: tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]],
) -> None:
    image, window, options = case
    compare(
        functools.partial(convolve, **options),
        functools.partial(padded_first, **options),
        (normal(*image), normal(*window)),
    )


USED: dict[str, tuple[str, dict[str, Any], tuple[Form, ...]]] = {
    "dense": ("dense", {}, (Form.IM2COL,)),
    "strided": ("dense", {"window_strides": (2, 2)}, (Form.IM2COL,)),
    "depthwise": ("depthwise", {"window_strides": (2, 1)}, (Form.DEPTHWISE,)),
    "multiplier": ("multiplier", {}, (Form.DEPTHWISE,)),
    "grouped": ("grouped", {}, (Form.GROUPS,)),
    "kernel gaps": ("dense", {"rhs_dilation": (2, 3)}, (Form.SPACE_TO_BATCH,)),
    "strided kernel gaps": (
        "depthwise",
        {"rhs_dilation": (2, 2), "window_strides": (2, 2)},
        (Form.SPACE_TO_BATCH,),
    ),
    "image gaps": ("dense", {"lhs_dilation": (2, 2), "padding": ((2, 1), (2, 1))}, (Form.PHASES,)),
    "grouped image gaps": (
        "grouped",
        {"lhs_dilation": (3, 2), "padding": ((1, 1), (2, 1))},
        (Form.PHASES,),
    ),
    "strided image gaps": (
        "dense",
        {"lhs_dilation": (2, 1), "window_strides": (2, 1), "padding": ((1, 1), (1, 1))},
        (),
    ),
    "coprime gaps": ("dense", {"rhs_dilation": (2, 1), "window_strides": (3, 1)}, ()),
}


@pytest.mark.parametrize("name", USED)
def test_what_nets_use_has_a_form(name: str) -> None:
    """By name, so that it never hangs on what hypothesis happens to draw; () is XLA's alone."""
    kind, options, expected = USED[name]
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)
    options = {"window_strides": (1, 1), "padding": "SAME", "feature_group_count": groups} | options
    function = functools.partial(convolve, **options)
    arrays = (normal(2, 7, 6, inputs), normal(3, 3, kernel_inputs, outputs))
    forms = compare(function, function, arrays)
    assert forms[: len(expected)] == expected
    assert forms[-1] is Form.XLA
    assert expected or len(forms) == 1


LAYOUTS = {
    "NCHW": (("NCHW", "OIHW", "NCHW"), (2, 3, 6, 5), (4, 3, 3, 2)),
    "mixed": (("NHWC", "OHWI", "CNHW"), (2, 6, 5, 3), (4, 3, 2, 3)),
    "one axis": (("NWC", "WIO", "NWC"), (2, 9, 3), (3, 3, 5)),
    "one axis, channels first": (("NCW", "OIW", "NCW"), (2, 3, 9), (5, 3, 3)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_other_layouts(name: str) -> None:
    specs, image, window = LAYOUTS[name]
    numbers = lax.conv_dimension_numbers(image, window, specs)
    strides = (2,) * (len(image) - 2)

    def function(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=numbers)

    assert compare(function, function, (normal(*image), normal(*window)))[0] is Form.IM2COL


def test_three_axes_are_left_to_xla() -> None:
    x, kernel = normal(1, 2, 4, 4, 4), normal(3, 2, 2, 2, 2)

    def function(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, kernel, (1, 1, 1), "SAME")

    np.testing.assert_array_equal(on_lab_ops(function, RULE)(x, kernel), function(x, kernel))


@pytest.mark.parametrize("kind", KINDS)
def test_members_with_kernels_of_their_own(kind: str) -> None:
    """Under vmap over kernels, images or both, each member's is the convolution alone."""
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)
    x, kernels = normal(3, 2, 7, 5, inputs), normal(3, 3, 3, kernel_inputs, outputs)
    function = functools.partial(
        convolve, window_strides=(2, 1), padding="SAME", feature_group_count=groups
    )

    def ours(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
        return value_and_gradients(on_lab_ops(function, RULE), (x, kernel))

    def theirs(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
        return value_and_gradients(function, (x, kernel))

    alone = jax.jit(theirs)
    for axes in ((0, 0), (None, 0), (0, None)):
        arguments = [
            stack if axis == 0 else stack[0] for axis, stack in zip(axes, (x, kernels), strict=True)
        ]
        mapped = jax.jit(jax.vmap(ours, axes), compiler_options=QUICKLY)(*arguments)
        for i in range(3):
            images = x[i] if axes[0] == 0 else x[0]
            kernel = kernels[i] if axes[1] == 0 else kernels[0]
            for mine, true in zip(mapped, alone(images, kernel), strict=True):
                np.testing.assert_allclose(mine[i], true, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_narrow_floats_are_summed_in_wide_ones(kind: str) -> None:
    """The value and gradients in bfloat16 are those in float32, but for the rounding of each."""
    inputs, kernel_inputs, outputs, groups = shapes(kind, 3)
    function = functools.partial(
        convolve, window_strides=(1, 1), padding="SAME", feature_group_count=groups
    )
    ours = on_lab_ops(function, RULE)
    rounded = [
        array.astype(jnp.bfloat16)
        for array in (normal(8, 16, 16, inputs), normal(3, 3, kernel_inputs, outputs))
    ]
    narrow = jax.jit(functools.partial(value_and_gradients, ours))(rounded)

    def wide(arrays: list[jax.Array]) -> tuple[jax.Array, ...]:
        """The float32 function at the same numbers, pulled back along the same cotangent."""
        image, pull = jax.vjp(function, *(array.astype(jnp.float32) for array in arrays))
        cotangent = jnp.cos(jnp.arange(image.size, dtype=jnp.float32)).reshape(image.shape)
        return (image, *pull(cotangent.astype(jnp.bfloat16).astype(jnp.float32)))

    for mine, true in zip(narrow, jax.jit(wide)(rounded), strict=True):
        assert mine.dtype == jnp.bfloat16
        # Each product is rounded to 8 places once; sums of them would lose several times as much.
        error = np.linalg.norm(mine.astype(jnp.float32) - true)
        assert error < 2**-8 * np.linalg.norm(true)


def test_a_wrong_gradient_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has power: an unturned kernel in the input's gradient fails it."""
    right = depthwise._depthwise_input_gradient
    monkeypatch.setattr(
        depthwise,
        "_depthwise_input_gradient",
        lambda g, kernel, *rest: right(g, kernel[::-1, ::-1], *rest),
    )
    function = functools.partial(
        convolve, window_strides=(1, 1), padding="SAME", feature_group_count=2
    )
    with pytest.raises(AssertionError):
        compare(function, function, (normal(1, 5, 5, 2), normal(3, 3, 1, 2)))
