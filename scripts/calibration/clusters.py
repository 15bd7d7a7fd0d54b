"""Cells of members that depend on each other: by data orders, or as mates in pairs."""

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from calibration.cell import Band, Cell, Simulate, coverage
from calibration.laws import CELLS
from lab.statistics import units, win
from lab.statistics.intervals import Floats
from lab.statistics.tables import Cells
from lab.statistics.units import Part

PER_BLOCK = 32
INTERACTION = 0.2
"""Of size and data order, in log time; no size is faster on average over orders."""
ORDER, WITHIN = 0.2, 0.6
"""What orders, and members of one order, vary by."""
LEVEL = 0.95
ORDERS = coverage(0.935, 0.97)
"""A little more than 95% is allowed: 4 orders say little of the spread between orders."""


def cells() -> Iterator[Cell]:
    """By blocks the level is kept; by members, as a negative control, it is not.

    Intervals of probabilities and shares near 1 in few orders, and of mates that depend on each
    other either way.
    """
    for orders in (4, 8, 16):
        for wanted in (0.5, 0.93, 0.97):
            where = f"{orders} data orders, p = {wanted:g}"
            simulate = _orders_cover(orders, wanted)
            yield Cell("coverage, win probability by data orders", where, 4_000, ORDERS, simulate)
        for shares in ((0.5, 0.5), (0.97, 0.9)):
            where = f"{orders} data orders, shares {shares[0]:g} and {shares[1]:g}"
            simulate = _shares_cover(orders, shares)
            band = coverage(upper=None)
            yield Cell("coverage, share difference by data orders", where, 4_000, band, simulate)
    for correlation in (-0.9, 0.0, 0.9):
        for wanted in (0.5, 0.8):
            for mates in (32, 128):
                where = f"{mates} pairs of correlation {correlation:g}, p = {wanted:g}"
                simulate = _mates_cover(mates, correlation, wanted)
                # Where mates agree the bound on what the sample variance may claim decides.
                band = coverage(upper=None)
                yield Cell("coverage, win probability of pairs", where, 4_000, band, simulate)
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


def _orders_cover(orders: int, wanted: float) -> Simulate:
    """The truth is that of two members of different orders."""
    own = INTERACTION / 2**0.5
    gap = float(ndtri(wanted)) * (2 * (WITHIN**2 + ORDER**2 + own**2)) ** 0.5
    block = np.repeat(np.arange(orders), PER_BLOCK)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            shared = generator.normal(0, ORDER, orders)
            logs = [
                centre
                + (shared + generator.normal(0, own, orders))[block]
                + generator.normal(0, WITHIN, len(block))
                for centre in (0.0, gap)
            ]
            placed = units.placement(_ranked(logs[0], logs[1]), block, block, orders)
            covered += _holds(units.win_bounds(placed, LEVEL), wanted)
        return covered / replicates

    return simulate


def _mates_cover(mates: int, correlation: float, wanted: float) -> Simulate:
    """Of two members of different pairs, whatever mates have in common."""
    gap = float(ndtri(wanted)) * 2**0.5
    own = (1 - correlation**2) ** 0.5
    pair = np.arange(mates)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            first = generator.standard_normal(mates)
            second = gap + correlation * first + own * generator.standard_normal(mates)
            placed = units.placement(_ranked(first, second), pair, pair, mates, mates=True)
            covered += _holds(win.bounds(placed, LEVEL), wanted)
        return covered / replicates

    return simulate


def _shares_cover(orders: int, shares: tuple[float, float]) -> Simulate:
    """Who has reached by a landmark: above a threshold that gives the wanted shares."""
    own = INTERACTION / 2**0.5
    total = (WITHIN**2 + ORDER**2 + own**2) ** 0.5
    block = np.repeat(np.arange(orders), PER_BLOCK)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            shared = generator.normal(0, ORDER, orders)
            parts = []
            for share in shares:
                logs = (shared + generator.normal(0, own, orders))[block]
                logs += generator.normal(0, WITHIN, len(block))
                parts.append(Part((logs <= ndtri(share) * total).astype(np.float64), block))
            found = units.share_difference(parts[0], parts[1], orders, LEVEL)
            covered += found.lower <= shares[0] - shares[1] <= found.upper
        return covered / replicates

    return simulate


def _ranked(first: Floats, second: Floats) -> Cells:
    """Each time a cell of its own, in order."""
    rank = np.argsort(np.argsort(np.concatenate([first, second])))
    return Cells(rank[: len(first)], rank[len(first) :], len(rank) + 1)


def _holds(ends: tuple[Floats, Floats], truth: float) -> bool:
    return bool(ends[0] <= truth <= ends[1])


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
