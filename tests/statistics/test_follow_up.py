"""Unequal follow-up against textbook figures, lifelines, and the statistics of equal follow-up."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import qth_survival_times, restricted_mean_survival_time
from statsmodels.duration.survfunc import survdiff

from lab.statistics import competing, follow_up, quantiles, rmst, tables, win
from lab.statistics.competing import End
from lab.statistics.logrank import Weight, logrank, logrank_at_risk
from lab.statistics.times import ClockTimes, Times

# Weeks of remission of 42 children, 21 on 6-mercaptopurine and 21 on a placebo; Freireich et al.
# 1963, Blood 21:699, as in Kleinbaum and Klein 2012, Survival Analysis, table 1.1.
SIX_MP = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
RELAPSED = np.arange(21) < 9
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])
LAST = 35


def clock(duration, observed, last=LAST, cost=Fraction(1)):
    """Members that reached at their duration, or were stopped there; evaluations one step apart."""
    reached = np.asarray(observed, bool)
    followed = np.where(reached, last, duration)
    none = np.zeros(len(reached), bool)
    times = Times(np.asarray(duration, np.int64), reached, last, followed, none)
    return ClockTimes.uniform(times, cost)


TREATED = clock(SIX_MP, RELAPSED)
UNTREATED = clock(PLACEBO, np.ones(21, bool))
CELLS = tables.cells(TREATED, UNTREATED, Fraction(LAST))[0]


def test_log_rank_of_the_leukaemia_trial():
    """Chi-square 16.79 with 19.25 relapses expected: Kleinbaum and Klein 2012, section 2.4."""
    found = logrank_at_risk(*follow_up.exposures(CELLS))
    assert found.z**2 == pytest.approx(16.793, abs=5e-4)
    assert (found.observed, found.expected) == pytest.approx((9, 19.25), abs=5e-3)
    oracle = logrank_test(SIX_MP, PLACEBO, RELAPSED)
    assert found.z**2 == pytest.approx(oracle.test_statistic, rel=1e-9)
    assert found.p_value == pytest.approx(oracle.p_value, rel=1e-6)


@pytest.mark.parametrize(("weight", "name"), [(Weight.AT_RISK, "gb"), (Weight.EARLY, "fh")])
def test_weighted_log_rank_equals_statsmodels(weight, name):
    found = logrank_at_risk(*follow_up.exposures(CELLS), weight)
    chi_square, p_value = survdiff(
        np.concatenate([SIX_MP, PLACEBO]),
        np.concatenate([RELAPSED, np.ones(21, bool)]),
        np.repeat([0, 1], 21),
        weight_type=name,
        **({"fh_p": 1} if name == "fh" else {}),
    )
    assert (found.z**2, found.p_value) == pytest.approx((chi_square, p_value), rel=1e-9)


@pytest.mark.parametrize("horizon", [10, 23, 34])
def test_restricted_mean_equals_lifelines(horizon):
    found = follow_up.restricted_mean(TREATED, Fraction(horizon))
    fitter = KaplanMeierFitter().fit(SIX_MP, RELAPSED)
    assert found.mean == pytest.approx(restricted_mean_survival_time(fitter, horizon), rel=1e-6)


def test_restricted_mean_and_its_variance_by_hand():
    """Times 1, 2+, 3, 4+ and 5 up to 5: S is 4/5 from 1, 8/15 from 3, 0 at 5.

    The mean is 1 + 2 * 4/5 + 2 * 8/15; Greenwood: the area after each event, squared, times
    d/(Y(Y - d)), and N/(N - 1) for a sample of 5 (Klein and Moeschberger 2003, section 4.5).
    """
    side = clock([1, 2, 3, 4, 5], [1, 0, 1, 0, 1], last=5)
    found = follow_up.restricted_mean(side, Fraction(5))
    after_first, after_second = 2 * 4 / 5 + 2 * 8 / 15, 2 * 8 / 15
    assert found.mean == pytest.approx(1 + after_first)
    assert found.variance == pytest.approx(
        (after_first**2 / (5 * 4) + after_second**2 / (3 * 2)) * 5 / 4
    )


@pytest.mark.parametrize("quantile", [0.25, 0.5])
def test_quantile_and_its_interval_equal_lifelines(quantile):
    """Median remission 23 weeks: Kleinbaum and Klein 2012, section 2.3."""
    found = quantiles.quantile_time(TREATED.times, quantile, 0.95)
    fitter = KaplanMeierFitter().fit(SIX_MP, RELAPSED, alpha=0.05)
    assert found.estimate == qth_survival_times(1 - quantile, fitter.survival_function_)
    assert found.estimate == 23 or quantile != 0.5
    ends = qth_survival_times(1 - quantile, fitter.confidence_interval_).to_numpy().ravel()
    wanted = [None if np.isinf(one) else one for one in sorted(ends)]
    assert [found.lower, found.upper] == wanted


def test_divergence_under_unequal_follow_up_by_hand():
    """Ends 1 (reached), 2 (diverged), 3 (stopped), 4 (diverged): 1/4, then 1/4 + 1/2.

    Marubini and Valsecchi 1995, section 10.2: each event adds S before it times its hazard.
    """
    ends = np.array([End.REACHED, End.DIVERGED, End.CENSORED, End.DIVERGED], np.int64)
    found = competing.cumulative_incidence(np.arange(1, 5), ends, End.DIVERGED, 0.95)
    assert found.share.tolist() == pytest.approx([0, 0, 1 / 4, 1 / 4, 1 / 4 + 1 / 2])


def test_win_probability_by_hand():
    """First: 1, 2+, 3. Second: 2, 4+. Up to 4, by the curves S1 = 2/3, 0 and S2 = 1/2."""
    first = clock([1, 2, 3], [1, 0, 1], last=4)
    second = clock([2, 4], [1, 0], last=4)
    found = follow_up.placement(tables.cells(first, second, Fraction(4))[0])
    # Ahead at 1 for sure; at 3 (probability 2/3) ahead of the half that comes later.
    assert found.estimate == pytest.approx(1 / 3 + 2 / 3 * 1 / 2)
    assert found.fewest == 2


FATE = st.tuples(st.integers(1, 8), st.sampled_from(["reached", "gone", "lost"]))
fates = st.lists(FATE, min_size=2, max_size=12)


def fated(drawn):
    """Members that reached, diverged or were stopped at their time."""
    time, fate = (np.array(one) for one in zip(*drawn, strict=True))
    reached, gone = fate == "reached", fate == "gone"
    return Times(np.where(reached, time, 0), reached, 8, np.where(reached, 8, time), gone)


members = st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=2, max_size=12)


def both(one, other, cost=Fraction(1)):
    sides = [clock(*zip(*each, strict=True), last=8) for each in (one, other)]
    scaled = ClockTimes(sides[1].times, sides[1].positions, cost)
    return sides[0], scaled, Fraction(min(8, 8 * cost))


@given(members, members, st.sampled_from([Fraction(1), Fraction(3, 2), Fraction(1, 2)]))
def test_nobody_lost_gives_what_equal_follow_up_gives(one, other, cost):
    first, second, horizon = both(
        [(time, True) for time, _ in one], [(time, True) for time, _ in other], cost
    )
    for cells in tables.cells(first, second, horizon):
        table = cells.table()
        plain, curves = win.placement(table.first, table.second), follow_up.placement(cells)
        for field in ("estimate", "variance", "degrees", "fewest"):
            assert getattr(curves, field) == pytest.approx(float(getattr(plain, field)), abs=1e-9)
        assert logrank_at_risk(*follow_up.exposures(cells)).z == pytest.approx(
            logrank(table).z, abs=1e-9
        )
    for side in (first, second):
        for name in ("restricted_mean", "earliest_mean"):
            plain, area = (
                getattr(rmst, name)(side, horizon),
                getattr(follow_up, name)(side, horizon),
            )
            assert (area.mean, area.variance) == pytest.approx(
                (plain.mean, plain.variance), rel=1e-9
            )


@given(members, members, st.sampled_from([Fraction(1), Fraction(3, 2), Fraction(1, 2)]))
def test_swapping_the_cohorts_mirrors_everything(one, other, cost):
    first, second, horizon = both(one, other, cost)
    there = tables.cells(first, second, horizon)
    back = tables.cells(second, first, horizon)
    for cells, swapped in zip(there, (back[0], back[2], back[1]), strict=True):
        placed, mirrored = follow_up.placement(cells), follow_up.placement(swapped)
        assert placed.estimate + mirrored.estimate == pytest.approx(1, abs=1e-9)
        assert placed.variance == pytest.approx(float(mirrored.variance), abs=1e-12)


@given(fates, fates)
def test_whatever_became_of_the_lost_lies_between_the_extremes(one, other):
    """Drawn completions of the stopped members, each a time after they were last seen.

    Where the lost change the order of no pair both extremes are the truth itself.
    """
    first, second = (ClockTimes.uniform(fated(drawn), Fraction(1)) for drawn in (one, other))
    cells = tables.cells(first, second, Fraction(8))[0]
    ends = [
        float(win.placement(table.first, table.second).estimate)
        for table in (follow_up.completed(cells, late).table() for late in (True, False))
    ]
    generator = np.random.default_rng(0)
    for _ in range(5):
        drawn = []
        for side in (first, second):
            times = side.times
            later = times.follow_up + generator.integers(1, 9, times.members)
            time = np.where(times.reached, times.evaluation, np.where(times.never, 9, later))
            drawn.append(np.bincount(np.minimum(time, 9) - 1, minlength=9))
        truth = float(win.placement(*drawn).estimate)
        assert ends[0] - 1e-9 <= truth <= ends[1] + 1e-9


@given(fates)
def test_incidence_and_its_variance_are_those_of_aalen_and_johansen(drawn):
    """The variance is Marubini and Valsecchi's, times N/(N - 1)."""
    times = fated(drawn)
    ends = np.where(times.reached, End.REACHED, np.where(times.never, End.DIVERGED, End.CENSORED))
    duration = np.where(times.reached, times.evaluation, times.follow_up)
    oracle = competing.cumulative_incidence(duration, ends.astype(int), End.REACHED, 0.95)
    for evaluation in range(9):
        at = np.searchsorted(oracle.evaluation, evaluation, side="right") - 1
        share, variance = follow_up.exposure(times, evaluation).mean(
            np.append(np.ones(evaluation + 1), 0.0)
        )
        assert share == pytest.approx(oracle.share[at], abs=1e-9)
        assert variance * (times.members - 1) / times.members == pytest.approx(
            oracle.variance[at], abs=1e-9
        )


@given(fates, fates)
def test_log_rank_keeps_the_diverged_at_risk_where_nobody_was_lost(one, other):
    first, second = (
        fated([(time, "gone" if fate == "lost" else fate) for time, fate in drawn])
        for drawn in (one, other)
    )
    found = logrank_at_risk(follow_up.exposure(first, 8), follow_up.exposure(second, 8))
    plain = logrank(tables.Table(first.counts(), second.counts()))
    assert (found.z, found.expected) == pytest.approx((plain.z, plain.expected), abs=1e-9)


@given(fates)
def test_diverged_members_of_whom_nobody_was_lost_count_as_never(drawn):
    times = fated([(time, "gone" if fate == "lost" else fate) for time, fate in drawn])
    side = ClockTimes.uniform(times, Fraction(2))
    plain, area = (
        one(side, Fraction(16)) for one in (rmst.restricted_mean, follow_up.restricted_mean)
    )
    assert (area.mean, area.variance) == pytest.approx((plain.mean, plain.variance), rel=1e-9)


def test_stopping_at_random_does_not_bias_a_comparison_of_runs_that_diverge():
    """Kept at risk to the end, diverged runs would outnumber the living where most are stopped.

    One law, a fifth diverges; of one cohort everybody is stopped somewhere, of the other nobody.
    """
    generator, members = np.random.default_rng(3), 40_000
    sides = []
    for stopped in (True, False):
        hit = np.ceil(20 * np.exp(generator.normal(0, 0.5, members))).astype(int)
        gone = generator.random(members) < 0.2
        seen = generator.integers(1, 40, members) if stopped else np.full(members, 40)
        reached = ~gone & (hit <= seen) & (hit <= 40)
        dead = gone & (seen >= 5)
        followed = np.where(dead, 5, np.where(reached, 40, seen))
        times = Times(np.where(reached, hit, 0), reached, 40, followed, dead)
        sides.append(ClockTimes.uniform(times.until(38), Fraction(1)))
    cells = tables.cells(*sides, Fraction(38))[0]
    found = follow_up.placement(cells)
    assert abs(found.estimate - 0.5) < 4 * np.sqrt(found.variance)
    assert abs(logrank_at_risk(*follow_up.exposures(cells)).z) < 4


def test_end_of_a_curve_is_where_the_last_of_those_still_followed_was():
    seen = np.array([3, 5, 7])
    assert follow_up.end(seen, np.array([True, True, False])) == 7
    assert follow_up.end(seen, np.array([True, False, True])) is None
    assert follow_up.end(np.array([7, 7]), np.array([True, False])) == 7
    assert follow_up.end(np.zeros(0, np.int64), np.zeros(0, bool)) is None
