import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.statistics import permutation, win
from lab.statistics.tables import Table

counts = st.lists(st.integers(0, 4), min_size=4, max_size=4)


def table(first, second):
    return Table(np.array(first, np.int64), np.array(second, np.int64))


def seeded():
    return np.random.default_rng(5)


def test_one_member_against_ten_is_two_elevenths():
    # The asymptotic log-rank says .0016 here (STATISTICS, section 1).
    assert permutation.permutation_p(table([1, 0], [0, 10]), seeded()) == pytest.approx(1 / 11)
    spread = table([1] + [0] * 10, [0] + [1] * 10)
    assert permutation.permutation_p(spread, seeded()) == pytest.approx(2 / 11)


def test_three_against_three_apart_is_one_tenth():
    here = permutation.permutation_p(table([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]), seeded())
    assert here == pytest.approx(2 / 20)


def studentised(first, second, axis=-1):
    def cells(sample):
        return np.stack([(sample == value).sum(axis) for value in range(6)], -1)

    return np.round(win.placement(cells(first), cells(second)).statistic, 9)


@pytest.mark.parametrize("seed", range(4))
def test_enumeration_equals_scipys(seed):
    generator = np.random.default_rng(seed)
    first, second = generator.integers(0, 5, 5), generator.integers(1, 6, 6)
    counts = [np.bincount(sample, minlength=6) for sample in (first, second)]
    exact = scipy.stats.permutation_test(
        (first, second),
        lambda one, other, axis: np.abs(studentised(one, other, axis)),
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    assert permutation.permutation_p(table(*counts), seeded()) == pytest.approx(exact.pvalue)


def test_draws_agree_with_enumeration(monkeypatch):
    data = table([3, 2, 1, 0], [0, 1, 2, 3])
    exact = permutation.permutation_p(data, seeded())
    monkeypatch.setattr(permutation, "ENUMERABLE", 0)
    drawn = permutation.permutation_p(data, seeded())
    assert drawn == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / permutation.DRAWS))


@settings(deadline=None, max_examples=30)
@given(counts, counts)
def test_swapping_cohorts_keeps_the_value_to_the_last_bit(first, second):
    here = permutation.permutation_p(table(first, second), seeded())
    assert here == permutation.permutation_p(table(second, first), seeded())
    assert 0 < here <= 1


def test_swapping_unequal_cohorts_keeps_the_draws():
    first, second = [6, 4, 4, 5, 3], [9, 9, 9, 9, 20]
    here = permutation.permutation_p(table(first, second), seeded())
    assert here == permutation.permutation_p(table(second, first), seeded())
    assert here > 1 / (permutation.DRAWS + 1)


def test_separated_large_cohorts_have_the_smallest_value_that_draws_allow():
    here = permutation.permutation_p(table([50, 0], [0, 50]), seeded())
    assert here == 1 / (permutation.DRAWS + 1)


@pytest.mark.parametrize(
    ("first", "second", "sparse"),
    [
        ([9, 9, 2], [9, 9, 2], False),
        ([5, 4, 60], [20, 20, 20], True),
        ([20, 20, 20], [60, 9, 0], True),
        ([20, 20, 20], [0, 0, 60], True),
        ([5, 5, 0], [20, 20, 20], True),
    ],
)
def test_sparse_means_few_reached_or_few_outside_the_fullest_cell(first, second, sparse):
    assert permutation.is_sparse(table(first, second)) is sparse
    assert permutation.is_sparse(table(second, first)) is sparse
