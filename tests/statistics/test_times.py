from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.times import ClockTimes, Times, common_horizon

FIVE = Times.of([1, 3, None, 3, 4], last=4)


def test_counts_hold_every_member_and_never_comes_last():
    assert FIVE.counts().tolist() == [1, 0, 2, 1, 1]
    assert FIVE.hits.tolist() == [1, 3, 3, 4]
    assert FIVE.members == 5


def test_evaluation_of_a_member_that_never_reached_means_nothing():
    marked = Times(np.array([1, 3, 99, 3, 4]), FIVE.reached, last=4)
    assert marked.counts().tolist() == FIVE.counts().tolist()


@pytest.mark.parametrize("hit", [0, -1, 5])
def test_hit_outside_the_grid_is_refused(hit):
    with pytest.raises(ValueError, match="outside evaluations 1 to 4"):
        Times(np.array([hit]), np.array([True]), last=4)


def test_free_evaluation_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        ClockTimes.uniform(FIVE, Fraction(0))


def test_interval_that_a_time_cuts_is_possible_but_not_certain():
    clock = ClockTimes.uniform(FIVE, Fraction(10))
    assert [clock.certain_by(Fraction(t)) for t in (5, 10, 29, 30, 40)] == [0, 1, 1, 3, 4]
    assert [clock.possible_by(Fraction(t)) for t in (5, 10, 29, 30, 40)] == [1, 1, 3, 3, 4]


def test_exact_cost_keeps_a_tie_that_floating_point_breaks():
    assert 3 * 0.1 != 0.3
    tenth = ClockTimes.uniform(Times.of([3], last=9), Fraction(1, 10))
    assert tenth.certain_by(Fraction(3, 10)) == 1


@given(st.lists(st.none() | st.integers(1, 12)), st.fractions(min_value="1/7", max_value=9))
def test_restricted_times_count_never_and_late_as_the_horizon(hits, cost):
    clock = ClockTimes.uniform(Times.of(hits, last=12), cost)
    horizon = 7 * cost
    wanted = [hit if hit is not None and hit <= 7 else 7 for hit in hits]
    assert clock.restricted(horizon).tolist() == wanted


def test_common_horizon_is_the_smaller_budget():
    short, long = ClockTimes.uniform(FIVE, Fraction(3)), ClockTimes.uniform(FIVE, Fraction(5))
    assert common_horizon(short, long) == common_horizon(long, short) == 12
