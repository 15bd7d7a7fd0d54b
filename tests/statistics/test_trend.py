"""Trends over sizes, against brute force and statsmodels' generalised linear models."""

import itertools
import math

import numpy as np
import pytest
import statsmodels.api

from lab.statistics.trend import hazard_slope, jonckheere

GENERATOR = np.random.default_rng(2)
LAWS = (
    [0.2, 0.2, 0.2, 0.2, 0.2],
    [0.3, 0.3, 0.2, 0.1, 0.1],
    [0.4, 0.3, 0.15, 0.1, 0.05],
)
COHORTS = [GENERATOR.multinomial(30, law) for law in LAWS]
SIZES = [math.log(one) for one in (500, 1_000, 4_000)]


def test_jonckheere_by_all_relabellings():
    """Mean and variance with ties are those over all ways to label seven members."""
    cells = np.array([0, 0, 1, 2, 2, 2, 3])
    values = []
    for labels in set(itertools.permutations([0, 0, 1, 1, 1, 2, 2])):
        counts = [np.bincount(cells[np.array(labels) == one], minlength=4) for one in range(3)]
        values.append(jonckheere(counts).statistic)
    found = jonckheere([np.bincount(cells[at], minlength=4) for at in ([0, 1], [2, 3, 4], [5, 6])])
    z = (found.statistic - np.mean(values)) / np.std(values)
    assert found.z == pytest.approx(z, rel=1e-12)


def test_two_cohorts_reversed_change_sign():
    one, other = jonckheere(COHORTS[:2]), jonckheere(COHORTS[1::-1])
    assert one.z == pytest.approx(-other.z, abs=1e-12)
    assert jonckheere(COHORTS).z < -2  # Later cohorts were drawn to be faster.


def long_form(cohorts, covariate):
    rows = []
    for counts, x in zip(cohorts, covariate, strict=True):
        at_risk = counts.sum()
        for time, events in enumerate(counts[:-1]):
            if at_risk:
                rows.append((events, at_risk - events, time, x))
            at_risk -= events
    return np.array(rows, float)


def test_slope_is_that_of_a_generalised_linear_model():
    rows = long_form(COHORTS, SIZES)
    grid = np.eye(4)[rows[:, 2].astype(int)]
    link = statsmodels.api.families.links.CLogLog()
    family = statsmodels.api.families.Binomial(link=link)
    factor = (rows[:, 3][:, None] == np.array(SIZES[1:])).astype(float)
    line, full = (
        statsmodels.api.GLM(rows[:, :2], np.column_stack([grid, more]), family).fit(
            tol=1e-14, tol_criterion="params", maxiter=200
        )
        for more in (rows[:, 3], factor)
    )
    found = hazard_slope(COHORTS, SIZES, 0.95)
    assert found.slope.estimate == pytest.approx(line.params[-1], rel=1e-6)
    assert (found.slope.lower, found.slope.upper) == pytest.approx(line.conf_int()[-1], rel=1e-4)
    misfit = line.deviance - full.deviance
    assert found.lack_of_fit_p_value == pytest.approx(math.erfc(math.sqrt(misfit / 2)), rel=1e-5)


def test_the_last_to_reach_leave_the_slope_as_it_is():
    """Where everybody reached, the last time fits any slope: it tells nothing of it."""
    whole = [np.array([9, 5, 3, 1, 0]), np.array([4, 6, 5, 3, 0]), np.array([2, 4, 7, 5, 0])]
    found = hazard_slope(whole, [1.0, 2.0, 3.0], 0.95)
    # All that were left at the last time have been seen not to have reached before it: as never.
    cut = [np.append(one[:3], one[3:].sum()) for one in whole]
    wanted = hazard_slope(cut, [1.0, 2.0, 3.0], 0.95)
    assert found.slope.upper < 0
    assert found.slope.estimate == pytest.approx(wanted.slope.estimate, rel=1e-9)
    assert found.slope.lower == pytest.approx(wanted.slope.lower, rel=1e-9)
    assert found.lack_of_fit_p_value == pytest.approx(wanted.lack_of_fit_p_value, rel=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "cohorts",
    [
        [[0, 0, 5], [2, 2, 1]],
        [[0, 0, 5], [0, 0, 5]],
        [[0, 0, 0], [1, 2, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ],
    ids=str,
)
def test_no_slope_where_nobody_reached(cohorts):
    counts = [np.array(one) for one in cohorts]
    assert hazard_slope(counts, [1.0, 2.0], 0.95) is None
    assert 0 <= jonckheere(counts).p_value <= 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "cohorts",
    [
        [[5, 0, 0], [0, 5, 0]],
        [[5, 0, 0], [5, 0, 0]],
        [[1, 0, 0], [0, 1, 0]],
        [[9, 3, 0], [4, 4, 4]],
    ],
    ids=str,
)
def test_separation_gives_a_finite_answer_or_none(cohorts):
    found = hazard_slope([np.array(one) for one in cohorts], [1.0, 2.0], 0.95)
    assert found is None or np.isfinite([found.slope.estimate, found.slope.lower]).all()
    assert hazard_slope([np.array(one) for one in cohorts], [2.0, 2.0], 0.95) is None


@pytest.mark.filterwarnings("error")
def test_cohorts_that_all_reach_have_a_slope():
    """Few are left at the last times; a whole first step there leapt beyond any finite maximum."""
    generator = np.random.default_rng(0)
    for _ in range(60):
        times = [np.ceil(generator.lognormal(np.log(14), 0.4, 64)).astype(int) for _ in range(4)]
        counts = [np.bincount(np.minimum(one, 40), minlength=42)[1:] for one in times]
        found = hazard_slope(counts, [0.0, 1.0, 2.0, 3.0], 0.95)
        assert found is not None
        assert found.lack_of_fit_p_value is not None
        assert abs(found.slope.estimate) < 0.3
