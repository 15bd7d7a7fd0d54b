"""Cells of members that share data orders, which are then the units of replication."""

from collections.abc import Iterator

import numpy as np

from calibration.cell import Band, Cell, Simulate
from calibration.laws import CELLS
from lab.statistics import units, win
from lab.statistics.tables import Cells

PER_BLOCK = 32
INTERACTION = 0.2
"""Of size and data order, in log time; no size is faster on average over orders."""


def cells() -> Iterator[Cell]:
    """By blocks the level is kept; by members, as a negative control, it is not."""
    for blocks in (8, 16):
        where = f"{blocks} data orders of {PER_BLOCK} members, interaction {INTERACTION:g}"
        band = Band(0.035, 0.065, 0.05)
        yield Cell("clusters, type I by data orders", where, 2_000, band, _rejects(blocks, True))
        control = Band(0.09, None, 0.15)
        yield Cell(
            "negative control: by members it must fail",
            where,
            2_000,
            control,
            _rejects(blocks, False),
        )


def _rejects(blocks: int, by_block: bool) -> Simulate:
    block = np.repeat(np.arange(blocks), PER_BLOCK)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        rejected = 0
        for _ in range(replicates):
            first, second = members(generator, blocks)
            drawn = Cells(first, second, CELLS + 1)
            if by_block:
                p_value = units.win_p_value(units.placement(drawn, block, block, blocks))
            else:
                table = drawn.table()
                p_value = float(win.p_value(win.placement(table.first, table.second)))
            rejected += p_value <= 0.05
        return rejected / replicates

    return simulate


def members(generator: np.random.Generator, blocks: int) -> list[np.ndarray]:
    """Cells of the members of two cohorts; an order shifts both alike, and each a little more."""
    shared = generator.normal(0, 0.2, blocks)
    found = []
    for _ in range(2):
        own = generator.normal(0, INTERACTION / 2**0.5, blocks)
        centre = np.log(18) + shared[:, None] + own[:, None]
        times = np.exp(centre + generator.normal(0, 0.6, (blocks, PER_BLOCK)))
        found.append(np.minimum(np.ceil(times).astype(np.int64) - 1, CELLS).ravel())
    return found
