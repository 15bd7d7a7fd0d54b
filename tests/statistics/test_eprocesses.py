"""E-values: exact likelihood ratios, with mean 1 under equal distributions, to the last digit."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

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
