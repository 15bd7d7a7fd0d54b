"""The rule of forms, and what a record repeats of it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from ops.forms import RULE

from lab.errors import UsageError
from lab.ops import choose, on_lab_ops, operations_of, recorded
from lab.ops.choices import Convolution, Form, Pooling, Reduction, forms_of

CONVOLUTION = Convolution(
    image=(8, 16, 14, 24),
    kernel=(3, 3, 24, 8),
    strides=(1, 1),
    pads=((1, 1), (0, 1)),
    image_dilation=(1, 1),
    kernel_dilation=(1, 1),
    groups=1,
    dtype="float32",
)
POOLING = Pooling(
    reduction=Reduction.MAX,
    operand=(8, 16, 16, 24),
    window=(1, 2, 2, 1),
    strides=(1, 2, 2, 1),
    pads=((0, 0), (0, 0), (0, 0), (0, 0)),
    dtype="float32",
)
CHANGES = {
    "image": (4, 16, 14, 24),
    "kernel": (3, 1, 24, 8),
    "strides": (2, 1),
    "pads": ((0, 1), (0, 1)),
    "image_dilation": (2, 2),
    "kernel_dilation": (2, 1),
    "groups": 2,
    "dtype": "bfloat16",
}


def test_the_text_is_stable() -> None:
    """Runs hold it: another text would let their replay choose anew."""
    assert str(CONVOLUTION) == "conv 8x16x14x24 * 3x3x24x8 pad 1:1 0:1 float32"
    assert str(dataclasses.replace(CONVOLUTION, **CHANGES)) == (
        "conv 4x16x14x24 * 3x1x24x8 stride 2x1 pad 0:1 0:1 image dilation 2x2 "
        "kernel dilation 2x1 groups 2 bfloat16"
    )
    assert str(POOLING) == (
        "max pool 8x16x16x24 window 1x2x2x1 stride 1x2x2x1 pad 0:0 0:0 0:0 0:0 float32"
    )


@pytest.mark.parametrize("field", CHANGES)
def test_the_text_tells_every_field(field: str) -> None:
    other = dataclasses.replace(CONVOLUTION, **{field: CHANGES[field]})
    assert str(other) != str(CONVOLUTION)


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_the_rule_chooses_a_form_there_is(platform: str) -> None:
    for change in ({}, {"kernel": (7, 7, 24, 8)}, {"groups": 24, "kernel": (3, 3, 1, 24)}):
        operation = dataclasses.replace(CONVOLUTION, **change)
        assert choose(operation, platform) in forms_of(operation)


def test_windows_that_fill_the_memory_are_left_to_xla_off_the_cpu() -> None:
    wide = dataclasses.replace(CONVOLUTION, kernel=(7, 7, 24, 8))
    assert choose(wide, "cpu") is Form.IM2COL
    assert choose(wide, "gpu") is Form.XLA
    assert choose(dataclasses.replace(wide, strides=(2, 2)), "gpu") is Form.IM2COL


def test_a_record_is_repeated() -> None:
    def function(x: jax.Array, kernel: jax.Array) -> jax.Array:
        y = lax.conv(x, kernel, (1, 1), "SAME")
        return lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    shapes = (
        jax.ShapeDtypeStruct((2, 3, 8, 8), jnp.float32),
        jax.ShapeDtypeStruct((4, 3, 3, 3), jnp.float32),
    )
    by_rule = operations_of(function, RULE, *shapes)
    assert list(by_rule.values()) == [Form.IM2COL.value, Form.SHIFTS.value]
    on_xla = dict.fromkeys(by_rule, Form.XLA.value)
    again = recorded(on_xla, RULE)
    assert operations_of(function, again, *shapes) == on_xla
    program = jax.jit(on_lab_ops(function, again)).lower(*shapes).as_text()
    assert "convolution" in program
    assert "reduce_window" in program


def test_what_a_record_does_not_list_follows_the_rule() -> None:
    again = recorded({str(POOLING): "xla"}, functools.partial(choose, platform="cpu"))
    assert again(POOLING) is Form.XLA
    assert again(CONVOLUTION) is RULE(CONVOLUTION)


@pytest.mark.parametrize("name", ["winograd", "depthwise"])
def test_a_record_of_an_unknown_form_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}.*knows im2col, xla.*version that the run"):
        recorded({str(CONVOLUTION): name}, RULE)(CONVOLUTION)
