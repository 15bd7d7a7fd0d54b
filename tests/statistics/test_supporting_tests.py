"""Tests beside the win probability, against other people's implementations."""

import math

import lifelines.statistics
import numpy as np
import pytest
import scipy.stats
import statsmodels.api
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.nonparametric import rank_compare_2indep

from lab.statistics import multiplicity, power, win
from lab.statistics.distributions import (
    cramer_von_mises,
    kolmogorov_smirnov,
    permutation_p_values,
)
from lab.statistics.logrank import Weight, logrank, max_combo_p
from lab.statistics.logrank import permutation_p as logrank_permutation_p
from lab.statistics.relabelling import of_members
from lab.statistics.tables import Cells, Table
from lab.statistics.win_ratio import win_ratio, win_ratio_of_units

GENERATOR = np.random.default_rng(3)
TABLES = [Table(GENERATOR.integers(0, 9, 8), GENERATOR.integers(0, 9, 8)) for _ in range(4)]


def members(table):
    """Durations, events and cohorts, one a member; the last cell is censored."""
    cells = [np.repeat(np.arange(len(counts)), counts) for counts in (table.first, table.second)]
    last = len(table.first) - 1
    time = np.concatenate(cells)
    return np.minimum(time + 1, last), time < last, np.repeat([0, 1], [len(one) for one in cells])


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("weight", "p", "q"),
    [(Weight.EQUAL, 0, 0), (Weight.EARLY, 1, 0), (Weight.LATE, 0, 1), (Weight.MIDDLE, 1, 1)],
)
def test_weighted_logrank_against_lifelines(table, weight, p, q):
    time, event, cohort = members(table)
    wanted = lifelines.statistics.logrank_test(
        time[cohort == 0],
        time[cohort == 1],
        event[cohort == 0],
        event[cohort == 1],
        weightings="fleming-harrington",
        p=p,
        q=q,
    )
    assert logrank(table, weight=weight).z ** 2 == pytest.approx(wanted.test_statistic, rel=1e-9)


@pytest.mark.parametrize("weight", [None, "gb"])
def test_gehan_and_strata_against_statsmodels(weight):
    parts = [members(table) for table in TABLES]
    time, event, cohort = (np.concatenate(each) for each in zip(*parts, strict=True))
    stratum = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    ours = Weight.AT_RISK if weight else Weight.EQUAL
    strata = None if weight else stratum
    wanted, _ = statsmodels.api.duration.survdiff(
        time, event, cohort, weight_type=weight, strata=strata
    )
    pooled = Table(sum(one.first for one in TABLES), sum(one.second for one in TABLES))
    found = logrank(pooled, weight=ours) if weight else logrank(*TABLES)
    assert found.z**2 == pytest.approx(wanted, rel=1e-9)


def test_max_combo_finds_a_crossing_that_the_logrank_misses():
    early, late = np.array([20, 2, 2, 2, 14, 0]), np.array([2, 12, 12, 12, 2, 0])
    crossing = Table(early, late)
    assert max_combo_p(crossing, of_members(crossing, 1_999, np.random.default_rng(0))) < 0.01
    rejected = [
        max_combo_p(table, of_members(table, 1_999, np.random.default_rng(seed))) <= 0.05
        for seed in range(200)
        for table in [Table(*np.random.default_rng(seed).multinomial(40, np.full(6, 1 / 6), 2))]
    ]
    assert np.mean(rejected) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


@pytest.mark.parametrize("table", TABLES)
def test_distances_against_scipy(table):
    one, other = (np.repeat(np.arange(8), counts) for counts in (table.first, table.second))
    ks = scipy.stats.ks_2samp(one, other, method="asymp").statistic
    assert kolmogorov_smirnov(table.first, table.second) == pytest.approx(ks, abs=1e-12)
    ranks = scipy.stats.rankdata(np.concatenate([one, other]), "max")
    sizes = len(one), len(other)
    gap = np.array(
        [(one <= at).mean() - (other <= at).mean() for at in np.concatenate([one, other])]
    )
    wanted = sizes[0] * sizes[1] / len(ranks) ** 2 * (gap**2).sum()
    assert cramer_von_mises(table.first, table.second) == pytest.approx(wanted, rel=1e-12)


def test_cramer_von_mises_without_ties_is_scipys():
    one, other = [0, 3, 4, 7, 9], [1, 2, 5, 6, 8, 10]
    counts = [np.bincount(each, minlength=12) for each in (one, other)]
    wanted = scipy.stats.cramervonmises_2samp(one, other).statistic
    assert cramer_von_mises(*counts) == pytest.approx(wanted, rel=1e-12)


def test_permutation_of_distances_against_scipy():
    table = Table(np.array([9, 5, 2, 1, 0]), np.array([3, 5, 5, 3, 1]))
    one, other = (np.repeat(np.arange(5), counts) for counts in (table.first, table.second))
    wanted = scipy.stats.permutation_test(
        (one, other),
        lambda x, y: scipy.stats.ks_2samp(x, y, method="asymp").statistic,
        n_resamples=1_999,
        alternative="greater",
        rng=np.random.default_rng(0),
    ).pvalue
    found = permutation_p_values(table, of_members(table, 1_999, np.random.default_rng(1)))[0]
    assert found == pytest.approx(wanted, abs=3 * 2 * (wanted * (1 - wanted) / 1_999) ** 0.5)


@pytest.mark.parametrize("table", TABLES)
def test_logit_interval_and_equivalence_against_statsmodels(table):
    """Its interval is Wald's, which the logit one comes close to away from 0 and 1."""
    placed = win.placement(table.first, table.second)
    late, early = (np.repeat(np.arange(8), counts) for counts in (table.second, table.first))
    oracle = rank_compare_2indep(late, early)
    assert win.logit_bounds(placed, 0.95) == pytest.approx(oracle.conf_int(alpha=0.05), abs=0.015)
    wanted = oracle.tost_prob_superior(0.4, 0.6).pvalue
    assert float(win.equivalence_p_value(placed, 0.1)) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("delta", [0.05, 0.1, 0.2, 0.3])
def test_equivalence_is_where_the_interval_lies_inside(table, delta):
    placed = win.placement(table.first, table.second)
    p_value = float(win.equivalence_p_value(placed, delta))
    for alpha in (0.01, 0.05, 0.2, 0.4):
        lower, upper = win.bounds(placed, 1 - 2 * alpha)
        inside = 0.5 - delta < lower and upper < 0.5 + delta
        assert inside == (p_value < alpha)


def test_win_ratio_by_plain_loops():
    table = TABLES[0]
    one, other = (np.repeat(np.arange(8), counts) for counts in (table.first, table.second))
    wins, losses = (one[:, None] < other).mean(), (one[:, None] > other).mean()
    found = win_ratio(table, 0.95)
    assert (found.wins, found.losses) == pytest.approx((wins, losses), rel=1e-12)
    assert found.net_benefit == pytest.approx(
        2 * float(win.placement(table.first, table.second).estimate) - 1, abs=1e-12
    )
    swapped = win_ratio(Table(table.second, table.first), 0.95)
    assert swapped.ratio.lower == pytest.approx(1 / found.ratio.upper, rel=1e-12)


def test_win_ratio_stays_finite_however_wide_its_interval():
    """Two units at a level of 99.99% reach over 6,000 deviations."""
    first = np.repeat([0, 2], [99_999, 1])
    second = np.repeat([1, 0], [99_999, 1])
    unit = np.repeat([0, 1], [50_000, 50_000])
    ratio = win_ratio_of_units(Cells(first, second, 3), unit, unit, 2, 0.9999).ratio
    assert 0 < ratio.lower < ratio.estimate < ratio.upper < math.inf


def test_win_ratio_interval_covers():
    generator, laws = np.random.default_rng(5), ([0.4, 0.3, 0.2, 0.1], [0.2, 0.3, 0.3, 0.2])
    first, second = map(np.array, laws)
    behind, ahead = (1 - np.cumsum(second), np.cumsum(second) - second)
    truth = float(first @ behind) / float(first @ ahead)
    covered = 0
    for _ in range(1_000):
        found = win_ratio(Table(*(generator.multinomial(60, law) for law in laws)), 0.95).ratio
        covered += found.lower <= truth <= found.upper
    assert covered / 1_000 == pytest.approx(0.95, abs=0.015 + 3 * (0.95 * 0.05 / 1_000) ** 0.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("first", [[0, 0], [3, 0], [0, 3], [2, 1]], ids=str)
@pytest.mark.parametrize("second", [[0, 0], [4, 0], [0, 4]], ids=str)
def test_degenerate_tables_have_an_answer(first, second):
    table = Table(np.array(first), np.array(second))
    relabelled = of_members(table, 99, np.random.default_rng(0))
    for weight in Weight:
        assert 0 <= logrank(table, weight=weight).p_value <= 1
        assert 0 < logrank_permutation_p(table, relabelled, weight) <= 1
    found = [max_combo_p(table, relabelled), *permutation_p_values(table, relabelled)]
    placed = win.placement(table.first, table.second)
    found.append(float(win.equivalence_p_value(placed, 0.1)))
    assert all(0 <= one <= 1 for one in found)
    ratio = win_ratio(table, 0.95)
    assert np.isfinite([ratio.wins, ratio.losses, ratio.net_benefit]).all()
    assert np.isfinite(win.logit_bounds(placed, 0.95)).all()


def test_false_discoveries_against_scipy_and_statsmodels():
    p_values = [0.001, 0.2, 0.012, 0.04, 0.9, 0.012]
    wanted = scipy.stats.false_discovery_control(p_values)
    assert multiplicity.benjamini_hochberg(p_values) == pytest.approx(wanted, rel=1e-12)
    assert multiplicity.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert multiplicity.benjamini_hochberg([]) == []


def test_e_values_reject_by_their_rank():
    """Three hypotheses at .05: the largest needs 60, the two largest 30 each, all 20."""

    def rejected(*e_values):
        return multiplicity.e_benjamini_hochberg(np.log(e_values), 0.05)

    assert rejected(61, 1, 1) == [True, False, False]
    assert rejected(59, 1, 1) == [False, False, False]
    assert rejected(31, 1, 31) == [True, False, True]
    assert rejected(20.1, 20.1, 20.1) == [True, True, True]
    assert rejected(np.inf, 25, 2) == [True, False, False]
    assert multiplicity.e_benjamini_hochberg([], 0.05) == []


@pytest.mark.parametrize("wanted", [0.8, 0.9])
def test_noether_keeps_its_promise_without_ties(wanted):
    probability = 0.6
    total = power.noether_members(probability, 0.05, wanted)
    assert power.noether_power(probability, 0.05, total) == pytest.approx(wanted, abs=0.005)
    shift = scipy.stats.norm.ppf(probability) * 2**0.5
    generator, count = np.random.default_rng(0), total // 2
    found = []
    for _ in range(1_000):
        one, other = generator.normal(0, 1, count), generator.normal(shift, 1, count)
        order = np.argsort(np.argsort(np.concatenate([one, other])))
        cells = np.zeros((2, 2 * count + 1), int)
        cells[0, order[:count]], cells[1, order[count:]] = 1, 1
        found.append(win.p_value(win.placement(*cells)) <= 0.05)
    assert np.mean(found) == pytest.approx(wanted, abs=0.03 + 3 * (0.2 * 0.8 / 1_000) ** 0.5)


def test_schoenfeld_events_of_the_textbook():
    """HR 2, two-sided .05, power .9, equal cohorts: 88 (Collett 2015, section 15.2, about)."""
    assert power.schoenfeld_events(2.0, 0.05, 0.9) == 88
