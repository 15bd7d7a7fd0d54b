import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.crossing import Band, crossing

share = st.floats(0.02, 0.98)


def bands(*estimates, reach=0.05):
    return [Band(one - reach, one, one + reach) for one in estimates]


def test_a_straight_line_in_the_logarithm_is_met_where_it_is():
    found = crossing([0.001, 0.1], bands(0.3, 0.7), 0.97)
    assert found.estimate == pytest.approx(0.01)
    assert math.log10(found.lower) == pytest.approx(-2 - 2 * 0.05 / 0.4)
    assert math.log10(found.upper) == pytest.approx(-2 + 2 * 0.05 / 0.4)
    assert found.level == 0.97


def test_levels_from_zero_on_are_taken_as_they_are():
    assert crossing([0.0, 1.0], bands(0.4, 0.8), 0.97).estimate == pytest.approx(0.25)


@pytest.mark.parametrize("ends", [(0.3, 0.4), (0.6, 0.9), (0.3, 0.52), (0.48, 0.9)])
def test_it_takes_an_interval_on_either_side(ends):
    assert crossing([1.0, 2.0], bands(*ends), 0.97) is None


def test_undecided_levels_between_widen_it():
    narrow = crossing([1.0, 8.0], bands(0.3, 0.7), 0.97)
    wide = crossing([1.0, 2.0, 4.0, 8.0], bands(0.3, 0.49, 0.51, 0.7), 0.97)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


@given(first=st.floats(0.05, 0.44), middle=share, last=st.floats(0.56, 0.95))
def test_mirrored_probabilities_cross_at_the_same_place(first, middle, last):
    plain = bands(first, middle, last)
    turned = [Band(1 - one.upper, 1 - one.estimate, 1 - one.lower) for one in plain]
    values = [1.0, 3.0, 9.0]
    one, other = crossing(values, plain, 0.97), crossing(values, turned, 0.97)
    ends = ("lower", "estimate", "upper")
    assert [getattr(one, end) for end in ends] == pytest.approx(
        [getattr(other, end) for end in ends]
    )
    assert 1.0 <= one.lower <= one.estimate <= one.upper <= 9.0


def test_an_end_that_dips_again_reaches_to_its_last_crossing():
    """The lower ends pass 1/2 between 1 and 2, and for good between 4 and 8."""
    found = crossing(
        [1.0, 2.0, 4.0, 8.0],
        [Band(0.2, 0.3, 0.4), Band(0.52, 0.6, 0.7), Band(0.44, 0.55, 0.66), Band(0.56, 0.7, 0.8)],
        0.97,
    )
    assert found.estimate == pytest.approx(2 ** (2 / 3))
    assert found.lower == pytest.approx(2 ** (1 / 3))
    assert found.upper == pytest.approx(4 * 2**0.5)
