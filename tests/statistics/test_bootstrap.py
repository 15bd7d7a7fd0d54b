"""The bootstrap of whole units: what it repeats, what it may not claim."""

import numpy as np
import pytest

from lab.statistics import bootstrap, units
from lab.statistics.units import Part

LEVEL, MOST = 0.95, 40.0


def drawn(seed, members, centre=18.0):
    return np.minimum(
        np.ceil(np.random.default_rng(seed).lognormal(np.log(centre), 0.6, members)), 40
    )


def test_large_cohorts_have_the_interval_of_normal_theory():
    """Both are made on the log scale; with many members the t distances are a normal's."""
    first, second = drawn(0, 4_000), drawn(1, 4_000, 24.0)
    found = bootstrap.ratio_of_independent(first, second, LEVEL, MOST, np.random.default_rng(0))
    error = np.hypot(
        first.std(ddof=1) / first.mean() / 4_000**0.5,
        second.std(ddof=1) / second.mean() / 4_000**0.5,
    )
    assert found.estimate == pytest.approx(first.mean() / second.mean(), rel=1e-12)
    assert np.log(found.upper / found.lower) / 2 == pytest.approx(1.96 * error, rel=0.08)


def test_a_unit_a_member_is_about_members_drawn_one_by_one():
    first, second = drawn(2, 600), drawn(3, 600, 24.0)
    own = np.arange(600)
    apart = Part(first, own), Part(second, own + 600)
    whole = bootstrap.ratio_of_units(*apart, 1_200, LEVEL, MOST, np.random.default_rng(1))
    alone = bootstrap.ratio_of_independent(first, second, LEVEL, MOST, np.random.default_rng(1))
    assert np.log(whole.upper / whole.lower) == pytest.approx(
        np.log(alone.upper / alone.lower), rel=0.1
    )


def test_blocks_that_differ_widen_it_and_mates_that_agree_narrow_it():
    generator = np.random.default_rng(4)
    block = np.repeat(np.arange(12), 20)
    own = [np.exp(generator.normal(0, 0.3, 12))[block] for _ in range(2)]
    first, second = (10 * one * np.exp(generator.normal(0, 0.2, 240)) for one in own)
    parts = Part(first, block), Part(second, block)
    blocks = bootstrap.ratio_of_units(*parts, 12, LEVEL, MOST, generator)
    plain = bootstrap.ratio_of_independent(first, second, LEVEL, MOST, generator)
    assert blocks.upper / blocks.lower > (plain.upper / plain.lower) ** 1.5
    mate, pair = np.exp(generator.normal(2, 0.5, 200)), np.arange(200)
    one, other = (mate * np.exp(generator.normal(0, 0.05, 200)) for _ in range(2))
    mates = bootstrap.ratio_of_units(
        Part(one, pair), Part(other, pair), 200, LEVEL, MOST, generator
    )
    apart = bootstrap.ratio_of_independent(one, other, LEVEL, MOST, generator)
    assert np.log(mates.upper / mates.lower) < np.log(apart.upper / apart.lower) / 4


def test_swapped_cohorts_invert_it():
    block = np.repeat(np.arange(8), 10)
    parts = Part(drawn(5, 80), block), Part(drawn(6, 80, 24.0), block)
    here, there = (
        bootstrap.ratio_of_units(*each, 8, LEVEL, MOST, np.random.default_rng(3))
        for each in (parts, parts[::-1])
    )
    assert here.estimate == pytest.approx(1 / there.estimate, rel=1e-12)
    assert here.lower == pytest.approx(1 / there.upper, rel=0.02)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("members", [(0, 0), (0, 9), (1, 1), (4, 50), (9, 9)], ids=str)
def test_nothing_is_claimed_of_few_or_of_agreement(members):
    first, second = (np.full(count, 5.0) for count in members)
    generator = np.random.default_rng(0)
    found = [
        bootstrap.ratio_of_independent(first, second, LEVEL, MOST, generator),
        bootstrap.ratio_of_units(
            Part(first, np.arange(len(first))),
            Part(second, np.arange(len(second))),
            max(members),
            LEVEL,
            MOST,
            generator,
        ),
    ]
    assert [(one.lower, one.upper) for one in found] == [(1 / MOST, MOST)] * 2


def test_agreement_of_blocks_is_not_certainty():
    """Every block has p = 3/4 exactly: no spread was seen, and no interval of no width is made."""
    placed = units.placement(
        units.Cells(np.tile([0, 1], 4), np.tile([1, 1], 4), 3), *[np.repeat(np.arange(4), 2)] * 2, 4
    )
    lower, upper = units.win_bounds(placed, LEVEL)
    assert float(placed.variance) == pytest.approx(0, abs=1e-15)
    assert lower < 0.5 < 0.75 < upper
    assert 0.05 < units.win_p_value(placed) < 1
    assert units.equivalence_p_value(placed, 0.3) > 0.05
