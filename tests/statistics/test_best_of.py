"""The curve of the best of n, against enumeration and by simulation."""

import itertools

import numpy as np
import pytest

from lab.statistics.best_of import cross_fitted, expected_best, lead_changes


def enumerated(chosen, scored, drawn):
    """The definition: over all sets of n trials, the score of the one that was chosen."""
    sets = itertools.combinations(range(len(chosen)), drawn)
    return np.mean([scored[min(one, key=lambda trial: chosen[trial])] for one in sets])


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_curve_is_the_mean_over_all_sets(count):
    rng = np.random.default_rng(count)
    chosen, scored = rng.normal(size=(2, count))
    curve = expected_best(chosen, scored)
    brute = [enumerated(chosen, scored, drawn) for drawn in range(1, count + 1)]
    np.testing.assert_allclose(curve, brute, rtol=1e-12)


def test_ends_of_the_curve():
    chosen, scored = np.array([3.0, 1.0, 2.0]), np.array([10.0, 50.0, 60.0])
    curve = expected_best(chosen, scored)
    assert curve[0] == pytest.approx(scored.mean())
    assert curve[-1] == pytest.approx(50.0)  # the best-ranked trial's own score, not the least one


def test_tied_trials_stand_in_any_order():
    chosen, scored = np.array([1.0, 1.0, 2.0]), np.array([10.0, 30.0, 90.0])
    orders = [chosen + np.array(nudge) for nudge in ((0, 1e-9, 0), (1e-9, 0, 0))]
    either = np.mean([expected_best(one, scored) for one in orders], axis=0)
    np.testing.assert_allclose(expected_best(chosen, scored), either)


def test_cross_fitted_curve_is_unbiased_where_the_least_of_all_is_not():
    # All rates alike, so the best of any number takes 100 steps; members have a deviation of 20.
    rng = np.random.default_rng(6)
    scores = 100 + 20 * rng.normal(size=(2000, 12, 4))
    curves = np.array([cross_fitted(one) for one in scores])
    errors = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
    assert (np.abs(curves.mean(axis=0) - 100) < 4 * errors).all()
    naive = scores.mean(axis=2).min(axis=1)
    assert naive.mean() < 90


def test_lead_changes_are_where_another_is_less():
    first = np.array([5.0, 4.0, 4.0, 1.0])
    assert lead_changes(first, np.array([6.0, 3.0, 4.0, 2.0])) == (2, 4)
    assert lead_changes(first, first - 1) == ()
    assert lead_changes(first, first) == ()
