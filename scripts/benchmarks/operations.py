"""What each form of an operation costs on this device: the measurement behind `lab.ops.choose`.

    PYTHONPATH=scripts taskset -c 1 python -m benchmarks.operations [WORD...]

A row is an operation and the number of members it is mapped over, each with weights of its own;
a column is a form. A cell is the CPU time of value and gradient, per member, inside a loop on the
device, as in training. Rows whose name holds none of the words are left out. Some minutes.
"""

import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from lab.ops.choices import Choose, Form, Operation, choose, forms_of
from lab.ops.interpretation import on_lab_ops, operations_of

WIDTHS = (1, 8)
SECONDS = 0.5
"""Of CPU time that one cell is measured for, at least."""

REPEATS = 3
SLOW = 3.0
"""Seconds of one repetition from which on no second one is made."""


class Case(NamedTuple):
    """A function of an array and the member's own weights."""

    name: str
    function: Callable[[jax.Array, jax.Array], jax.Array]
    array: tuple[int, ...]
    weights: tuple[int, ...]


def conv(name: str, image: Sequence[int], kernel: Sequence[int], **options: Any) -> Case:
    axes = "HW"[: len(image) - 2]
    numbers = lax.conv_dimension_numbers(
        tuple(image), tuple(kernel), (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    )
    options = {"window_strides": (1,) * len(axes), "padding": "SAME"} | options
    convolve = functools.partial(lax.conv_general_dilated, dimension_numbers=numbers, **options)
    return Case(name, convolve, tuple(image), tuple(kernel))


def conv_transpose(name: str, image: Sequence[int], kernel: Sequence[int], stride: int) -> Case:
    def convolve(x: jax.Array, weights: jax.Array) -> jax.Array:
        return lax.conv_transpose(x, weights, (stride, stride), "SAME")

    return Case(name, convolve, tuple(image), tuple(kernel))


def pool(name: str, function: Any, array: Sequence[int], window: int, stride: int) -> Case:
    def pooled(x: jax.Array, weights: jax.Array) -> jax.Array:
        y: jax.Array = function(x * weights, (window, window), (stride, stride), "SAME")
        return y

    return Case(name, pooled, tuple(array), (1, 1, 1, array[-1]))


def take(name: str, rows: int, width: int, indices: int) -> Case:
    def taken(x: jax.Array, table: jax.Array) -> jax.Array:
        return jnp.take(table, jnp.arange(indices) * 7 % rows, axis=0) * x

    return Case(name, taken, (indices, width), (rows, width))


def resize(name: str, array: Sequence[int], method: str) -> Case:
    b, h, w, c = array

    def resized(x: jax.Array, weights: jax.Array) -> jax.Array:
        return jax.image.resize(x * weights, (b, 2 * h, 2 * w, c), method)

    return Case(name, resized, (b, h, w, c), (1, 1, 1, c))


CASES = (
    conv("pointwise 24-14", (8, 16, 16, 24), (1, 1, 24, 14)),
    conv("dense 3x3 3-8 stride 2", (8, 64, 64, 3), (3, 3, 3, 8), window_strides=(2, 2)),
    conv("dense 3x3 8-8", (32, 28, 28, 8), (3, 3, 8, 8)),
    conv("dense 3x3 16-16", (32, 8, 8, 16), (3, 3, 16, 16)),
    conv("dense 3x3 64-64", (8, 16, 16, 64), (3, 3, 64, 64)),
    conv("dense 3x3 256-256", (8, 8, 8, 256), (3, 3, 256, 256)),
    conv("dense 7x7 3-32 stride 2", (8, 64, 64, 3), (7, 7, 3, 32), window_strides=(2, 2)),
    conv("dense 7x7 16-16", (4, 32, 32, 16), (7, 7, 16, 16)),
    conv("dense 1-D 5 32-32", (8, 128, 32), (5, 32, 32)),
    conv("depthwise 3x3 24", (8, 16, 16, 24), (3, 3, 1, 24), feature_group_count=24),
    conv(
        "depthwise 3x3 48 stride 2",
        (8, 32, 32, 48),
        (3, 3, 1, 48),
        feature_group_count=48,
        window_strides=(2, 2),
    ),
    conv("depthwise 7x7 16", (8, 16, 16, 16), (7, 7, 1, 16), feature_group_count=16),
    conv("depthwise 3x3 8, multiplier 4", (8, 16, 16, 8), (3, 3, 1, 32), feature_group_count=8),
    conv("groups 4 of 8-8", (8, 16, 16, 32), (3, 3, 8, 32), feature_group_count=4),
    conv("groups 16 of 2-2", (8, 16, 16, 32), (3, 3, 2, 32), feature_group_count=16),
    conv("dilated 2, 3x3 16-16", (8, 16, 16, 16), (3, 3, 16, 16), rhs_dilation=(2, 2)),
    conv_transpose("transposed 2x2 16-8", (8, 16, 16, 16), (2, 2, 16, 8), 2),
    conv_transpose("transposed 3x3 16-8", (8, 16, 16, 16), (3, 3, 16, 8), 2),
    conv_transpose("transposed 4x4 32-16", (8, 8, 8, 32), (4, 4, 32, 16), 2),
    pool("max pool 2x2 stride 2", nn.max_pool, (8, 32, 32, 16), 2, 2),
    pool("max pool 3x3 stride 2", nn.max_pool, (8, 32, 32, 16), 3, 2),
    pool("max pool 3x3 stride 1", nn.max_pool, (8, 16, 16, 16), 3, 1),
    pool("average pool 2x2 stride 2", nn.avg_pool, (8, 32, 32, 16), 2, 2),
    pool("average pool 3x3 stride 1", nn.avg_pool, (8, 16, 16, 16), 3, 1),
    take("embedding 64 x 32, 1024 tokens", 64, 32, 1024),
    take("embedding 1000 x 32, 1024 tokens", 1_000, 32, 1024),
    take("embedding 10000 x 32, 1024 tokens", 10_000, 32, 1024),
    take("embedding 1000 x 64, 256 tokens", 1_000, 64, 256),
    resize("nearest 16 to 32", (8, 16, 16, 16), "nearest"),
    resize("bilinear 16 to 32", (8, 16, 16, 16), "bilinear"),
)


def main(words: Sequence[str]) -> None:
    device = jax.devices()[0]
    print(f"{device.platform} {device.device_kind}; ms of CPU time per member, value and gradient")
    for case in CASES:
        if words and not any(word in case.name for word in words):
            continue
        for width in WIDTHS:
            cells = [
                f"{'as it is' if form is None else form.value} {cost(case, form, width):.3f}"
                for form in forms(case)
            ]
            print(f"{case.name:36} x{width}  " + "   ".join(cells), flush=True)


def forms(case: Case) -> tuple[Form | None, ...]:
    """Those of the operation that the function asks for first; None for one without any."""
    asked: list[Operation] = []

    def noted(operation: Operation) -> Form:
        asked.append(operation)
        return Form.XLA

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (case.array, case.weights)]
    operations_of(case.function, noted, *shapes)
    return forms_of(asked[0]) if asked else (None,)


def forced(form: Form | None) -> Choose:
    """That form wherever it can be, and the rule's within it."""
    platform = jax.default_backend()
    return lambda operation: form if form in forms_of(operation) else choose(operation, platform)


def cost(case: Case, form: Form | None, width: int) -> float:
    """Milliseconds per member of one value and gradient, the least of a few repetitions."""
    function = on_lab_ops(case.function, forced(form))

    def loss(x: jax.Array, weights: jax.Array) -> jax.Array:
        return (function(x, weights) ** 2).sum()

    gradient = jax.vmap(jax.grad(loss, (0, 1)))

    @jax.jit
    def steps(count: jax.Array, start: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        def step(_: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            x, weights = now
            for_x, for_weights = gradient(x, weights)
            return x - 1e-6 * for_x, weights - 1e-6 * for_weights

        return lax.fori_loop(0, count, step, start)

    key = jax.random.key(0)
    start = (
        jax.random.normal(key, (width, *case.array)),
        jax.random.normal(key, (width, *case.weights)) / 10,
    )

    def seconds(count: int) -> float:
        before = time.process_time()
        jax.block_until_ready(steps(jnp.asarray(count), start))
        return time.process_time() - before

    seconds(0)
    one = seconds(1)
    if one > SLOW:
        return one / width * 1e3
    count = max(1, math.ceil(SECONDS / REPEATS / max(one, 1e-4)))
    return min(seconds(count) for _ in range(REPEATS)) / count / width * 1e3


if __name__ == "__main__":
    main(sys.argv[1:])
