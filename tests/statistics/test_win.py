import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, example, given
from hypothesis import strategies as st
from statsmodels.stats.nonparametric import rank_compare_2indep

from lab.statistics import win
from lab.statistics.tables import Table

LEVEL = 0.97
counts = st.lists(st.integers(0, 5), min_size=4, max_size=4)


def table(first, second):
    return Table(np.array(first, np.int64), np.array(second, np.int64))


def values(cells):
    """The members behind the counts; the last cell, never, is infinitely late."""
    return np.repeat([*range(1, len(cells)), np.inf], cells)


@given(counts, counts)
def test_estimate_is_the_mean_score_over_all_pairs(first, second):
    assume(sum(first) and sum(second))
    scores = [(a < b) + (a == b) / 2 for a, b in itertools.product(values(first), values(second))]
    assert win.win_probability(table(first, second), LEVEL).estimate == pytest.approx(
        np.mean(scores)
    )


def test_tie_counts_half_and_never_against_never_is_a_tie():
    assert win.win_probability(table([1, 0], [1, 0]), LEVEL).estimate == 0.5
    assert win.win_probability(table([0, 1], [0, 1]), LEVEL).estimate == 0.5
    assert win.win_probability(table([1, 0], [0, 1]), LEVEL).estimate == 1.0
    # 1 tie and 1 win of 2 pairs.
    assert win.win_probability(table([1, 0], [1, 1]), LEVEL).estimate == 0.75


@given(counts, counts)
def test_swapping_cohorts_mirrors_everything(first, second):
    here, there = (
        win.win_probability(table(*pair), LEVEL) for pair in ((first, second), (second, first))
    )
    mirrored = (1 - there.estimate, 1 - there.upper, 1 - there.lower)
    assert (here.estimate, here.lower, here.upper) == pytest.approx(mirrored, abs=1e-12)
    p_values = [
        win.p_value(win.placement(*pair)).item() for pair in ((first, second), (second, first))
    ]
    assert p_values[0] == pytest.approx(p_values[1], abs=1e-12)


@given(counts, counts)
def test_interval_holds_the_estimate_and_agrees_with_the_p_value(first, second):
    interval = win.win_probability(table(first, second), LEVEL)
    assert 0 <= interval.lower <= interval.estimate <= interval.upper <= 1
    p_value = win.p_value(win.placement(first, second)).item()
    assert 0 <= p_value <= 1
    if abs(p_value - (1 - LEVEL)) > 1e-9:
        assert (interval.above(0.5) or interval.below(0.5)) == (p_value < 1 - LEVEL)


@given(counts, counts, st.integers(0, 3))
def test_empty_cells_change_nothing(first, second, where):
    padded = [[*cells[:where], 0, *cells[where:]] for cells in (first, second)]
    assert win.win_probability(table(*padded), LEVEL) == win.win_probability(
        table(first, second), LEVEL
    )


@pytest.mark.parametrize("seed", range(5))
def test_estimate_and_variance_equal_statsmodels_and_scipy(seed):
    # statsmodels rank_compare_2indep gives P(x1 > x2) + ties/2: the larger goes first, never last.
    generator = np.random.default_rng(seed)
    first, second = generator.multinomial(40, [0.1] * 10), generator.multinomial(25, [0.1] * 10)
    here = win.placement(first, second)
    small, large = (np.repeat(np.arange(10.0), cells) for cells in (first, second))
    there = rank_compare_2indep(large, small)
    np.testing.assert_allclose(here.estimate, there.prob1, rtol=1e-12)
    np.testing.assert_allclose(here.variance, there.var_prob, rtol=1e-9)
    np.testing.assert_allclose(here.degrees, there.df, rtol=1e-9)
    # Brunner and Munzel's statistic is the same studentised difference.
    statistic = scipy.stats.brunnermunzel(small, large).statistic
    np.testing.assert_allclose(here.statistic, statistic, rtol=1e-9)


def test_brunner_munzels_pain_scores():
    # Brunner and Munzel 2000, Biometrical Journal 42:17; the statistic as scipy's documentation of
    # brunnermunzel prints it for these scores.
    first = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
    second = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    cells = [np.bincount(sample, minlength=7)[1:] for sample in (first, second)]
    np.testing.assert_allclose(win.placement(*cells).statistic, 3.1374674823029505, rtol=1e-12)


def test_batches_are_taken_elementwise():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, (2, 3, 4, 5))
    together = win.bounds(win.placement(first, second), LEVEL)
    for index in np.ndindex(3, 4):
        alone = win.bounds(win.placement(first[index], second[index]), LEVEL)
        np.testing.assert_array_equal([end[index] for end in together], alone)


@pytest.mark.parametrize(("members", "others"), [(1, 1), (4, 4), (3, 50), (64, 64)])
def test_separated_cohorts_have_the_bound_of_as_many_coins_as_the_smaller_has_members(
    members, others
):
    interval = win.win_probability(table([members, 0], [0, others]), 0.9)
    fewest = min(members, others)
    assert interval.upper == 1.0
    # Clopper and Pearson 1934: all of m coins heads at p has probability 5% at the lower end.
    assert interval.lower**fewest == pytest.approx(0.05)


@example([1, 0, 0, 1], [0, 2, 0, 0])
@given(counts, counts)
def test_information_is_at_least_that_of_the_disjoint_pairs_and_bounded_where_pairs_agree(
    first, second
):
    assume(sum(first) and sum(second))
    here, fewest = win.placement(first, second), min(sum(first), sum(second))
    spread = here.estimate * (1 - here.estimate)
    most = fewest * (1 + fewest * spread)
    assert fewest <= here.effective <= most
    if here.variance > 0 and fewest < spread / here.variance < most:
        assert here.effective == pytest.approx(spread / here.variance)


def test_one_member_against_one_decides_nothing():
    interval = win.win_probability(table([1, 0], [0, 1]), LEVEL)
    assert interval.lower < 0.02
    assert win.p_value(win.placement([1, 0], [0, 1])) == 1.0


def test_agreement_is_not_taken_for_certainty():
    interval = win.win_probability(table([9, 0], [9, 0]), LEVEL)
    assert interval.lower < 0.4
    assert interval.upper > 0.6


def test_empty_cohort_knows_nothing():
    interval = win.win_probability(table([0, 0], [3, 1]), LEVEL)
    assert (interval.estimate, interval.lower, interval.upper) == (0.5, 0.0, 1.0)
    assert win.p_value(win.placement([0, 0], [3, 1])) == 1.0
