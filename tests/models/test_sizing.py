"""The width found for a parameter count is the nearest of all widths."""

import bisect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.models import Signature, count_parameters, match_unet_width, sizing
from lab.models.unet import channels
from lab.specs import UNetSpec

IMAGE = (16, 16, 3)
PIXELS = Signature(IMAGE, IMAGE[:2])


def by_hand(spec: UNetSpec, signature: Signature) -> int:
    """`count_parameters` without tracing the net; test_networks.py holds the two together."""
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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "count_parameters", by_hand)


def all_counts(expansion: int) -> list[int]:
    """Of every width up to 4 in steps of 1/2000, sorted: finer than any step of the dial."""
    widths = np.arange(1, 8001) / 2000
    return sorted({by_hand(UNetSpec(float(width), expansion), PIXELS) for width in widths})


COUNTS = {expansion: all_counts(expansion) for expansion in (1, 3, 6)}


def nearest_distance(counts: list[int], wanted: int) -> int:
    at = bisect.bisect(counts, wanted)
    return min(abs(count - wanted) for count in counts[max(0, at - 1) : at + 1])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(COUNTS)), st.integers(1, 40_000))
def test_the_nearest_of_all_widths_is_found(expansion: int, wanted: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing, "count_parameters", by_hand)
        spec = match_unet_width(wanted, IMAGE, expansion, tolerance=1e9)
    assert spec.expansion == expansion
    assert abs(by_hand(spec, PIXELS) - wanted) == nearest_distance(COUNTS[expansion], wanted)


@pytest.mark.usefixtures("quick")
def test_large_counts_are_reached_too() -> None:
    for wanted in (10**5, 10**6, 3 * 10**6):
        found = by_hand(match_unet_width(wanted, IMAGE, 3), PIXELS)
        assert abs(found - wanted) <= 0.02 * wanted


@pytest.mark.usefixtures("quick")
def test_a_count_that_no_width_reaches_is_refused_with_counts_that_work() -> None:
    gaps = zip(COUNTS[3], COUNTS[3][1:], strict=False)
    wanted = next((a + b) // 2 for a, b in gaps if (b - a) / 2 > 0.03 * (a + b) / 2)
    for count in (wanted, 7):
        with pytest.raises(UsageError, match=f"no width gives {count} parameters") as caught:
            match_unet_width(count, IMAGE, 3)
        proposed = re.search(r"counts are ([\d, ]+): pass one of them", str(caught.value))
        assert proposed is not None
        for near in proposed[1].split(", "):
            assert by_hand(match_unet_width(int(near), IMAGE, 3), PIXELS) == int(near)


def test_the_count_is_the_net_s_own() -> None:
    spec = match_unet_width(900, IMAGE, 2, tolerance=0.1)
    assert count_parameters(spec, PIXELS) == by_hand(spec, PIXELS)


@pytest.mark.usefixtures("quick")
def test_a_larger_count_gives_a_wider_net() -> None:
    wanted = (1500, 2900, 5000, 20_000)
    widths = [match_unet_width(count, IMAGE, 3, tolerance=0.2).width for count in wanted]
    assert widths == sorted(set(widths))
