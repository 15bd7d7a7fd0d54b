"""Inference between units: the level it keeps where members depend on each other."""

import numpy as np
import pytest

from lab.statistics import units, win
from lab.statistics.logrank import logrank
from lab.statistics.tables import Cells, Table
from lab.statistics.units import Part

CELLS = 40


def drawn(generator, blocks, per_block, interaction=0.2, order=0.2):
    """Log-normal times of two cohorts: block b shifts both, and each a little by its own."""
    shared = generator.normal(0, order, blocks)
    cells = []
    for _ in range(2):
        own = generator.normal(0, interaction / 2**0.5, blocks)
        log = np.log(18) + shared[:, None] + own[:, None]
        times = np.exp(log + generator.normal(0, 0.6, (blocks, per_block)))
        cells.append(np.minimum(np.ceil(times).astype(int) - 1, CELLS).ravel())
    block = np.repeat(np.arange(blocks), per_block)
    return Cells(cells[0], cells[1], CELLS + 1), block


@pytest.mark.parametrize(("blocks", "per_block"), [(8, 32), (16, 32)])
def test_blocks_keep_the_level_that_members_break(blocks, per_block):
    """STATISTICS, section 5: block-level .035 to .065, here widened by the replicates used."""
    generator, replicates = np.random.default_rng(blocks), 600
    by_block, by_member = 0, 0
    for _ in range(replicates):
        cells, block = drawn(generator, blocks, per_block)
        by_block += units.win_p_value(units.placement(cells, block, block, blocks)) <= 0.05
        table = cells.table()
        by_member += float(win.p_value(win.placement(table.first, table.second))) <= 0.05
    slack = 3 * (0.05 * 0.95 / replicates) ** 0.5
    assert 0.035 - slack <= by_block / replicates <= 0.065 + slack
    assert by_member / replicates > 0.09


def test_the_estimate_is_that_of_all_members():
    cells, block = drawn(np.random.default_rng(0), 8, 10)
    table = cells.table()
    plain = win.placement(table.first, table.second)
    assert units.placement(cells, block, block, 8).estimate == pytest.approx(
        float(plain.estimate), rel=1e-12
    )
    own = np.arange(80)
    apart = units.placement(cells, own, own + 80, 160)
    assert float(apart.variance) == pytest.approx(float(plain.variance), rel=0.03)


def test_mirror_and_order_of_units():
    cells, block = drawn(np.random.default_rng(1), 8, 10)
    swapped = Cells(cells.second, cells.first, cells.count)
    one = units.placement(cells, block, block, 8)
    other = units.placement(swapped, block, block, 8)
    assert float(one.estimate) == pytest.approx(1 - float(other.estimate), abs=1e-12)
    assert float(one.variance) == pytest.approx(float(other.variance), rel=1e-12)
    renamed = np.random.default_rng(2).permutation(8)[block]
    again = units.placement(cells, renamed, renamed, 8)
    assert float(again.variance) == pytest.approx(float(one.variance), rel=1e-12)


def test_sign_test_is_the_logrank_stratified_by_pairs():
    """z^2 of untied pairs: (w - l)^2/(w + l) (STATISTICS, section 1)."""
    generator = np.random.default_rng(3)
    first, second = generator.integers(0, 6, 30), generator.integers(0, 6, 30)
    found = units.pairs(Cells(first, second, 6), (first + 1.0, second + 1.0), 0.95)
    strata = [
        Table(np.bincount([one], minlength=6), np.bincount([other], minlength=6))
        for one, other in zip(first, second, strict=True)
    ]
    z2 = (found.earlier - found.later) ** 2 / (found.earlier + found.later)
    assert logrank(*strata).z ** 2 == pytest.approx(z2, rel=1e-12)
    assert found.tied == int((first == second).sum())
    assert found.correlation == pytest.approx(np.corrcoef(first, second)[0, 1], rel=1e-12)


def test_variance_of_pairs_is_that_of_their_differences():
    first, second = np.array([1.0, 4.0, 2.0, 9.0, 5.0]), np.array([2.0, 2.0, 1.0, 7.0, 8.0])
    unit = np.arange(5)
    found = units.variance_between([Part(first, unit), Part(-second, unit)], 5)
    assert found == pytest.approx(np.var(first - second, ddof=1) / 5, rel=1e-12)


def test_pairs_that_agree_narrow_the_difference():
    generator = np.random.default_rng(4)
    base = generator.normal(0, 1, 200)
    first, second = base + generator.normal(0, 0.1, 200), base + generator.normal(0, 0.1, 200)
    unit = np.arange(200)
    found = units.difference(Part(first, unit), Part(second, unit), 200, 0.95, most=10.0)
    spread = np.std(first - second, ddof=1) / 200**0.5
    assert (found.upper - found.lower) / 2 == pytest.approx(1.97 * spread, rel=0.01)


@pytest.mark.parametrize(("earlier", "later", "wanted"), [(0, 0, 1.0), (5, 0, 0.0625), (3, 3, 1.0)])
def test_sign_p_values_by_hand(earlier, later, wanted):
    assert units.sign_p_value(earlier, later) == pytest.approx(wanted)


def test_flips_are_counted_exactly():
    """Three blocks that all favour the first: two of eight ways are as extreme."""
    cells = Cells(np.array([0, 0, 0]), np.array([1, 1, 1]), 3)
    block = np.arange(3)
    found = units.flip_p_value(cells, block, block, 3, np.random.default_rng(0))
    assert found == pytest.approx(2 / 8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("members", [(0, 0), (1, 0), (1, 1), (3, 3)])
def test_degenerate_units_have_an_answer(members):
    cells = Cells(np.zeros(members[0], int), np.full(members[1], 1), 3)
    block = [np.zeros(count, int) for count in members]
    placed = units.placement(cells, *block, 1)
    assert tuple(map(float, units.win_bounds(placed, 0.95))) == (0.0, 1.0)
    assert units.win_p_value(placed) == 1
    parts = [Part(np.ones(len(one)), one) for one in block]
    assert units.difference(*parts, 1, 0.95, most=1.0).upper == 1
    assert units.log_ratio(*parts, 1, 0.95, most=9.0).lower == pytest.approx(1 / 9)
    assert units.flip_p_value(cells, *block, 1, np.random.default_rng(0)) == 1
