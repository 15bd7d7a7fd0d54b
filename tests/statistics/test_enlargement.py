"""Placements of more members are those that so many would have, were shares to stay as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.statistics import enlargement, permutation, units, win
from lab.statistics.tables import Cells, Table

cells = st.lists(st.integers(0, 4), min_size=4, max_size=4).filter(any)


def table(first, second):
    return Table(np.array(first, np.int64), np.array(second, np.int64))


def sizes(*counts):
    return np.array(counts, np.float64)


@given(cells, cells, st.integers(100, 300), st.integers(100, 300))
def test_many_times_the_members_have_the_placement_of_their_copies(one, other, times, again):
    """Of thousands of members the one that is added for spread counts for next to nothing."""
    first, second = np.array(one) * times, np.array(other) * again
    copies = win.placement(first, second)
    found = enlargement.placement_of_members(
        table(first, second), sizes(first.sum()), sizes(second.sum())
    )
    assert found.estimate[0] == pytest.approx(float(copies.estimate))
    most = 0.25 / first.sum() ** 2 + 0.25 / second.sum() ** 2
    assert abs(found.variance[0] - copies.variance) <= most + 0.02 * copies.variance
    assert found.fewest[0] == copies.fewest


def test_each_cohort_has_a_part_of_the_variance_that_only_its_own_members_shorten():
    seen = table([4, 4, 4, 4, 0], [1, 5, 5, 5, 5])
    found = enlargement.placement_of_members(seen, sizes(16, 1e9, 16, 1e9), sizes(21, 21, 1e9, 1e9))
    whole, of_second, of_first, nothing = found.variance
    assert whole == pytest.approx(of_first + of_second)
    assert min(of_first, of_second) > 1e6 * nothing


def test_a_single_member_is_no_proof_that_there_is_no_spread():
    found = enlargement.placement_of_members(table([0, 1, 0], [1, 1, 1]), sizes(9), sizes(1e12))
    assert found.estimate[0] == 0.5
    assert found.variance[0] == pytest.approx(0.25 / 9)


def test_units_shorten_their_variance_by_their_number():
    generator = np.random.default_rng(1)
    unit = np.repeat(np.arange(8), 6)
    placed = units.placement(
        Cells(generator.integers(0, 5, 48), generator.integers(1, 6, 48), 7), unit, unit, 8
    )
    found = enlargement.placement_of_units(placed, sizes(8, 32))
    assert found.variance == pytest.approx(float(placed.variance) / np.array([1, 4]))
    assert found.degrees.tolist() == [7, 31]


def test_smallest_p_of_one_against_ten_and_of_three_against_three():
    spread = table([1] + [0] * 10, [0] + [1] * 10)
    assert enlargement.smallest_p(spread, 1, 10) == pytest.approx(1 / 11)
    assert enlargement.smallest_p(spread, 2, 10) == pytest.approx(1 / 66)
    apart = table([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1])
    assert enlargement.smallest_p(apart, 3, 3) == pytest.approx(1 / 20)
    # Two of five reached, and never ties with never: 3 choices within the last cell.
    assert enlargement.smallest_p(table([2, 1], [0, 2]), 3, 2) == pytest.approx(3 / 10)


few = st.lists(st.integers(0, 2), min_size=3, max_size=3).filter(any)


@settings(deadline=None)
@given(few, few)
def test_no_exact_p_value_is_smaller(one, other):
    seen = table(one, other)  # So few that all labels are enumerated.
    exact = permutation.permutation_p(seen, np.random.default_rng(0))
    assert exact >= enlargement.smallest_p(seen, sum(one), sum(other)) - 1e-12
