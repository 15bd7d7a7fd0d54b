import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.intervals import Interval
from lab.statistics.quantiles import median_of, quantile_time, speed_up
from lab.statistics.times import ClockTimes, Times

LAST = 100


def ranks(members, quantile, level):
    """Which order statistics bound the interval: member i hits at evaluation i."""
    found = quantile_time(Times.of(range(1, members + 1), LAST), quantile, level)
    return found.lower, found.upper


@pytest.mark.parametrize(("members", "wanted"), [(10, (2, 9)), (20, (6, 15)), (50, (18, 33))])
def test_published_ranks_for_the_median(members, wanted):
    # Conover 1999, Practical Nonparametric Statistics, section 3.2, with table A3: 95% intervals.
    assert ranks(members, 0.5, 0.95) == wanted


@given(st.integers(1, 80), st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([0.9, 0.95, 0.985]))
def test_ranks_are_the_tightest_with_no_more_than_half_the_error_in_a_tail(
    members, quantile, level
):
    lower, upper = ranks(members, quantile, level)
    binomial, tail = scipy.stats.binom(members, quantile), (1 - level) / 2
    low, high = int(lower), int(upper) if upper is not None else members + 1
    assert binomial.cdf(low - 1) <= tail < binomial.cdf(low)
    assert binomial.sf(high - 1) <= tail
    assert high == 1 or binomial.sf(high - 2) > tail


def test_never_is_infinitely_late_and_not_the_budget():
    times = Times.of([5, 6, 7, None, None], LAST)
    assert quantile_time(times, 0.6, 0.9).estimate == 7
    assert quantile_time(times, 0.61, 0.9).estimate is None
    assert quantile_time(times, 0.5, 0.9).upper is None


def test_half_of_an_even_number_is_reached_by_the_lower_middle():
    assert quantile_time(Times.of([1, 2, 3, 4], LAST), 0.5, 0.9).estimate == 2


@given(st.lists(st.none() | st.integers(1, LAST), min_size=1), st.randoms())
def test_order_of_members_does_not_matter(hits, random):
    shuffled = hits[:]
    random.shuffle(shuffled)
    here, there = (quantile_time(Times.of(each, LAST), 0.5, 0.95) for each in (hits, shuffled))
    assert here == there


def test_a_time_beyond_the_horizon_is_not_reached():
    times = Times.of(range(1, 11), LAST)
    clock = ClockTimes.uniform(times, Fraction(10))
    found = quantile_time(times, 0.5, 0.95).on(clock, Fraction(80))
    # The member that hit at evaluation 2 may have done so at any time after the first.
    assert (found.estimate, found.lower, found.upper) == (50.0, 10.0, None)


def test_speed_up_combines_two_intervals():
    slow = quantile_time(Times.of(range(20, 30), LAST), 0.5, 0.975)
    fast = quantile_time(Times.of(range(10, 20), LAST), 0.5, 0.975)
    ratio = speed_up(slow, fast)
    assert ratio.estimate == pytest.approx(24 / 14)
    assert (ratio.lower, ratio.upper) == pytest.approx(
        (slow.lower / fast.upper, slow.upper / fast.lower)
    )
    assert ratio.level == pytest.approx(0.95)


def test_speed_up_over_what_was_not_reached_is_unbounded():
    reached = quantile_time(Times.of(range(20, 30), LAST), 0.5, 0.975)
    never = quantile_time(Times.of([None] * 10, LAST), 0.5, 0.975)
    assert (speed_up(reached, never).estimate, speed_up(reached, never).lower) == (None, 0.0)
    assert speed_up(never, reached).upper is None


def test_coverage_of_ties_stays_conservative():
    # Three equally likely evaluations have the median 2.
    generator = np.random.default_rng(11)
    samples = generator.integers(1, 4, (2_000, 15))
    found = [quantile_time(Times.of(row.tolist(), 3), 0.5, 0.95) for row in samples]
    covered = [one.lower <= 2 <= (one.upper or np.inf) for one in found]
    assert np.mean(covered) >= 0.95


def test_the_median_of_measurements_lies_between_ranks_that_a_fair_coin_names():
    """Of 15 the 3rd and the 13th: 2 or fewer heads of 15 have 121 in 32,768."""
    assert 2 * 121 / 2**15 <= 1 - 0.985 < 2 * (121 + math.comb(15, 3)) / 2**15
    values = np.random.default_rng(4).permutation(np.arange(1.0, 16.0))
    assert median_of(values, 0.985) == Interval(8.0, 3.0, 13.0, 0.985)


def test_the_interval_holds_the_median_as_often_as_it_says():
    """To 3 standard errors; of an exponential, whose median is log 2."""
    draws = np.random.default_rng(5).exponential(size=(4000, 15))
    found = [median_of(one, 0.985) for one in draws]
    share = np.mean([one.lower <= math.log(2) <= one.upper for one in found])
    exact = 1 - 2 * 121 / 2**15
    assert abs(share - exact) < 3 * math.sqrt(exact * (1 - exact) / len(draws))


def test_too_few_measurements_have_no_interval():
    with pytest.raises(ValueError, match="no interval"):
        median_of(np.arange(4.0), 0.985)
