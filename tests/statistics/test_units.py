"""Inference between units: the level it keeps where members depend on each other."""

import numpy as np
import pytest
from scipy.special import ndtri

from lab.statistics import proportions, units, win
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


def few_orders(generator, orders=8, per_order=32, wanted=0.97):
    """Placements of which the truth is `wanted`, each order kind to one cohort by a little."""
    block = np.repeat(np.arange(orders), per_order)
    gap = ndtri(wanted) * (2 * (0.36 + 0.04 + 0.02)) ** 0.5
    shared = generator.normal(0, 0.2, orders)
    logs = [
        centre
        + (shared + generator.normal(0, 0.02**0.5, orders))[block]
        + generator.normal(0, 0.6, len(block))
        for centre in (0.0, gap)
    ]
    rank = np.argsort(np.argsort(np.concatenate(logs)))
    cells = Cells(rank[: len(block)], rank[len(block) :], len(rank) + 1)
    return units.placement(cells, block, block, orders)


def test_student_on_the_raw_scale_would_fail_near_separation():
    """Negative control: what a logit covers 95% of the time, the raw scale covers 90%."""
    generator, covered, raw = np.random.default_rng(5), 0, 0
    for _ in range(1_000):
        placed = few_orders(generator)
        lower, upper = units.win_bounds(placed, 0.95)
        covered += lower <= 0.97 <= upper
        reach = 2.365 * float(placed.variance) ** 0.5
        raw += abs(float(placed.estimate) - 0.97) <= reach
    assert covered / 1_000 > 0.93
    assert raw / 1_000 < 0.92


@pytest.mark.parametrize("orders", [2, 4, 16])
@pytest.mark.parametrize("wanted", [0.5, 0.6, 0.9, 0.97])
def test_tests_by_orders_agree_with_their_intervals(orders, wanted):
    placed = few_orders(np.random.default_rng(orders), orders, 8, wanted)
    p_value = units.win_p_value(placed)
    for level in (0.5, 0.9, 0.97, 0.999):
        lower, upper = units.win_bounds(placed, level)
        assert (p_value < 1 - level) == (not lower <= 0.5 <= upper)
        lower, upper = units.win_bounds(placed, 1 - 2 * (1 - level) if level > 0.5 else 0.0)
        inside = lower > 0.5 - 0.3 and upper < 0.5 + 0.3
        assert (units.equivalence_p_value(placed, 0.3) < 1 - level) == inside or level == 0.5


@pytest.mark.parametrize(("first", "estimate"), [(0, 1.0), (2, 0.0)])
def test_orders_that_all_agree_are_no_certainty(first, estimate):
    """(.05/2)^(1/4) = .398, as Clopper and Pearson; two of sixteen ways, twice .5^4."""
    block = np.repeat(np.arange(4), 8)
    cells = Cells(np.full(32, first), np.full(32, 1), 4)
    placed = units.placement(cells, block, block, 4)
    lower, upper = units.win_bounds(placed, 0.95)
    near = 0.025**0.25
    assert (float(lower), float(upper)) == pytest.approx((near, 1) if estimate else (0, 1 - near))
    assert units.win_p_value(placed) == pytest.approx(0.125)
    assert units.equivalence_p_value(placed, 0.4) == 1


def test_mates_have_half_as_many_disjoint_pairs():
    """Where mates fight each other the variance doubles at most, and so says the floor."""
    rank = np.arange(64)
    cells, pair = Cells(rank, rank[::-1].copy(), 65), np.arange(64)
    placed, alone = (units.placement(cells, pair, pair, 64, mates) for mates in (True, False))
    assert (float(placed.disjoint), float(alone.disjoint)) == (32, 64)
    assert 32 <= float(placed.effective) < 64 == float(alone.effective)
    # For independent members of one cohort the variance is half of that.
    independent = win.placement(np.ones(64), np.ones(64))
    assert float(placed.variance) == pytest.approx(2 * float(independent.variance), rel=0.05)
    separated = Cells(np.zeros(10, int), np.ones(10, int), 3)
    own = np.arange(10)
    lower, _ = win.bounds(units.placement(separated, own, own, 10, mates=True), 0.95)
    assert float(lower) == pytest.approx(0.025 ** (1 / 5))


def test_shares_of_pairs_are_newcombes():
    """Newcombe 1998, Statistics in Medicine 17:2635, method 8, by hand: Wilson's ends and phi.

    Of 40 pairs 20 reached in both, 12 in the first alone, 2 in the second alone, 6 in neither.
    """
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [20, 12, 2, 6])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [20, 12, 2, 6])
    pair = np.arange(40)
    found = units.share_difference(Part(first, pair), Part(second, pair), 40, 0.95)
    (low_one, high_one), (low_two, high_two) = (
        proportions.wilson_bounds(count, 40, 0.95) for count in (32, 22)
    )
    phi = (20 * 6 - 12 * 2) / (32 * 8 * 22 * 18) ** 0.5
    down, up = 0.8 - low_one, high_two - 0.55
    assert found.estimate == pytest.approx(0.25)
    assert found.lower == pytest.approx(0.25 - (down**2 - 2 * phi * down * up + up**2) ** 0.5)
    down, up = high_one - 0.8, 0.55 - low_two
    assert found.upper == pytest.approx(0.25 + (down**2 - 2 * phi * down * up + up**2) ** 0.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [(0, 0), (1, 1), (1, 0), (0.5, 1)])
@pytest.mark.parametrize("per_unit", [1, 4])
def test_shares_without_spread_have_an_interval(values, per_unit):
    """All, none, or the same half in every unit."""
    unit = np.repeat(np.arange(6), per_unit)
    parts = [Part((np.arange(len(unit)) % 2 < 2 * value).astype(float), unit) for value in values]
    found = units.share_difference(parts[0], parts[1], 6, 0.95)
    assert -1 <= found.lower < found.estimate + 1e-12 <= found.upper + 1e-12 <= 1 + 1e-12
    assert found.upper - found.lower > 0.3
    back = units.share_difference(parts[1], parts[0], 6, 0.95)
    assert (back.lower, back.upper) == pytest.approx((-found.upper, -found.lower))


def test_pairs_of_which_nearly_all_agree_have_a_score_interval():
    """19 of 20: Wilson's with Student's t, not t on the raw scale, which leaves the range."""
    first = np.zeros(20, int)
    second = np.where(np.arange(20) < 19, 1, -1) + 0
    found = units.pairs(Cells(first + 1, second + 1, 4), (first + 1.0, second + 2.0), 0.95)
    z2 = 2.093**2
    centre, reach = (
        (0.95 + z2 / 40) / (1 + z2 / 20),
        (z2 * (0.95 * 0.05 / 20 + z2 / 1600)) ** 0.5 / (1 + z2 / 20),
    )
    chance = found.win_probability
    assert (chance.lower, chance.upper) == pytest.approx((centre - reach, centre + reach), rel=1e-3)
