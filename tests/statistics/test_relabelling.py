"""Exchanged labels: what stays the same, and what whole units keep together."""

import numpy as np
import pytest

from lab.statistics import logrank, relabelling
from lab.statistics.logrank import Weight
from lab.statistics.tables import Cells, Table
from lab.statistics.units import sign_p_value

DRAWS = 4_000


def test_members_are_redistributed_and_none_is_lost():
    table = Table(np.array([4, 0, 2]), np.array([1, 5, 0]))
    drawn = relabelling.of_members(table, 200, np.random.default_rng(0))
    assert (drawn.sum(-1) == 6).all()
    assert (drawn <= table.first + table.second).all()
    assert len(np.unique(drawn, axis=0)) > 5


def test_units_go_over_as_wholes():
    """Two blocks: only the four ways to swap them occur, each as often."""
    cells = Cells(np.array([0, 0, 1]), np.array([2, 2, 2]), 4)
    block = np.array([0, 0, 1])
    drawn = relabelling.of_units(cells, block, block, 2, DRAWS, np.random.default_rng(1))
    ways, counts = np.unique(drawn, axis=0, return_counts=True)
    wanted = [[0, 0, 3, 0], [0, 1, 2, 0], [2, 0, 1, 0], [2, 1, 0, 0]]
    assert ways.tolist() == wanted
    assert counts / DRAWS == pytest.approx(np.full(4, 0.25), abs=0.03)


def test_logrank_of_one_member_against_ten_is_exact():
    """The earliest of eleven: 2 of 11 ways are as extreme where normal theory says .0016."""
    cells = np.arange(12)
    table = Table((cells == 0).astype(int), ((cells > 0) & (cells < 11)).astype(int))
    drawn = relabelling.of_members(table, DRAWS, np.random.default_rng(2))
    assert logrank.logrank(table).p_value == pytest.approx(0.0016, abs=0.0002)

    exact = np.mean(
        [
            abs(logrank.logrank(Table(one, table.first + table.second - one)).z)
            >= abs(logrank.logrank(table).z) - 1e-9
            for one in np.eye(12, dtype=int)[:11]
        ]
    )
    assert exact in (1 / 11, 2 / 11)
    assert logrank.permutation_p(table, drawn) == pytest.approx(exact, abs=0.02)


def test_pairs_swapped_have_the_sign_tests_p_value():
    """All pairs in strata of their own times, none shared: a sum of mates' scores, sign by sign."""
    generator = np.random.default_rng(3)
    order = generator.permutation(24).reshape(12, 2)
    ahead = order.argsort(axis=1)[:, 0] == 0
    first, second = np.where(ahead, 0, 1), np.where(ahead, 1, 0)
    cells, pair = Cells(first, second, 3), np.arange(12)
    table = cells.table()
    drawn = relabelling.of_units(cells, pair, pair, 12, 40_000, generator)
    wins = int(ahead.sum())
    found = logrank.permutation_p(table, drawn, Weight.AT_RISK)
    assert found == pytest.approx(sign_p_value(wins, 12 - wins), abs=0.02)


def test_blocks_keep_the_level_that_members_break():
    """An interaction of size and order: by members a tenth or more rejects, by blocks few do."""
    generator, by_block, by_member = np.random.default_rng(5), 0, 0
    block = np.repeat(np.arange(10), 24)
    for _ in range(200):
        cells = [
            np.minimum(
                np.ceil(
                    np.exp(
                        np.log(18)
                        + generator.normal(0, 0.2, 10)[block]
                        + generator.normal(0, 0.6, 240)
                    )
                ).astype(int)
                - 1,
                40,
            )
            for _ in range(2)
        ]
        both = Cells(cells[0], cells[1], 41)
        table = both.table()
        units = relabelling.of_units(both, block, block, 10, 199, generator)
        alone = relabelling.of_members(table, 199, generator)
        by_block += logrank.permutation_p(table, units, Weight.AT_RISK) <= 0.05
        by_member += logrank.permutation_p(table, alone, Weight.AT_RISK) <= 0.05
    assert by_block / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5
    assert by_member / 200 > 0.12
