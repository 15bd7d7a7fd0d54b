"""Cells of a fixed number of members: type I errors, coverage, power, equivalence."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from calibration.cell import Band, Cell, Simulate, coverage, rejection
from calibration.laws import (
    CELLS,
    NULL,
    NULLS,
    RARE,
    STEADY,
    Counts,
    Law,
    drawn,
    lognormal,
    shifted,
    true_win,
)
from lab.statistics import logrank, permutation, proportions, quantiles, rmst, win
from lab.statistics.tables import Table
from lab.statistics.times import ClockTimes, Times
from lab.verdicts.meeting import Side

MEMBERS = (32, 128, 512)


def cells() -> Iterator[Cell]:
    """All of them."""
    for label, law in NULLS.items():
        for members in MEMBERS:
            where = f"{members} members, {label}"
            band = Band(None, 0.065, 0.05) if members == 32 else rejection()
            yield Cell("type I, win probability", where, 20_000, band, _win_rejects(law, members))
            yield Cell("type I, log-rank", where, 20_000, band, _logrank_rejects(law, members))
    yield Cell(
        "type I, unbalanced and rare",
        "32 against 512 members, 8% reached, after the fallback",
        5_000,
        Band(None, 0.059, 0.05),
        _permutation_rejects(RARE, (32, 512)),
    )
    for wanted in (0.5, 0.63, 0.95, 0.99):
        steady = wanted == 0.99
        second = STEADY if steady else NULL
        law = shifted(wanted, second, *((0.3, 0.0) if steady else (0.6, 0.05)))
        for sizes in ((32, 32), (128, 128), (32, 512)):
            # Near separation few pairs differ, and there only too much is covered.
            band = coverage(upper=0.965 if wanted < 0.9 else None)
            where = f"p = {wanted:g}, {sizes[0]} against {sizes[1]} members"
            yield Cell(
                "coverage, win probability", where, 10_000, band, _win_covers(law, second, sizes)
            )
    for sizes in ((32, 32), (128, 128), (32, 128)):
        where = f"{sizes[0]} against {sizes[1]} members"
        yield Cell("coverage, RMST ratio", where, 10_000, coverage(), _ratio_covers(sizes))
    for shares in ((0.5, 0.5), (0.9, 0.7), (0.98, 0.95), (0.03, 0.0)):
        for count in (32, 128):
            yield Cell(
                "coverage, incidence difference",
                f"shares {shares[0]:g} and {shares[1]:g}, {count} members",
                10_000,
                # Newcombe's is conservative near 0 and 1.
                coverage(upper=0.965 if shares == (0.5, 0.5) else None),
                _difference_covers(shares, count),
            )
    for quantile in (0.1, 0.5, 0.9):
        yield Cell(
            "coverage, quantile time",
            f"the {quantile:.0%} quantile, 64 members",
            10_000,
            coverage(0.94, None),
            _quantile_covers(quantile),
        )


def clock(counts: Counts) -> ClockTimes:
    """Members as counts over evaluations and never, a unit an evaluation."""
    hits = np.repeat(np.arange(1, len(counts) + 1), counts)
    return ClockTimes.uniform(Times(hits, hits < len(counts), len(counts) - 1), Fraction(1))


def side(counts: Counts) -> Side:
    """The same as one side of a contrast, with nobody diverged."""
    members = np.arange(counts.sum())
    ended = np.full(len(members), CELLS)
    return Side(clock(counts), np.zeros(len(members), np.bool_), members, ended)


def _win_rejects(law: Law, members: int) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        first, second = (drawn(generator, law, members, replicates) for _ in range(2))
        return float(np.mean(win.p_value(win.placement(first, second)) <= 0.05))

    return simulate


def _logrank_rejects(law: Law, members: int) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        pairs = zip(*(drawn(generator, law, members, replicates) for _ in range(2)), strict=True)
        return float(np.mean([logrank.logrank(Table(*pair)).p_value <= 0.05 for pair in pairs]))

    return simulate


def _permutation_rejects(law: Law, members: tuple[int, int]) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        pairs = zip(*(drawn(generator, law, count, replicates) for count in members), strict=True)
        found = [permutation.permutation_p(Table(*pair), generator) for pair in pairs]
        return float(np.mean(np.array(found) <= 0.05))

    return simulate


def _win_covers(first: Law, second: Law, members: tuple[int, int]) -> Simulate:
    truth = true_win(first, second)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        counts = (
            drawn(generator, law, count, replicates)
            for law, count in zip((first, second), members, strict=True)
        )
        lower, upper = win.bounds(win.placement(*counts), 0.95)
        return float(np.mean((lower <= truth) & (truth <= upper)))

    return simulate


def _ratio_covers(members: tuple[int, int]) -> Simulate:
    laws = NULL, lognormal(24, diverged=0.1)
    grid = np.append(np.arange(1, CELLS + 1), CELLS)
    truth = float(laws[0] @ grid) / float(laws[1] @ grid)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        one, other = (
            drawn(generator, law, count, replicates)
            for law, count in zip(laws, members, strict=True)
        )
        covered = 0
        for pair in zip(one, other, strict=True):
            first, second = (
                rmst.restricted_mean(clock(counts), Fraction(CELLS)) for counts in pair
            )
            ratio = rmst.rmst_ratio(first, second, 0.95)
            covered += ratio.lower <= truth <= ratio.upper
        return covered / replicates

    return simulate


def _difference_covers(shares: tuple[float, float], members: int) -> Simulate:
    truth = shares[0] - shares[1]

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        first, second = (generator.binomial(members, share, size=replicates) for share in shares)
        lower, upper = proportions.newcombe_bounds((first, members), (second, members), 0.95)
        return float(np.mean((lower <= truth + 1e-12) & (truth - 1e-12 <= upper)))

    return simulate


def _quantile_covers(quantile: float) -> Simulate:
    truth = int(np.searchsorted(np.cumsum(NULL), quantile)) + 1

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for counts in drawn(generator, NULL, 64, replicates):
            found = quantiles.quantile_time(clock(counts).times, quantile, 0.95)
            # None is "not reached", later than every evaluation.
            low, high = (CELLS + 1 if end is None else end for end in (found.lower, found.upper))
            covered += low <= truth <= high
        return covered / replicates

    return simulate
