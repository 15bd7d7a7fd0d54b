from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.restarts import MINIMUM, best_restart
from lab.statistics.times import ClockTimes, Times

hits = st.lists(st.none() | st.integers(1, 8), min_size=1, max_size=20)


def found(evaluations, last=8, cost=Fraction(1), seed=0):
    clock = ClockTimes.uniform(Times.of(evaluations, last=last), cost)
    return best_restart(clock, 0.95, np.random.default_rng(seed))


def cost(evaluations, cutoff):
    """E[min(T, t)] / F(t) by its definition."""
    times = [np.inf if hit is None else hit for hit in evaluations]
    reached = np.mean([time <= cutoff for time in times])
    return np.mean([min(time, cutoff) for time in times]) / reached if reached else np.inf


@pytest.mark.filterwarnings("error")
@given(hits)
def test_no_cutoff_costs_less(evaluations):
    best = found(evaluations)
    if all(hit is None for hit in evaluations):
        assert best is None
        return
    costs = [cost(evaluations, cutoff) for cutoff in range(1, 9)]
    assert best.cost == pytest.approx(min(costs))
    assert best.cost == pytest.approx(costs[best.cutoff - 1])
    assert best.cost_at_budget == pytest.approx(costs[-1])
    assert not any(one < best.cost * (1 + 1e-12) for one in costs[best.cutoff :])
    if sum(hit is not None for hit in evaluations) < MINIMUM:
        assert best.ratio is None


def test_a_run_that_is_fast_or_hopeless():
    """Luby, Sinclair and Zuckerman 1993, section 1: half end at once, half never."""
    best = found([1] * 50 + [None] * 50, last=1000)
    assert (best.cutoff, best.cost) == (1, 2.0)
    assert best.cost_at_budget == pytest.approx((50 + 50 * 1000) / 50)
    assert best.pays
    assert best.ratio.upper < 0.01


def test_all_alike_are_never_restarted():
    best = found([5] * 40)
    assert best.cutoff == 8
    assert best.ratio.estimate == best.ratio.upper == 1
    assert not best.pays


def test_memoryless_times_gain_nothing_and_the_correction_says_so():
    """Geometric: every cut-off costs 1/p. Uncorrected, some cut-off always looks better."""
    generator = np.random.default_rng(1)
    apparent, corrected, covered = [], [], []
    for seed in range(60):
        times = generator.geometric(0.03, 40)
        times = [int(time) if time <= 80 else None for time in times]
        best = found(times, last=80, seed=seed)
        apparent.append(best.cost / best.cost_at_budget)
        corrected.append(best.ratio.estimate)
        # Whatever the cut-off, the true ratio is 1.
        upper = best.ratio.upper
        covered.append(best.ratio.lower <= 1 and (upper is None or upper >= 1))
    assert np.mean(apparent) < 0.93
    assert np.mean(corrected) == pytest.approx(1, abs=0.15)
    assert np.mean(covered) > 0.95


def test_a_single_early_member_bounds_nothing():
    """Where nobody else was there by the cut-off, what it would cost others is not known."""
    rows = [1, *range(20, 32), *[None] * 40]
    best = found(rows, last=40)
    assert best.cutoff == 1
    assert best.cost < best.cost_at_budget
    assert best.ratio is None or best.ratio.upper is None
    assert not best.pays


def test_few_that_reach_late_show_no_saving():
    """A quarter reach, at a hazard that never falls: no cut-off saves anything."""
    generator, pays = np.random.default_rng(3), 0
    for seed in range(60):
        times = generator.integers(1, 41, 64)
        reached = generator.random(64) < 0.24
        hits = np.where(reached, times, 0)
        best = found([int(hit) or None for hit in hits], last=40, seed=seed)
        pays += best.pays
    assert pays <= 3


def test_an_infinite_tail_is_cut():
    generator = np.random.default_rng(2)
    times = np.ceil(np.exp(generator.normal(2, 2, 200)))
    best = found([int(one) if one <= 500 else None for one in times], last=500)
    assert best.pays
    assert best.cutoff < 40


def test_scaled_time_scales_the_costs_alone():
    rows = [1, 2, 2, 3, 5, 8, None, None, 4, 1, 7, 6]
    one, other = found(rows), found(rows, cost=Fraction(7, 3))
    assert other.cost == pytest.approx(one.cost * 7 / 3)
    assert other.cutoff_time == pytest.approx(one.cutoff_time * 7 / 3)
    assert (one.cutoff, one.ratio) == (other.cutoff, other.ratio)


def test_uneven_evaluations_are_paid_by_their_steps():
    times = Times.of([1, 2, None], last=2)
    clock = ClockTimes(times, np.array([1, 100]), Fraction(1))
    best = best_restart(clock, 0.95, np.random.default_rng(0))
    assert (best.cutoff, best.cost) == (1, 3.0)
    assert best.cost_at_budget == pytest.approx(201 / 2)


def test_same_generator_same_interval():
    rows = [1, 2, 2, 3, 5, 8, None, None, 4, 1, 7, 6]
    assert found(rows, seed=4) == found(rows, seed=4)
