"""A step's FLOPs against a count by hand: products from the layers' shapes, each family's own.

A product of matrices is 2 operations a multiply-add. A step does it once forward, and twice
backward: for the weights, and for the layer's input, which the first layer's data need not.
What is left out by hand is arithmetic on single numbers: activations, normalisation, softmax, loss,
biases and the optimizer. Layers are wide here, where that is little; nothing is computed.
"""

import typing
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from toys import mlp_cohort

from lab.costs import step_cost
from lab.data.arrays import DataArrays, Split
from lab.specs import (
    CNNSpec,
    DataSpec,
    DeepLinearSpec,
    FamilySpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    PlainUNetSpec,
    ResNetSpec,
    TargetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.training.member import make_member
from lab.training.problem import make_problem
from lab.words import Metric, Task

BATCH = 64
CLASSES = 10
SIDE, COLOURS = 16, 3
TOKENS, VOCABULARY = 32, 50
LETTERS = DataSpec("python_documentation", Task.LANGUAGE)


def images(task: Task) -> DataArrays:
    inputs = np.zeros((BATCH, SIDE, SIDE, COLOURS), np.uint8)
    masks, labels = np.zeros((BATCH, SIDE, SIDE), np.uint8), np.zeros(BATCH, np.int32)
    split = Split(inputs, masks if task is Task.SEGMENTATION else labels)
    return DataArrays(split, split, classes=2 if task is Task.SEGMENTATION else CLASSES)


def letters() -> DataArrays:
    split = Split(np.zeros((BATCH, TOKENS), np.int32), np.zeros((BATCH, TOKENS), np.int32))
    return DataArrays(split, split, classes=VOCABULARY, vocabulary=VOCABULARY)


class Layer(NamedTuple):
    """Multiply-adds for one example; `first` reads the data, whose gradient nobody wants."""

    products: int
    first: bool = False


def conv(side: int, taps: int, inputs: int, outputs: int, first: bool = False) -> Layer:
    """With padding: `side` is the output's. Taps on padding count, though they multiply zeros."""
    return Layer(side**2 * taps**2 * inputs * outputs, first)


def block(side: int, inputs: int, hidden: int, outputs: int, strides: int = 1) -> list[Layer]:
    """An inverted residual that ends at `side`: expand, depthwise, project."""
    return [
        conv(side * strides, 1, inputs, hidden),
        Layer(side**2 * 9 * hidden),
        conv(side, 1, hidden, outputs),
    ]


def attention(width: int, heads_times_head: int, tokens: int) -> list[Layer]:
    """Three projections at once, every position's scores with every other, their mean, and out."""
    return [
        Layer(tokens * width * 3 * width),
        Layer(tokens * tokens * heads_times_head),
        Layer(tokens * tokens * heads_times_head),
        Layer(tokens * width * width),
    ]


def perceptron(width: int, hidden: int, tokens: int) -> list[Layer]:
    return [Layer(tokens * width * hidden), Layer(tokens * hidden * width)]


class Case(NamedTuple):
    """`rest` is the most that all else may come to, as a share of the products: what was seen."""

    spec: FamilySpec
    rest: float
    layers: Sequence[Layer]


PIXELS = SIDE * SIDE * COLOURS
UNET = (64, 112, 136)  # 8, 14 and 17 channels, 8 times as wide
MOBILE = ((16, 1), (24, 1), (32, 2), (64, 2), (96, 1), (160, 2), (320, 1))  # and strides


def mobilenet_layers() -> list[Layer]:
    """The paper's table 2, a block a stage, with the lab's strides: from 16x16 to 2x2."""
    side, inputs = SIDE, 32
    found = [conv(side, 3, COLOURS, 32, first=True)]
    for number, (outputs, strides) in enumerate(MOBILE):
        side //= strides
        layers = block(side, inputs, (6 if number else 1) * inputs, outputs, strides)
        found += layers if number else layers[1:]
        inputs = outputs
    return [*found, conv(side, 1, 320, 1280), Layer(1280 * CLASSES)]


CASES = {
    "mlp": Case(
        MLPSpec(256, depth=2),
        0.055,
        [Layer(PIXELS * 256, first=True), Layer(256 * 256), Layer(256 * CLASSES)],
    ),
    "deep_linear": Case(
        DeepLinearSpec(256, depth=3),
        0.05,
        [
            Layer(PIXELS * 256, first=True),
            Layer(256 * 256),
            Layer(256 * 256),
            Layer(256 * CLASSES),
        ],
    ),
    "cnn": Case(
        CNNSpec(128, depth=3),
        0.012,
        [
            conv(16, 3, COLOURS, 128, first=True),
            conv(8, 3, 128, 128),
            conv(4, 3, 128, 128),
            Layer(128 * CLASSES),
        ],
    ),
    "resnet": Case(
        ResNetSpec(64, blocks=1),
        0.01,
        [
            conv(16, 3, COLOURS, 64, first=True),
            *(conv(16, 3, 64, 64), conv(16, 3, 64, 64)),
            *(conv(8, 3, 64, 128), conv(8, 3, 128, 128)),
            *(conv(4, 3, 128, 256), conv(4, 3, 256, 256)),
            Layer(256 * CLASSES),
        ],
    ),
    # 180,000 activations an example are each normalised and cut off: 19 operations, there and back.
    "mobilenet": Case(MobileNetSpec(1.0, depth=0.25), 0.075, mobilenet_layers()),
    "vit": Case(
        ViTSpec(256, depth=1, heads=4, patch=4),
        0.015,
        [
            Layer(16 * (4 * 4 * COLOURS) * 256, first=True),
            *attention(256, 256, tokens=16),
            *perceptron(256, 1024, tokens=16),
            Layer(256 * CLASSES),
        ],
    ),
    "transformer": Case(
        TransformerSpec(256, depth=1, heads=4),
        0.015,
        [
            *attention(256, 256, TOKENS),
            *perceptron(256, 1024, TOKENS),
            Layer(TOKENS * 256 * VOCABULARY),
        ],
    ),
    "lstm": Case(
        LSTMSpec(256, depth=2),
        0.01,
        [
            *[Layer(TOKENS * 256 * 4 * 256)] * 4,  # from below and from before, twice
            Layer(TOKENS * 256 * VOCABULARY),
        ],
    ),
    "unet": Case(
        UNetSpec(8.0),
        0.03,
        [
            conv(8, 3, COLOURS, UNET[0], first=True),
            *block(4, UNET[0], 3 * UNET[0], UNET[1], strides=2),
            *block(2, UNET[1], 3 * UNET[1], UNET[2], strides=2),
            *block(2, UNET[2], 3 * UNET[2], UNET[2]),
            *block(4, UNET[2] + UNET[1], 3 * (UNET[2] + UNET[1]), UNET[1]),
            *block(8, UNET[1] + UNET[0], 3 * (UNET[1] + UNET[0]), UNET[0]),
            conv(8, 1, UNET[0], 4),
        ],
    ),
    "plain_unet": Case(
        PlainUNetSpec(32, depth=2),
        0.012,
        [
            conv(16, 3, COLOURS, 32, first=True),
            conv(16, 3, 32, 32),
            *(conv(8, 3, 32, 64), conv(8, 3, 64, 64)),
            conv(16, 2, 64, 32),
            *(conv(16, 3, 64, 32), conv(16, 3, 32, 32)),
            conv(16, 1, 32, 1),
        ],
    ),
}


def data_for(spec: FamilySpec) -> tuple[DataSpec, DataArrays, Metric]:
    match spec:
        case TransformerSpec() | LSTMSpec():
            return LETTERS, letters(), Metric.LOSS
        case UNetSpec() | PlainUNetSpec():
            masks = DataSpec("digits_on_photographs", Task.SEGMENTATION)
            return masks, images(Task.SEGMENTATION), Metric.IOU
        case _:
            labels = DataSpec("sklearn_digits", Task.CLASSIFICATION)
            return labels, images(Task.CLASSIFICATION), Metric.ACCURACY


def flops(spec: FamilySpec) -> float:
    of, data, metric = data_for(spec)
    target = TargetSpec(metric, (0.5,))
    cohort = mlp_cohort(data=of, model=spec, batch_size=BATCH, target=target)
    return step_cost(make_member(cohort, make_problem(of, data)), data.train, BATCH).flops


def by_hand(layers: Sequence[Layer]) -> int:
    return 2 * BATCH * sum((2 if one.first else 3) * one.products for one in layers)


@pytest.mark.parametrize("family", CASES)
def test_a_step_costs_its_products_and_a_little(family: str) -> None:
    case = CASES[family]
    assert 1 < flops(case.spec) / by_hand(case.layers) < 1 + case.rest


def test_no_family_is_left_out() -> None:
    assert {type(case.spec) for case in CASES.values()} == set(typing.get_args(FamilySpec))
