"""How many parameters each family has, counted by hand, and that they grow with its size."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models.families import BATCH, IMAGES, NONE, ONE_ANSWER, PIXELS, TEXT, VECTORS

from lab.models import Signature, count_parameters
from lab.models.unet import channels
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.words import Normalisation

NORMALISATIONS = st.sampled_from(Normalisation)
SMALL = st.integers(1, 3)


def of_layer(weights: int, outputs: int, which: Normalisation) -> int:
    """With a bias, or with the scale and the bias of a normalisation."""
    return weights + outputs * (1 if which is NONE else 2)


def of_norm(width: int, which: Normalisation) -> int:
    return 0 if which is NONE else 2 * width


def of_inverted_residual(inputs: int, outputs: int, expansion: int, which: Normalisation) -> int:
    """Expand, depthwise, project; a projection that batches normalise has a scale alone."""
    hidden = inputs * expansion
    expand = of_layer(inputs * hidden, hidden, which)
    depthwise = of_layer(9 * hidden, hidden, which)
    project = hidden * outputs + outputs * (1 if which in (NONE, BATCH) else 2)
    return expand + depthwise + project


@settings(max_examples=8)
@given(st.integers(2, 9), st.integers(1, 4), NORMALISATIONS, st.booleans())
def test_an_mlp_s_parameters(width: int, depth: int, which: Normalisation, skips: bool) -> None:
    spec = MLPSpec(width, depth, normalisation=which, skips=skips and depth > 1)
    hidden = (depth - 1) * of_layer(width * width, width, which) + width * 7 + 7
    first = of_layer(9 * width, width, which)
    assert count_parameters(spec, Signature((9,), (7,))) == first + hidden
    embedded = 7 * width + of_layer(5 * width * width, width, which)
    assert count_parameters(spec, ONE_ANSWER) == embedded + hidden


@settings(max_examples=5)
@given(SMALL, st.integers(1, 4), NORMALISATIONS, st.booleans())
def test_a_cnn_s_parameters(width: int, depth: int, which: Normalisation, skips: bool) -> None:
    spec = CNNSpec(width, depth, normalisation=which, skips=skips and depth > 1)
    first = of_layer(9 * 2 * width, width, which)
    rest = (depth - 1) * of_layer(9 * width * width, width, which)
    assert count_parameters(spec, IMAGES) == first + rest + width * 3 + 3


@settings(max_examples=4)
@given(SMALL, st.integers(1, 2), NORMALISATIONS, st.booleans())
def test_a_residual_net_s_parameters(
    width: int, blocks: int, which: Normalisation, skips: bool
) -> None:
    """Shortcuts hold none, so that the plain net has the same."""
    count = of_layer(9 * 2 * width, width, which)
    inputs = width
    for index in range(3 * blocks):
        outputs = width * 2 ** (index // blocks)
        count += of_layer(9 * inputs * outputs, outputs, which)
        count += of_layer(9 * outputs * outputs, outputs, which)
        inputs = outputs
    spec = ResNetSpec(width, blocks, normalisation=which, skips=skips)
    assert count_parameters(spec, IMAGES) == count + inputs * 3 + 3


def test_a_mobilenet_has_the_parameters_of_the_paper_s() -> None:
    """The published 1.0 MobileNetV2 has 3,504,872, among them a bias for each projection.

    Sandler et al. 2018, table 4: 3.4M. Those biases are the channels of table 2's blocks.
    """
    spec, thousand = MobileNetSpec(1.0), Signature((32, 32, 3), (1000,))
    projections = sum(c * n for c, n in ((16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3)))
    assert count_parameters(spec, thousand) == 3_504_872 - projections - 320


@settings(max_examples=3)
@given(
    st.sampled_from([0.05, 0.13, 0.2]),
    st.sampled_from([0.2, 0.3, 0.5]),
    st.integers(1, 3),
    NORMALISATIONS,
)
def test_a_mobilenet_s_parameters(
    width: float, depth: float, expansion: int, which: Normalisation
) -> None:
    """Table 2 of Sandler et al. 2018, block by block."""

    def scaled(base: int) -> int:
        return max(1, round(base * width))

    inputs = scaled(32)
    count = of_layer(9 * 2 * inputs, inputs, which)
    for base, blocks in ((16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1)):
        for _ in range(math.ceil(blocks * depth)):
            count += of_inverted_residual(
                inputs, scaled(base), 1 if base == 16 else expansion, which
            )
            inputs = scaled(base)
            # The first block does not expand.
            count -= of_layer(scaled(32) ** 2, scaled(32), which) if base == 16 else 0
    last = scaled(1280)
    count += of_layer(inputs * last, last, which) + last * 3 + 3
    spec = MobileNetSpec(width, depth, expansion, normalisation=which)
    assert count_parameters(spec, IMAGES) == count


@settings(max_examples=4)
@given(st.sampled_from([0.05, 0.3, 1.0]), SMALL, st.integers(1, 5), NORMALISATIONS, st.booleans())
def test_a_u_net_s_parameters(
    width: float, expansion: int, depth: int, which: Normalisation, skips: bool
) -> None:
    """One block down to each level but the first, one at the bottom, one up from each."""
    skips, down = skips and depth > 1, channels(width, depth)
    count = of_layer(9 * 2 * down[0], down[0], which) + 4 * down[0] + 4
    blocks = [*itertools.pairwise(down), (down[-1], down[-1])]
    blocks += [
        (below + above if skips else below, above) for above, below in itertools.pairwise(down)
    ]
    count += sum(of_inverted_residual(*ends, expansion, which) for ends in blocks)
    spec = UNetSpec(width, expansion, depth, normalisation=which, skips=skips)
    assert count_parameters(spec, Signature((32, 32, 2), (32, 32))) == count


@settings(max_examples=5)
@given(SMALL, st.integers(1, 4), NORMALISATIONS, st.booleans())
def test_a_plain_u_net_s_parameters(
    width: int, depth: int, which: Normalisation, skips: bool
) -> None:
    """Two convolutions a level on the way down; three on the way up, the first of 2x2."""
    widths = [width * 2**level for level in range(depth)]
    count = sum(
        of_layer(9 * inputs * outputs, outputs, which) + of_layer(9 * outputs**2, outputs, which)
        for inputs, outputs in itertools.pairwise([2, *widths])
    )
    skips = skips and depth > 1
    for above, below in itertools.pairwise(widths):
        count += of_layer(4 * below * above, above, which)
        count += of_layer(9 * above * (2 * above if skips else above), above, which)
        count += of_layer(9 * above * above, above, which)
    spec = PlainUNetSpec(width, depth, normalisation=which, skips=skips)
    assert count_parameters(spec, PIXELS) == count + width + 1


def of_block(width: int, expansion: int, which: Normalisation) -> int:
    attention = width * 3 * width + width * width + width
    perceptron = 2 * expansion * width * width + expansion * width + width
    return attention + perceptron + 2 * of_norm(width, which)


@settings(max_examples=5)
@given(SMALL, SMALL, SMALL, st.sampled_from([1, 2, 4]), NORMALISATIONS)
def test_a_vit_s_parameters(
    each: int, depth: int, expansion: int, patch: int, which: Normalisation
) -> None:
    width, patches = 4 * each, (4 // patch) ** 2
    spec = ViTSpec(width, depth, 4, patch, expansion, normalisation=which)
    ends = patch**2 * 2 * width + width + patches * width + width * 3 + 3
    blocks = depth * of_block(width, expansion, which)
    assert count_parameters(spec, IMAGES) == blocks + of_norm(width, which) + ends


@settings(max_examples=6)
@given(SMALL, SMALL, SMALL, NORMALISATIONS, st.booleans())
def test_a_decoder_s_parameters(
    each: int, depth: int, expansion: int, which: Normalisation, tied: bool
) -> None:
    """Tying takes away the head's table, and its bias with it."""
    width = 2 * each
    spec = TransformerSpec(width, depth, 2, expansion, normalisation=which, tied=tied)
    ends = (7 + 5) * width + of_norm(width, which) + (0 if tied else 7 * width + 7)
    assert count_parameters(spec, TEXT) == depth * of_block(width, expansion, which) + ends


@settings(max_examples=5)
@given(st.integers(1, 9), SMALL, st.booleans())
def test_an_lstm_s_parameters(width: int, depth: int, tied: bool) -> None:
    """Hochreiter and Schmidhuber's cell has four gates, each of what is below and what was."""
    layer = 4 * (2 * width * width + width)
    ends = 7 * width + (0 if tied else 7 * width + 7)
    assert count_parameters(LSTMSpec(width, depth, tied), TEXT) == depth * layer + ends


GROWING: dict[str, tuple[Callable[..., ModelSpec], tuple[Any, ...], tuple[Any, ...], Signature]] = {
    "mlp": (MLPSpec, (2, 3, 8), (1, 2, 4), IMAGES),
    "cnn": (CNNSpec, (1, 2, 8), (1, 2, 4), IMAGES),
    "deep linear": (DeepLinearSpec, (1, 2, 8), (1, 2, 4), VECTORS),
    "resnet": (ResNetSpec, (1, 2, 8), (1, 2), IMAGES),
    "mobilenet": (MobileNetSpec, (0.1, 0.12, 0.5), (0.3, 0.6), IMAGES),
    "unet": (lambda width, depth: UNetSpec(width, 2, depth), (0.2, 0.3, 1.0), (2, 3), PIXELS),
    "plain unet": (PlainUNetSpec, (1, 2, 8), (2, 3, 4), PIXELS),
    "vit": (lambda width, depth: ViTSpec(width, depth, 2), (2, 4, 8), (1, 2, 3), IMAGES),
    "transformer": (lambda width, depth: TransformerSpec(width, depth, 2), (2, 4), (1, 3), TEXT),
    "lstm": (LSTMSpec, (1, 2, 8), (1, 2, 3), TEXT),
}


@pytest.mark.parametrize("name", GROWING)
def test_parameters_grow_with_width_and_with_depth(name: str) -> None:
    family, widths, depths, signature = GROWING[name]
    for specs in (
        [family(width, depths[-1]) for width in widths],
        [family(widths[-1], depth) for depth in depths],
    ):
        counts = [count_parameters(spec, signature) for spec in specs]
        assert counts == sorted(set(counts))
