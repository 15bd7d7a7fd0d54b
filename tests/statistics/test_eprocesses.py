"""E-values: exact likelihood ratios, with mean 1 under equal distributions, to the last digit."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.statistics.eprocesses import ODDS, anytime_p, logrank_block, mixture, sign


def by_definition(first, second):
    """Products of Fisher's noncentral over central hypergeometric probabilities, by scipy."""
    at_risk, total = [sum(first), sum(second)], np.zeros(len(ODDS))
    for one, other in zip(first[:-1], second[:-1], strict=True):
        events = one + other
        for index, odds in enumerate(ODDS if events else ()):
            shape = sum(at_risk), at_risk[0], events
            ratio = scipy.stats.nchypergeom_fisher.pmf(one, *shape, odds)
            total[index] += math.log(ratio / scipy.stats.hypergeom.pmf(one, *shape))
        at_risk = [at_risk[0] - one, at_risk[1] - other]
    return total


@pytest.mark.parametrize("seed", range(5))
def test_ratios_are_those_of_fishers_distribution(seed):
    generator = np.random.default_rng(seed)
    first, second = (generator.integers(0, 6, 7) for _ in range(2))
    found = logrank_block(first, second)
    assert found == pytest.approx(by_definition(first, second), abs=1e-10)
    batched = logrank_block(np.stack([second, first]), np.stack([first, second]))
    assert batched[1] == pytest.approx(found, abs=1e-12)
    assert batched[0] == pytest.approx(found[::-1], abs=1e-12)


@pytest.mark.parametrize("cells", [[0, 1, 1, 2, 3, 3], [0, 0, 0, 1, 1, 2], [2, 2, 2, 2, 1, 0]])
def test_mean_is_one_over_all_ways_to_label_the_members(cells):
    """Given who reached when, every relabelling is as likely under equal distributions."""
    values = []
    for chosen in itertools.combinations(range(len(cells)), 3):
        counts = np.zeros((2, 4), np.int64)
        for index, cell in enumerate(cells):
            counts[int(index not in chosen), cell] += 1
        values.append(np.exp(logrank_block(*counts)))
    assert np.mean(values, axis=0) == pytest.approx(1.0, abs=1e-12)


def test_sign_process_has_mean_one():
    pairs = 9
    total = sum(
        math.comb(pairs, wins) * 0.5**pairs * math.exp(sign(wins, pairs - wins))
        for wins in range(pairs + 1)
    )
    assert total == pytest.approx(1, abs=1e-12)


def test_evidence_grows_with_the_difference_and_p_never_rises():
    far, near = ([30, 2, 0], [2, 30, 0]), ([17, 15, 0], [15, 17, 0])
    assert (
        mixture(logrank_block(*map(np.array, far)))
        > 3
        > mixture(logrank_block(*map(np.array, near)))
    )
    looks = np.array([0.5, 4.0, 1.0])
    assert anytime_p(looks) == pytest.approx(math.exp(-4.0))
    assert anytime_p(np.array([-3.0])) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("first", "second"),
    [([0], [0]), ([3], [4]), ([0, 5], [0, 5]), ([5, 0], [5, 0]), ([1, 0], [0, 0])],
)
def test_no_evidence_from_what_is_alike_or_absent(first, second):
    assert logrank_block(np.array(first), np.array(second)) == pytest.approx(0.0, abs=1e-12)


THOUSANDS = [1_200, 2_048, 50_000, 100_000]


@pytest.mark.parametrize("ties", THOUSANDS)
@pytest.mark.filterwarnings("error")
def test_blocks_that_are_alike_are_no_evidence_however_many_tie(ties):
    """By Jensen's inequality log E[odds^Y] is at least log odds^E[Y], which is what was seen."""
    block = np.array([ties, 848])
    found = logrank_block(block, block)
    assert np.isfinite(found).all()
    assert (found <= 1e-7).all()
    assert float(mixture(found)) <= 1e-7


def in_whole_numbers(seen, others, risk, odds):
    """log of odds^seen/E[odds^Y] for one time, Y hypergeometric, in integers of any length."""
    events, (over, under) = seen + others, (int(2 * odds), 2)
    mean = sum(
        math.comb(risk[0], y) * math.comb(risk[1], events - y) * over**y * under ** (events - y)
        for y in range(events + 1)
    )
    central = math.comb(sum(risk), events) * under**events
    return seen * math.log(odds) + math.log(central) - math.log(mean)


@pytest.mark.parametrize(("one", "other"), [(1_100, 1_100), (1_250, 1_250), (1_900, 1_400)])
def test_ties_beyond_a_floats_range_are_exact(one, other):
    """From 2,400 ties in two blocks of 2,048 on the evidence was infinite."""
    found = logrank_block(np.array([one, 2_048 - one]), np.array([other, 2_048 - other]))
    for odds in (0.5, 1.5, 2.0):
        exact = in_whole_numbers(one, other, (2_048, 2_048), odds)
        assert found[ODDS.index(odds)] == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("ties", [1, 30, 300])
def test_many_ties_are_as_fishers_distribution_has_them(ties):
    """scipy's own noncentral distribution, where its probabilities are no smaller than a float."""
    first, second = np.array([ties, ties, ties]), np.array([ties + ties // 9, ties, 2 * ties])
    assert logrank_block(first, second) == pytest.approx(by_definition(first, second), abs=1e-8)


@pytest.mark.parametrize("ties", THOUSANDS)
def test_all_events_in_one_cohort_have_a_closed_form(ties):
    """All of `ties` events among as many of the first at risk and one other, who stays.

    Y is `ties` or one less; the central chances are 1 and `ties` of ties + 1.
    """
    found = logrank_block(np.array([ties, 0]), np.array([0, 1]))
    for value, odds in zip(found, ODDS, strict=True):
        mean = 1 / (ties + 1) + ties / (ties + 1) / odds
        assert value == pytest.approx(-math.log(mean), abs=1e-6)


@pytest.mark.filterwarnings("error")
@given(
    counts=st.lists(
        st.tuples(st.integers(0, 30_000), st.integers(0, 30_000)), min_size=1, max_size=4
    )
)
@settings(max_examples=40, deadline=None)
def test_swapping_the_cohorts_swaps_the_odds(counts):
    first, second = np.array(counts).T
    found, swapped = logrank_block(first, second), logrank_block(second, first)
    assert np.isfinite(found).all()
    assert swapped == pytest.approx(found[::-1], abs=1e-6)


def test_a_sign_process_of_very_many_pairs_is_exact():
    """By whole numbers: B(m, n) = (m - 1)! (n - 1)!/(m + n - 1)!."""
    wins, losses = 51_000, 49_000

    def log_beta(m, n):
        return math.lgamma(m) + math.lgamma(n) - math.lgamma(m + n)

    by_hand = log_beta(8 + wins, 8 + losses) - log_beta(8, 8) + (wins + losses) * math.log(2)
    assert float(sign(wins, losses)) == pytest.approx(by_hand, abs=1e-6)
    assert np.isfinite(sign(np.array([0, 10**6]), np.array([10**6, 10**6]))).all()


def test_a_p_value_is_never_zero():
    """exp(-1e5) is no float; a p-value may be larger than it need be, never smaller."""
    assert 0 < float(anytime_p(np.array([1e5]))) < 1e-300
