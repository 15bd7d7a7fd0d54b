"""The setting found for a parameter count is the nearest of all settings."""

import bisect
import dataclasses
import itertools
import re
import sys
import types
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.models import Signature, count_parameters, match_parameters, sizing
from lab.models.sizing import Match, Size, enclose
from lab.models.unet import channels
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    MLPSpec,
    ModelSpec,
    OwnModelSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
)
from lab.specs.rules import require

IMAGE = (16, 16, 3)
PIXELS = Signature(IMAGE, IMAGE[:2])
CLASSES = Signature((8, 8, 1), (10,))
TEXT = Signature((12,), (12, 20), vocabulary=20)


def by_hand(spec: ModelSpec, signature: Signature) -> int:
    """`count_parameters` without tracing the net."""
    answers = signature.answers
    match spec:
        case UNetSpec():
            return unet_by_hand(spec, signature)
        case MLPSpec(width, depth):
            layers = (int(np.prod(signature.inputs)), *[width] * depth, answers)
            return sum(a * b + b for a, b in itertools.pairwise(layers))
        case CNNSpec(width, depth):
            first = 9 * signature.inputs[2] * width + width
            return first + (depth - 1) * (9 * width + 1) * width + (width + 1) * answers
        case TransformerSpec(width, depth, _):
            block = 12 * width**2 + 10 * width
            tables = (signature.inputs[0] + signature.vocabulary) * width
            return tables + depth * block + 2 * width + (width + 1) * signature.vocabulary
    raise AssertionError(spec)


def unet_by_hand(spec: UNetSpec, signature: Signature) -> int:
    half, quarter, eighth = channels(spec.width)
    blocks = (
        (half, quarter),
        (quarter, eighth),
        (eighth, eighth),
        (eighth + quarter, quarter),
        (quarter + half, half),
    )
    total = 9 * signature.inputs[2] * half + 2 * half + 4 * half + 4
    for inputs, outputs in blocks:
        hidden = spec.expansion * inputs
        total += hidden * (inputs + outputs + 13) + outputs
    return total


def size_by_hand(spec: ModelSpec, signature: Signature) -> Size:
    return Size(by_hand(spec, signature), 8 * getattr(spec, "depth", 1))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "size", size_by_hand)


def matched(spec: ModelSpec, wanted: int, signature: Signature, dial: str = "width") -> Match:
    """Whatever is nearest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing, "size", size_by_hand)
        return match_parameters(spec, wanted, signature, dial, tolerance=float("inf"))


def all_counts(expansion: int) -> list[int]:
    """Of every width up to 4 in steps of 1/2000, sorted: finer than any step of the dial."""
    widths = np.arange(1, 8001) / 2000
    return sorted({by_hand(UNetSpec(float(width), expansion), PIXELS) for width in widths})


COUNTS = {expansion: all_counts(expansion) for expansion in (1, 3, 6)}


def nearest_distance(counts: list[int], wanted: int) -> int:
    at = bisect.bisect(counts, wanted)
    return min(abs(count - wanted) for count in counts[max(0, at - 1) : at + 1])


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(COUNTS)), st.integers(1, 40_000), st.floats(0.0001, 6, exclude_min=True)
)
def test_the_nearest_of_all_multipliers_is_found(expansion: int, wanted: int, own: float) -> None:
    match = matched(UNetSpec(own, expansion), wanted, PIXELS)
    assert isinstance(match.spec, UNetSpec)
    assert match.spec.expansion == expansion
    assert match.parameters == by_hand(match.spec, PIXELS)
    assert abs(match.parameters - wanted) == nearest_distance(COUNTS[expansion], wanted)


# Each: a template and its signature, a dial, and all settings of it that matter below 10,000.
COUNTED: dict[str, tuple[ModelSpec, Signature, str, list[ModelSpec]]] = {
    "MLP width": (MLPSpec(30), CLASSES, "width", [MLPSpec(width) for width in range(1, 120)]),
    "MLP depth": (MLPSpec(9, 5), CLASSES, "depth", [MLPSpec(9, 1 + i) for i in range(50)]),
    "CNN width": (CNNSpec(1, 3), CLASSES, "width", [CNNSpec(width, 3) for width in range(1, 60)]),
    "Transformer width": (
        TransformerSpec(12, 1, 3),
        TEXT,
        "width",
        [TransformerSpec(3 * i, 1, 3) for i in range(1, 15)],
    ),
    "U-Net expansion": (
        UNetSpec(0.5),
        PIXELS,
        "expansion",
        [UNetSpec(0.5, expansion) for expansion in range(1, 30)],
    ),
}


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(COUNTED)), st.integers(1, 10_000))
def test_the_nearest_of_all_that_is_counted_is_found(case: str, wanted: int) -> None:
    template, signature, dial, every = COUNTED[case]
    match = matched(template, wanted, signature, dial)
    distances = {spec: abs(by_hand(spec, signature) - wanted) for spec in every}
    assert distances[match.spec] == min(distances.values())
    assert match.parameters == by_hand(match.spec, signature)
    assert match.distance == (match.parameters - wanted) / wanted


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(-5, 900),
    st.integers(1, 60),
    st.integers(5, 4000),
    st.booleans(),
)
def test_neighbours_enclose_the_count_on_any_staircase(
    rises: list[int], first: int, start: int, wanted: int, smooth: bool
) -> None:
    """Beyond the last tread it rises by one a place."""
    treads = np.cumsum([first, *rises])

    def size_at(place: int) -> Size:
        beyond = max(0, place - len(treads))
        return Size(int(treads[min(place, len(treads)) - 1]) + beyond, 1)

    places = enclose(size_at, wanted, start, smooth)
    if len(places) == 1:
        assert places == (1,)
        assert size_at(1).parameters > wanted
    else:
        low, high = places
        assert high == low + 1
        assert size_at(low).parameters <= wanted < size_at(high).parameters


def test_few_networks_are_looked_at() -> None:
    """Each is traced, which is what a search costs."""
    for spec, signature, most in (
        (MLPSpec(1), CLASSES, 9),
        (CNNSpec(1), CLASSES, 9),
        (TransformerSpec(4, 2, 4), TEXT, 9),
        (UNetSpec(1.0), PIXELS, 16),
    ):
        for wanted in (2000, 5000, 30_000, 10**6):
            seen: set[ModelSpec] = set()

            def counted(spec: ModelSpec, signature: Signature, seen: set[ModelSpec] = seen) -> Size:
                seen.add(spec)
                return size_by_hand(spec, signature)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sizing, "size", counted)
                match_parameters(spec, wanted, signature, tolerance=float("inf"))
            assert len(seen) <= most


@pytest.mark.usefixtures("quick")
def test_large_counts_are_reached_too() -> None:
    for wanted in (10**5, 10**6, 3 * 10**6, 10**9):
        assert abs(match_parameters(UNetSpec(1.0), wanted, PIXELS).distance) <= 0.02


@pytest.mark.usefixtures("quick")
def test_a_count_that_no_width_reaches_is_refused_with_counts_that_work() -> None:
    gaps = itertools.pairwise(COUNTS[3])
    wanted = next((a + b) // 2 for a, b in gaps if (b - a) / 2 > 0.03 * (a + b) / 2)
    for count in (wanted, 7):
        with pytest.raises(UsageError, match=f"no width gives {count} parameters") as caught:
            match_parameters(UNetSpec(1.0), count, PIXELS)
        proposed = re.search(r"counts are ([\d, ]+): pass one of them", str(caught.value))
        assert proposed is not None
        for near in proposed[1].split(", "):
            assert match_parameters(UNetSpec(1.0), int(near), PIXELS).parameters == int(near)


@pytest.mark.usefixtures("quick")
def test_another_dial_that_would_do_is_named() -> None:
    wanted = by_hand(MLPSpec(3, 17), CLASSES)
    with pytest.raises(UsageError, match=f"or turn another dial: depth 17 \\({wanted}\\)"):
        match_parameters(MLPSpec(3, 2), wanted, CLASSES, tolerance=0.001)
    with pytest.raises(UsageError, match=r"no heads gives .* another dial: width \d+ \(\d+\)"):
        match_parameters(TransformerSpec(8, 2, 2), 50_000, TEXT, "heads")


@pytest.mark.usefixtures("quick")
def test_a_net_is_not_made_deeper_than_can_be_traced() -> None:
    with pytest.raises(UsageError, match=r"nearest counts are \d+: pass one of them"):
        match_parameters(MLPSpec(2), 10**6, CLASSES, "depth", tolerance=0.0)
    depths = matched(MLPSpec(2), 10**6, CLASSES, "depth").spec
    assert isinstance(depths, MLPSpec)
    assert 8 * depths.depth <= sizing.MOST_ARRAYS


@pytest.mark.parametrize(
    ("spec", "signature"),
    [
        (UNetSpec(1.0, 2), PIXELS),
        (MLPSpec(1), CLASSES),
        (CNNSpec(1), CLASSES),
        (DeepLinearSpec(1, 2), CLASSES),
        (ResNetSpec(1, 1), CLASSES),
        (TransformerSpec(4, 1, 4), TEXT),
    ],
)
def test_the_count_is_the_net_s_own(spec: ModelSpec, signature: Signature) -> None:
    match = match_parameters(spec, 3000, signature, tolerance=0.5)
    assert match.parameters == count_parameters(match.spec, signature)
    if not isinstance(spec, DeepLinearSpec | ResNetSpec):
        assert match.parameters == by_hand(match.spec, signature)


@pytest.mark.usefixtures("quick")
def test_a_larger_count_gives_a_wider_net() -> None:
    wanted = (1500, 2900, 5000, 20_000)
    found = [match_parameters(UNetSpec(1.0), count, PIXELS, tolerance=0.2) for count in wanted]
    widths = [match.spec.width for match in found if isinstance(match.spec, UNetSpec)]
    assert widths == sorted(set(widths))
    assert len(widths) == 4


def test_a_model_that_does_not_fit_the_data_is_refused_as_such() -> None:
    with pytest.raises(UsageError, match="the data are text"):
        match_parameters(CNNSpec(4), 500, TEXT)


def test_settings_that_do_not_fit_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a net too deep, or too shallow, for its images."""

    def fitting(spec: ModelSpec, signature: Signature) -> Size:
        assert isinstance(spec, MLPSpec)
        if not 3 <= spec.depth <= 5:
            raise UsageError("no")
        return Size(by_hand(spec, signature), 1)

    monkeypatch.setattr(sizing, "size", fitting)
    nearest = {10: 3, 10**6: 5}
    for wanted, depth in nearest.items():
        match = match_parameters(MLPSpec(4, 4), wanted, CLASSES, "depth", float("inf"))
        assert match.spec == MLPSpec(4, depth)


@dataclasses.dataclass(frozen=True)
class Odd:
    """A family whose kernels have a middle."""

    kernel: int

    def __post_init__(self) -> None:
        require(self.kernel % 2 == 1, "no")


def test_numbers_that_a_spec_does_not_take_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "size", lambda spec, signature: Size(spec.kernel**2, 1))
    template: Any = Odd(3)
    for wanted, kernel in ((2, 1), (45, 7), (70, 9)):
        match = match_parameters(template, wanted, CLASSES, "kernel", float("inf"))
        assert match.spec == Odd(kernel)


def test_a_dial_along_which_counts_fall_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def falling(spec: ModelSpec, signature: Signature) -> Size:
        assert isinstance(spec, MLPSpec)
        return Size(10_000 // spec.width, 1)

    monkeypatch.setattr(sizing, "size", falling)
    with pytest.raises(UsageError, match="does not grow along width"):
        match_parameters(MLPSpec(4), 500, CLASSES)


@pytest.mark.parametrize(
    ("parameters", "dial", "tolerance", "hint"),
    [
        (0, "width", 0.02, "sizing covers 1 to"),
        (10**9 + 1, "width", 0.02, "pass fewer"),
        (500, "widht", 0.02, "there are width, depth: did you mean width?"),
        (500, "width", -1.0, "tolerance is -1"),
        (500, "width", float("nan"), "tolerance is nan"),
    ],
)
def test_what_cannot_be_asked(parameters: int, dial: str, tolerance: float, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        match_parameters(MLPSpec(4), parameters, CLASSES, dial, tolerance)
    assert hint in str(caught.value)


class First(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(nn.Dense(self.width)(x))


class Second(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(nn.Dense(3 * self.width)(x))


def test_a_class_that_a_notebook_defines_anew_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = types.ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", notebook)
    spec, signature = OwnModelSpec("notebook:Net", '{"width": 4}'), Signature((5,), (2,))
    for cls, width in ((First, 12), (Second, 4)):
        notebook.Net = cls  # type: ignore[attr-defined]
        match = match_parameters(spec, 5 * 12 + 12 + 12 * 2 + 2, signature)
        assert match.spec == OwnModelSpec("notebook:Net", f'{{"width": {width}}}')
        assert match.distance == 0
