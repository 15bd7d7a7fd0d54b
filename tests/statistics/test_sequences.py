"""Confidence sequences: their closed form, and what they are at the edges."""

import math

import numpy as np
import pytest

from lab.statistics import sequences
from lab.statistics.intervals import Interval
from lab.statistics.rmst import RestrictedMean
from lab.statistics.sequences import intersection, reach, win_bounds
from lab.statistics.win import placement


def test_boundary_is_that_of_the_paper():
    """Waudby-Smith et al. 2024, (9): sd sqrt(2 (n r^2 + 1)/(n^2 r^2) log(sqrt(n r^2 + 1)/a))."""
    alpha, n = 0.03, 200
    evidence = -2 * math.log(alpha)
    r2 = (evidence + math.log(evidence + 1)) / sequences.NARROWEST_AT
    wanted = math.sqrt(2 * (n * r2 + 1) / (n**2 * r2) * math.log(math.sqrt(n * r2 + 1) / alpha))
    assert reach(n, 1.0, 1 - alpha) == pytest.approx(wanted, rel=1e-12)


def test_it_is_narrowest_in_its_way_where_it_was_planned():
    counts = np.arange(64, 2_000)
    relative = reach(counts, 1.0, 0.95) * np.sqrt(counts)
    assert (
        abs(counts[relative.argmin()] - sequences.NARROWEST_AT) <= 10
    )  # The formula for r is itself approximate.


def test_sides_mirror_and_a_higher_level_is_wider():
    generator = np.random.default_rng(0)
    first, second = (generator.integers(0, 9, 20) for _ in range(2))
    first, second = first + 100 // len(first), second + 2
    second = second * 0 + first[::-1]  # Equal numbers of members.
    one, other = placement(first, second), placement(second, first)
    lower, upper = win_bounds(one, 0.97)
    assert win_bounds(other, 0.97) == pytest.approx((1 - upper, 1 - lower), abs=1e-12)
    wide = win_bounds(one, 0.99)
    assert wide[0] < lower
    assert wide[1] > upper


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("counts", [([0, 0], [0, 0]), ([1, 0], [0, 1]), ([63, 0], [0, 63])])
def test_nothing_is_claimed_of_few(counts):
    lower, upper = win_bounds(placement(*counts), 0.97)
    assert (lower, upper) == (0, 1)
    shares = [(one[0], sum(one)) for one in counts]
    assert (
        sequences.difference(*shares, 0.97).lower,
        sequences.difference(*shares, 0.97).upper,
    ) == (-1, 1)


def test_agreement_of_all_is_not_certainty():
    lower, upper = win_bounds(placement([64, 0], [0, 64]), 0.97)
    assert 0.8 < lower < 1
    assert upper == 1
    alike = RestrictedMean(10.0, 0.0, 64, 1.0, 40.0)
    found = sequences.rmst_ratio(alike, alike, 0.97)
    assert 0.5 < found.lower < 1 < found.upper < 2


def test_intersection_is_what_both_hold():
    before, now = Interval(0.5, 0.3, 0.6, 0.97), Interval(0.45, 0.4, 0.7, 0.97)
    assert intersection(before, now) == Interval(0.45, 0.4, 0.6, 0.97)
    apart = Interval(0.9, 0.8, 1.0, 0.97)
    assert intersection(before, apart) == apart


def test_mates_differences_have_the_boundary_with_one_at_each_end_added():
    differences = np.array([1.0] * 20 + [0.0] * 70 + [-1.0] * 10)
    found = sequences.paired_difference(differences, 0.97)
    variance = (100 * differences.var() + 0.9**2 + 1.1**2) / 101
    assert found.estimate == pytest.approx(0.1)
    assert found.upper - found.estimate == pytest.approx(float(reach(100, variance, 0.97)))
    assert found.estimate - found.lower == pytest.approx(float(reach(100, variance, 0.97)))
    mirrored = sequences.paired_difference(-differences, 0.97)
    assert (mirrored.lower, mirrored.upper) == pytest.approx((-found.upper, -found.lower))
    # Mates that all agree leave a doubt; few mates leave all of it, and none are no exception.
    assert 0.02 < sequences.paired_difference(np.zeros(100), 0.97).upper < 0.2
    for few in (np.zeros(63), np.zeros(0)):
        assert sequences.paired_difference(few, 0.97) == Interval(0.0, -1.0, 1.0, 0.97)


def test_means_of_mates_that_go_together_are_told_apart_sooner():
    one, other = (
        RestrictedMean(10.0, 0.04, 100, 1.0, 40.0),
        RestrictedMean(11.0, 0.05, 100, 1.0, 40.0),
    )
    apart = sequences.rmst_ratio(one, other, 0.97)
    together = sequences.rmst_ratio(one, other, 0.97, covariance=0.03)
    against = sequences.rmst_ratio(one, other, 0.97, covariance=-0.03)
    spans = [found.upper / found.lower for found in (together, apart, against)]
    assert spans == sorted(spans)
    assert spans[0] < spans[1] ** 0.9
    # However closely they go together, a doubt remains.
    assert sequences.rmst_ratio(one, other, 0.97, covariance=1.0).lower < together.estimate
