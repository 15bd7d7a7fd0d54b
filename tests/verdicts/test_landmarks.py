from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.specs import Margins
from lab.statistics.proportions import difference, newcombe_bounds
from lab.statistics.times import ClockTimes, Times, common_horizon
from lab.verdicts.evidence import Levels
from lab.verdicts.landmarks import landmark_times, landmarks_at
from lab.verdicts.meeting import Side, independent


def met(*clocks):
    members = [np.arange(one.times.members) for one in clocks]
    sides = [Side(one, ids < 0, ids, ids) for one, ids in zip(clocks, members, strict=True)]
    return independent(*sides)


def newcombe(level):
    return lambda one, other: difference((one.sum(), len(one)), (other.sum(), len(other)), level)


def clock(hits, cost, last):
    return ClockTimes.uniform(Times.of(hits, last), Fraction(cost))


def test_shared_grid_has_the_six_shares_of_the_horizon():
    side = clock([1], 10, 100)
    times = landmark_times(side, side, side.budget)
    assert times == (100, 200, 350, 500, 700, 1000)


def test_two_grids_have_the_coarser_ones_evaluations_and_the_horizon():
    fine, coarse = clock([1], 10, 100), clock([1], 17, 100)
    times = landmark_times(fine, coarse, fine.budget)
    assert times[-1] == 1000
    assert all(time % 17 == 0 for time in times[:-1])
    np.testing.assert_allclose(np.array(times, float), (100, 200, 350, 500, 700, 1000), atol=8.5)


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.fractions(min_value="1/9", max_value=50),
    st.fractions(min_value="1/9", max_value=50),
)
def test_landmarks_ascend_within_the_horizon_and_mirror(last, last_other, cost, cost_other):
    one, other = clock([1], cost, last), clock([1], cost_other, last_other)
    horizon = common_horizon(one, other)
    times = landmark_times(one, other, horizon)
    assert list(times) == sorted(set(times))
    assert 0 < times[0] <= times[-1] == horizon
    assert len(times) <= 6
    assert times == landmark_times(other, one, horizon)


def test_the_landmarks_share_the_error():
    assert Levels.declared(Margins(), landmarks=2) == Levels(win=0.97, landmark=0.99)


def test_intervals_of_the_difference():
    side, other = clock([1, 2, None, 4], 1, 4), clock([3, 3, 3, 3, None], 1, 4)
    found = landmarks_at((Fraction(2), Fraction(4)), met(side, other), newcombe(0.99))
    assert [landmark.difference.level for landmark in found] == [0.99, 0.99]
    wanted = newcombe_bounds((2, 4), (0, 5), 0.99)
    first = found[0].difference
    assert (first.lower, first.upper) == pytest.approx(wanted)
    assert (found[0].smaller, found[0].larger, first.estimate) == (0.5, 0.0, 0.5)


def test_time_inside_an_interval_widens_the_difference_to_both_orders():
    # The smaller reached within (0, 2], the larger within (0, 3]; nobody saw who had by 1.
    side, other = clock([1] * 20, 2, 9), clock([1] * 20, 3, 9)
    (landmark,) = landmarks_at((Fraction(1),), met(side, other), newcombe(0.98))
    assert landmark.rounded.inside(-0.3, 0.3)
    assert landmark.difference.lower < -0.9
    assert landmark.difference.upper > 0.9
    assert (landmark.difference.lowest, landmark.difference.highest) == (-1, 1)
