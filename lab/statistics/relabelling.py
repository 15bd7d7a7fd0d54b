"""Labels exchanged as chance could have: the first cohort's counts in each of many draws."""

import numpy as np

from lab.statistics.tables import Cells, Table
from lab.statistics.times import Integers


def of_members(table: Table, draws: int, generator: np.random.Generator) -> Integers:
    """Counts [draws, K] of as many members, taken anew from those of both cohorts."""
    pooled = table.first + table.second
    return generator.multivariate_hypergeometric(pooled, int(table.first.sum()), size=draws)


def of_units(
    cells: Cells,
    first: Integers,
    second: Integers,
    units: int,
    draws: int,
    generator: np.random.Generator,
) -> Integers:
    """The same where members depend on each other: a unit's two sides are swapped as wholes or not.

    `first` and `second` say which unit each member belongs to. A pair swaps its two mates, a data
    order all members that saw it, so that what an order does to one size more than to another is
    chance too, not evidence.
    """
    one, other = (
        _by_unit(cell, unit, units, cells.count)
        for cell, unit in ((cells.first, first), (cells.second, second))
    )
    kept = generator.integers(0, 2, (draws, units))
    return np.asarray(other.sum(0) + kept @ (one - other), dtype=np.int64)


def _by_unit(cell: Integers, unit: Integers, units: int, count: int) -> Integers:
    """Members of each unit in each cell [U, K]."""
    return np.bincount(unit * count + cell, minlength=units * count).reshape(units, count)
