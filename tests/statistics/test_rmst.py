import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from lab.statistics.rmst import (
    earliest_mean,
    restricted_mean,
    rmst_difference,
    rmst_ratio,
    tail_variance,
)
from lab.statistics.times import ClockTimes, Times

LEVEL = 0.95
HORIZON = Fraction(20)
hits = st.lists(st.none() | st.integers(1, 20), min_size=1, max_size=9)


def clock(evaluations, cost=1):
    return ClockTimes.uniform(Times.of(evaluations, last=20), Fraction(cost))


def drawn(seed, members):
    generator = np.random.default_rng(seed)
    return [int(hit) if hit <= 20 else None for hit in generator.integers(1, 27, members)]


def test_never_counts_as_the_horizon_and_is_not_left_out():
    mean = restricted_mean(clock([2, 4, None, None]), Fraction(10))
    assert mean.mean == (2 + 4 + 10 + 10) / 4
    # Sample variance 17 over 4 members: SE squared, not the variance of min(T, horizon).
    assert mean.variance == pytest.approx(17 / 4)


def test_mean_is_the_area_under_lifelines_survival_curve():
    hit = drawn(1, 60)
    observed = [one is not None for one in hit]
    fitter = KaplanMeierFitter().fit([one or 20 for one in hit], observed)
    wanted = restricted_mean_survival_time(fitter, t=20)
    assert restricted_mean(clock(hit), HORIZON).mean == pytest.approx(wanted, rel=1e-6)


def test_ratio_by_hand():
    # Means 5 and 10, sample variances 60/89 over 90 members each, in relation to the squared means;
    # Welch's degrees 131, whose 97.5% quantile of t is 1.978.
    ratio = rmst_ratio(
        restricted_mean(clock([4, 5, 6] * 30), HORIZON),
        restricted_mean(clock([9, 10, 11] * 30), HORIZON),
        LEVEL,
    )
    relative = [60 / 89 / 90 / mean**2 for mean in (5, 10)]
    assert 89 * sum(relative) ** 2 / sum(each**2 for each in relative) == pytest.approx(
        131, abs=0.5
    )
    reach = 1.978 * math.sqrt(sum(relative))
    assert ratio.estimate == 0.5
    assert ratio.lower == pytest.approx(0.5 * math.exp(-reach), rel=2e-5)
    assert ratio.upper == pytest.approx(0.5 * math.exp(reach), rel=2e-5)


@given(hits, hits, st.integers(1, 50))
def test_swapping_inverts_and_rescaling_changes_nothing(one, other, scale):
    here = [restricted_mean(clock(each), HORIZON) for each in (one, other)]
    scaled = [restricted_mean(clock(each, scale), HORIZON * scale) for each in (one, other)]
    ratio, back = rmst_ratio(*here, LEVEL), rmst_ratio(*here[::-1], LEVEL)
    inverse = (1 / back.estimate, 1 / back.upper, 1 / back.lower)
    assert (ratio.estimate, ratio.lower, ratio.upper) == pytest.approx(inverse)
    again = rmst_ratio(*scaled, LEVEL)
    assert (again.lower, again.upper) == pytest.approx((ratio.lower, ratio.upper))
    assert 1 / 20 <= ratio.lower <= ratio.estimate <= ratio.upper <= 20


def test_a_hit_at_the_horizon_is_not_an_ulp_away_from_never():
    # 12 * 1.4 is not 16.8 in floating point.
    side = ClockTimes.uniform(Times.of([None, 12], last=12), Fraction(7, 5))
    assert restricted_mean(side, side.budget).variance > 1


# The variance of three times 16.8 is 2e-30 in floating point, not 0.
@pytest.mark.parametrize(("horizon", "members"), [(HORIZON, 30), (Fraction(84, 5), 3)])
def test_agreement_is_not_taken_for_certainty(horizon, members):
    same = restricted_mean(clock([None] * members), horizon)
    ratio = rmst_ratio(same, same, LEVEL)
    assert ratio.lower < 0.99
    assert ratio.upper > 1.01


def test_one_member_is_bounded_by_what_the_horizon_allows():
    one, many = restricted_mean(clock([3]), HORIZON), restricted_mean(clock(drawn(4, 50)), HORIZON)
    ratio = rmst_ratio(one, many, LEVEL)
    assert 1 / 20 <= ratio.lower < ratio.estimate < ratio.upper <= 20


def test_earliest_mean_takes_the_evaluation_before():
    # Hits at evaluations 2 and 4 of one a unit may lie just after 1 and 3; nobody else reached.
    mean = earliest_mean(clock([2, 4, None, None]), Fraction(10))
    assert mean.mean == pytest.approx((1 + 3 + 10 + 10) / 4)
    # A horizon inside a stretch: the hit that ends it may have come before.
    assert earliest_mean(clock([4], cost=3), Fraction(10)).mean == 9
    assert restricted_mean(clock([4], cost=3), Fraction(10)).mean == 10


@given(hits, hits, st.integers(1, 50))
def test_earliest_means_are_never_later_and_always_positive(one, other, cost):
    for hit in (one, other):
        early, late = (
            mean(clock(hit, cost), HORIZON * cost) for mean in (earliest_mean, restricted_mean)
        )
        assert 0 < early.mean <= late.mean <= early.mean + cost + 1e-9
        found = [rmst_ratio(early, late, LEVEL), rmst_difference(early, late, LEVEL)]
        assert all(math.isfinite(end) for each in found for end in (each.lower, each.upper))
        assert early.shortest <= early.mean <= early.longest


def test_tail_variance_is_the_log_normals():
    """Of many times it is right: CV^2 of a log-normal is exp(s^2) - 1 (Aitchison, Brown 1957)."""
    spread, members = 0.8, 400_000
    times = np.exp(spread * np.random.default_rng(0).standard_normal(members))
    found = tail_variance(times, 1e9) * members
    assert found == pytest.approx(math.expm1(spread**2), rel=0.02)
    cut = np.minimum(times, 2.0)
    shown = cut.var() / cut.mean() ** 2
    # Of times cut soon the cut ones count as seen, so that the tail is judged shorter.
    assert 0.5 * shown < tail_variance(cut, 2.0) * members < shown


def test_few_members_of_a_long_tail_get_a_wider_interval():
    times = [1, 2, 2, 3, 3, 4, 4, 5, 6, 12]
    mean = restricted_mean(clock(times), Fraction(20))
    plain = dataclasses.replace(mean, tail=0.0)
    assert mean.relative == mean.tail > plain.relative
    assert mean.seen == 5
    assert rmst_ratio(mean, mean, LEVEL).upper > 1.08 * rmst_ratio(plain, plain, LEVEL).upper
    # Steady times have no tail to speak of.
    steady = restricted_mean(clock([9, 10, 11] * 30), HORIZON)
    assert steady.relative == steady.variance / steady.mean**2
    assert steady.seen == 90


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("times", [[], [1.0], [2.0] * 9, [1e-3] * 8 + [1.0], [1.0] * 8 + [1e9]])
def test_tail_variance_of_anything_is_finite(times):
    found = tail_variance(np.array(times), 1e9)
    assert 0 <= found < math.inf
