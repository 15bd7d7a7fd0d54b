"""Numbers in names: distinct, readable, and the number can be read back."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.quantities import exact
from lab.races import distinct_names

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
@settings(max_examples=300)
def test_a_number_is_read_back_from_its_text(value: float) -> None:
    text = exact(value)
    assert struct.pack("d", float(text)) == struct.pack("d", value)
    assert not set(text) - set("0123456789.e-")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.003, "0.003"),
        (2.0, "2"),
        (1e9, "1e9"),
        (1e-9, "1e-9"),
        (123456789.0, "123456789"),
        (0.1234567, "0.1234567"),
        (1e300, "1e300"),
        (-1.5, "-1.5"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert exact(value) == text


def test_large_and_small_widths_are_told_apart() -> None:
    """1e+09 was named as 1e-09, and a seventh digit was not named at all."""
    dials = [{"width": value} for value in (1e9, 1e-9, 0.1234567, 0.1234568)]
    names = distinct_names(["mlp"] * 4, dials)
    assert names == (
        "mlp-width-1e9",
        "mlp-width-1e-9",
        "mlp-width-0.1234567",
        "mlp-width-0.1234568",
    )


def test_numbers_inside_lists_are_told_apart_too() -> None:
    dials = [{"sizes": [1e9, 2]}, {"sizes": [1e-9, 2]}]
    assert distinct_names(["mlp"] * 2, dials) == ("mlp-sizes-1e9-2", "mlp-sizes-1e-9-2")


VALUES = st.one_of(
    FINITE, st.integers(-9, 9), st.booleans(), st.text(max_size=3), st.lists(FINITE, max_size=2)
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mlp", "mlp-2", "nets:Ünet", "nets:a_b"]),
            st.dictionaries(st.sampled_from(["width", "width_2"]), VALUES),
        ),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=200)
def test_no_two_networks_share_a_name(networks: list[tuple[str, dict[str, object]]]) -> None:
    names = distinct_names([model for model, _ in networks], [dials for _, dials in networks])
    assert len(set(names)) == len(names)
    assert all(name.isascii() and not set(name) & set("+ /_") for name in names)
