"""Every statistic on every degenerate input: a defined answer, never nan, never an exception."""

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from lab.statistics import logrank, permutation, proportions, quantiles, rmst, survival, win
from lab.statistics.tables import overlapping_share, tabulate
from lab.statistics.times import ClockTimes, Times, common_horizon

COHORTS = {
    "nobody": [],
    "one member": [3],
    "one that never": [None],
    "all never": [None] * 12,
    "all at once": [2] * 12,
    "all at the first": [1] * 12,
    "all at the last": [5] * 12,
    "mixed": [1, 2, 2, 3, 4, 5, None],
}
COSTS = (Fraction(1), Fraction(7, 3))


def clock(name, cost):
    return ClockTimes.uniform(Times.of(COHORTS[name], last=5), cost)


def numbers(result):
    if dataclasses.is_dataclass(result):
        parts = [getattr(result, field.name) for field in dataclasses.fields(result)]
        return [number for part in parts for number in numbers(part)]
    return list(np.ravel(np.asarray([] if result is None else result, dtype=np.float64)))


@pytest.mark.parametrize("one", COHORTS)
@pytest.mark.parametrize("other", COHORTS)
@pytest.mark.filterwarnings("error")
def test_two_cohorts(one, other):
    for costs in itertools.product(COSTS, repeat=2):
        for number in numbers_of_a_pair(clock(one, costs[0]), clock(other, costs[1])):
            assert math.isfinite(number)


def numbers_of_a_pair(first, second):
    horizon = common_horizon(first, second)
    tables = tabulate(first, second, horizon)
    means = [rmst.restricted_mean(side, horizon) for side in (first, second)]
    found = [
        win.certain_win(tables, 0.97),
        win.p_value(win.placement(tables.rounded.first, tables.rounded.second)),
        overlapping_share(first, second, horizon),
        logrank.logrank(tables.rounded),
        rmst.rmst_ratio(*means, 0.97),
        proportions.difference(
            (first.certain_by(horizon), first.times.members),
            (second.certain_by(horizon), second.times.members),
            0.97,
        ),
    ]
    if permutation.is_sparse(tables.rounded):
        generator = np.random.default_rng(0)
        found.append(permutation.permutation_p(tables.rounded, generator))
    return [number for each in found for number in numbers(each)]


@pytest.mark.parametrize("name", COHORTS)
@pytest.mark.filterwarnings("error")
def test_one_cohort(name):
    times = Times.of(COHORTS[name], last=5)
    curves = [
        survival.incidence(times, 0.95),
        survival.kaplan_meier(np.where(times.reached, times.evaluation, 5), times.reached, 0.95),
    ]
    at = [quantiles.quantile_time(times, quantile, 0.95) for quantile in (0.1, 0.5, 0.9)]
    assert all(math.isfinite(number) for each in (*curves, *at) for number in numbers(each))
    for curve in curves:
        assert ((curve.lower >= 0) & (curve.upper <= 1)).all()
