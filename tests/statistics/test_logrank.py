import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.statistics import logrank_test
from statsmodels.duration.survfunc import survdiff

from lab.statistics.logrank import logrank
from lab.statistics.tables import Table

counts = st.lists(st.integers(0, 6), min_size=4, max_size=4)


def table(first, second):
    return Table(np.array(first, np.int64), np.array(second, np.int64))


def long_form(cells):
    time = np.repeat(np.arange(1, len(cells) + 1), cells)
    return time, time < len(cells)


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels_and_lifelines_agree(seed):
    generator = np.random.default_rng(seed)
    first, second = generator.multinomial(40, [0.1] * 10), generator.multinomial(25, [0.1] * 10)
    here = logrank(table(first, second))
    (time, reached), (time_second, reached_second) = long_form(first), long_form(second)
    group = np.repeat([0, 1], [len(time), len(time_second)])
    statistic, p_value = survdiff(
        np.concatenate([time, time_second]), np.concatenate([reached, reached_second]), group
    )
    assert here.z**2 == pytest.approx(statistic, rel=1e-6)
    assert here.p_value == pytest.approx(p_value, rel=1e-6)
    oracle = logrank_test(time, time_second, reached, reached_second)
    assert here.z**2 == pytest.approx(oracle.test_statistic, rel=1e-6)


def test_by_hand():
    # Two against two: an event in the first, then one in the second, then nobody.
    # First 4 at risk, share 1/2, variance 1/4; then 3 at risk, share 1/3, variance 2/9.
    here = logrank(table([1, 0, 1], [0, 1, 1]))
    assert here.observed == 1
    assert here.expected == pytest.approx(1 / 2 + 1 / 3)
    assert here.z == pytest.approx((1 - 5 / 6) / np.sqrt(1 / 4 + 2 / 9))


@given(counts, counts)
def test_swapping_cohorts_changes_the_sign(first, second):
    here, there = logrank(table(first, second)), logrank(table(second, first))
    assert here.z == pytest.approx(-there.z, abs=1e-9)
    assert 0 <= here.p_value <= 1


@pytest.mark.parametrize(
    ("first", "second"),
    [([0, 0, 5], [0, 0, 7]), ([5, 0, 0], [7, 0, 0]), ([0, 0, 0], [1, 1, 1]), ([0], [0])],
)
def test_nothing_to_compare_gives_no_evidence(first, second):
    here = logrank(table(first, second))
    assert (here.z, here.p_value) == (0.0, 1.0)
