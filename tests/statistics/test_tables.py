"""Order-certain bounds against brute force over pairs of intervals."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.statistics import win
from lab.statistics.tables import overlapping_share, tabulate
from lab.statistics.times import ClockTimes, Times, common_horizon

LAST = 6
hits = st.lists(st.none() | st.integers(1, LAST), min_size=1, max_size=6)
costs = st.sampled_from([Fraction(1), Fraction(2), Fraction(3, 2), Fraction(7, 5), Fraction(0.3)])


def clock(evaluations, cost):
    return ClockTimes.uniform(Times.of(evaluations, LAST), cost)


def possible_moments(hit, cost, horizon, edges):
    """Where in (previous, this] a time may lie: at an edge, or twice between two; None is late."""
    if hit is None:
        return {None}
    between = {a + (b - a) * third / 3 for a, b in itertools.pairwise(edges) for third in (1, 2)}
    inside = [t for t in between.union(edges) if (hit - 1) * cost < t <= hit * cost]
    return {t if t <= horizon else None for t in inside}


def score(first, second):
    if first is None or second is None:
        return 0.5 if first is second else float(second is None)
    return 0.5 if first == second else float(first < second)


def brute_bounds(one, other, cost_one, cost_other, horizon):
    both = (cost_one, cost_other)
    edges = sorted({horizon} | {k * cost for k in range(LAST + 1) for cost in both})
    moments_one = [possible_moments(hit, cost_one, horizon, edges) for hit in one]
    moments_other = [possible_moments(hit, cost_other, horizon, edges) for hit in other]
    low = high = 0.0
    for pair in itertools.product(moments_one, moments_other):
        scores = {score(a, b) for a, b in itertools.product(*pair)}
        low, high = low + min(scores), high + max(scores)
    pairs = len(one) * len(other)
    return low / pairs, high / pairs


@settings(deadline=None, max_examples=60)
@given(hits, hits, costs, costs)
def test_bounds_are_the_extremes_over_all_orders_the_evaluations_allow(
    one, other, cost, cost_other
):
    if cost == cost_other:
        return
    first, second = clock(one, cost), clock(other, cost_other)
    horizon = common_horizon(first, second)
    certain = win.certain_win(tabulate(first, second, horizon), 0.95)
    low, high = brute_bounds(one, other, cost, cost_other, horizon)
    assert (certain.lowest, certain.highest) == pytest.approx((low, high))
    assert certain.lowest <= certain.estimate <= certain.highest
    assert certain.lower <= certain.lowest
    assert certain.upper >= certain.highest


@given(hits, hits, costs)
def test_shared_grid_needs_no_bounds(one, other, cost):
    first, second = clock(one, cost), clock(other, cost)
    tables = tabulate(first, second, common_horizon(first, second))
    assert tables.shared_grid
    assert tables.latest is tables.rounded is tables.earliest
    wanted = sum(score(i, j) for i, j in itertools.product(one, other)) / len(one) / len(other)
    assert win.win_probability(tables.rounded, 0.9).estimate == pytest.approx(wanted)


@given(hits, hits, costs, costs)
def test_swapping_cohorts_swaps_the_tables(one, other, cost, cost_other):
    first, second = clock(one, cost), clock(other, cost_other)
    horizon = common_horizon(first, second)
    tables, mirrored = tabulate(first, second, horizon), tabulate(second, first, horizon)
    for mine, theirs in (
        (tables.rounded, mirrored.rounded),
        (tables.latest, mirrored.earliest),
        (tables.earliest, mirrored.latest),
    ):
        assert mine.first.tolist() == theirs.second.tolist()
        assert mine.second.tolist() == theirs.first.tolist()


@given(hits, hits, costs, costs, st.sampled_from([Fraction(3), Fraction(1, 3), Fraction(10**12)]))
def test_rescaling_the_clock_changes_no_count(one, other, cost, cost_other, scale):
    plain = clock(one, cost), clock(other, cost_other)
    scaled = clock(one, cost * scale), clock(other, cost_other * scale)
    tables = tabulate(*plain, common_horizon(*plain))
    again = tabulate(*scaled, common_horizon(*scaled))
    for name in ("rounded", "latest", "earliest"):
        assert getattr(tables, name).first.tolist() == getattr(again, name).first.tolist()
        assert getattr(tables, name).second.tolist() == getattr(again, name).second.tolist()


@given(hits, hits, costs, costs)
def test_overlapping_share_by_brute_force(one, other, cost, cost_other):
    first, second = clock(one, cost), clock(other, cost_other)
    horizon = common_horizon(first, second)
    overlaps = [
        (i - 1) * cost < j * cost_other and (j - 1) * cost_other < i * cost
        for i in one
        if i is not None and i * cost <= horizon
        for j in other
        if j is not None and j * cost_other <= horizon
    ]
    wanted = sum(overlaps) / len(one) / len(other)
    assert overlapping_share(first, second, horizon) == pytest.approx(wanted)


def test_tie_survives_a_cost_that_floats_cannot_hold():
    # 3 evaluations at 0.1 and 1 at 0.3: the same time, though 3 * 0.1 != 0.3.
    first = ClockTimes.uniform(Times.of([3], 9), Fraction(1, 10))
    second = ClockTimes.uniform(Times.of([1], 3), Fraction(3, 10))
    tables = tabulate(first, second, Fraction(9, 10))
    assert win.win_probability(tables.rounded, 0.95).estimate == 0.5


def test_flops_costs_too_large_for_64_bits_keep_their_order():
    huge = Fraction(1.2345678901234567e15)
    first = ClockTimes.uniform(Times.of([9_999], 10_000), huge)
    second = ClockTimes.uniform(Times.of([10_000], 10_000), huge + Fraction(1, 2**20))
    tables = tabulate(first, second, first.budget)
    assert win.certain_win(tables, 0.95).lowest == 1.0


def test_horizon_that_cuts_an_interval_leaves_the_pair_open():
    first = ClockTimes.uniform(Times.of([None], 3), Fraction(1))
    second = ClockTimes.uniform(Times.of([2], 2), Fraction(2))
    certain = win.certain_win(tabulate(first, second, Fraction(3)), 0.95)
    # The second reached within (2, 4]: before the horizon 3, or after it and so tied with never.
    assert (certain.lowest, certain.highest) == (0.0, 0.5)
