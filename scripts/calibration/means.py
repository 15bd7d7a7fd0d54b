"""Cells of means, quantiles and shares: differences, the bootstrap, and all looks at once."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from calibration.cell import Band, Cell, Simulate, coverage
from calibration.clusters import INTERACTION, PER_BLOCK, members
from calibration.fixed import clock
from calibration.laws import CELLS, NULL, Counts, Law, cut_mean, drawn, lognormal
from lab.statistics import bootstrap, quantiles, rmst, sequences
from lab.statistics.intervals import Floats, Interval
from lab.statistics.rmst import RestrictedMean
from lab.statistics.times import ClockTimes, Times
from lab.statistics.units import Part
from lab.verdicts.evidence import mean_ratio, mean_times
from lab.verdicts.meeting import Meeting, Side, Unit

LAWS = NULL, lognormal(24, diverged=0.1)
GRID = np.append(np.arange(1, CELLS + 1), CELLS)
MEANS = tuple(float(law @ GRID) for law in LAWS)
LEVEL = 0.95
BLOCK, LOOKS = 32, 16
AT = 18
"""The landmark that shares are compared at, an evaluation."""
LONG_SPREAD, LONG_CENTRES, LONG_HORIZON = 1.5, (18, 24), 400
LONG = tuple(cut_mean(centre, LONG_SPREAD, LONG_HORIZON) for centre in LONG_CENTRES)
"""Means of long-tailed times, of which few members hold the late ones."""
LIKENESS = 0.8
_FINE = 100
_POSITIONS = np.arange(1, LONG_HORIZON * _FINE + 1)
_ALL_LOOKS = Band(0.943, None, 0.95)


def cells() -> Iterator[Cell]:
    """All of them."""
    for sizes in ((32, 32), (128, 128), (32, 128)):
        where = f"{sizes[0]} against {sizes[1]} members"
        simulate = _difference_covers(sizes)
        yield Cell("coverage, RMST difference", where, 10_000, coverage(), simulate)
    for sizes in ((10, 10), (16, 16), (16, 64)):
        for of, simulate in {
            "RMST ratio": _long_tails_cover(sizes, rmst.rmst_ratio, LONG[0] / LONG[1]),
            "RMST difference": _long_tails_cover(sizes, rmst.rmst_difference, LONG[0] - LONG[1]),
        }.items():
            where = f"{sizes[0]} against {sizes[1]} members of log-sd {LONG_SPREAD:g}"
            # Unequal numbers of few leave one side's luck alone: less is asked of them.
            band = coverage(0.935 if sizes[0] == sizes[1] else 0.92, None)
            yield Cell(f"coverage, {of} of long tails", where, 4_000, band, simulate)
    for pairs in (10, 16):
        where = f"{pairs} pairs of log-sd {LONG_SPREAD:g}, correlation {LIKENESS:g}"
        simulate = _long_pairs_cover(pairs)
        # What mates have in common hides the tail of what they differ by: less is asked.
        band = coverage(0.91, None)
        yield Cell("coverage, RMST ratio of long tails", where, 2_000, band, simulate)
    for quantile in (0.1, 0.5):
        where = f"the {quantile:.0%} quantiles, 64 members"
        simulate = _speed_up_covers(quantile)
        yield Cell("coverage, quantile speed-up", where, 10_000, coverage(0.94, None), simulate)
    for members_each in (16, 64):
        where = f"{members_each} members"
        simulate = _bootstrap_covers(members_each)
        yield Cell("coverage, bootstrap of RMST ratio", where, 1_000, _bootstrapped(), simulate)
    for blocks in (8, 16):
        where = f"{blocks} data orders of {PER_BLOCK} members, interaction {INTERACTION:g}"
        simulate = _blocks_cover(blocks, by_block=True)
        yield Cell("coverage, block bootstrap", where, 1_000, _bootstrapped(), simulate)
    yield Cell(
        "negative control: bootstrap by members must fail",
        where,
        1_000,
        Band(None, 0.9, 0.85),
        _blocks_cover(blocks, by_block=False),
    )
    where = f"{LOOKS} looks of {BLOCK} members"
    for label, simulate in {
        "RMST ratio": _at_all_looks(_ratio, MEANS[0] / MEANS[1]),
        "incidence difference": _at_all_looks(_share, _shares(LAWS[0]) - _shares(LAWS[1])),
        "incidence difference near 1": _at_all_looks(_late, _late_shares()),
        "incidence difference of pairs": _pairs_at_all_looks,
    }.items():
        replicates = 2_000 if label == "RMST ratio" else 10_000
        yield Cell(f"coverage at all looks, {label}", where, replicates, _ALL_LOOKS, simulate)


def _bootstrapped() -> Band:
    """A bootstrap is right only as members grow: so much less than 95% is allowed of few."""
    return Band(0.92, 0.975, LEVEL)


def _difference_covers(sizes: tuple[int, int]) -> Simulate:
    truth = MEANS[0] - MEANS[1]

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        drawings = (drawn(generator, *one, replicates) for one in zip(LAWS, sizes, strict=True))
        covered = 0
        for pair in zip(*drawings, strict=True):
            first, second = (rmst.restricted_mean(clock(one), Fraction(CELLS)) for one in pair)
            covered += _holds(rmst.rmst_difference(first, second, LEVEL), truth)
        return covered / replicates

    return simulate


def _long_tails_cover(
    sizes: tuple[int, int],
    measure: Callable[[RestrictedMean, RestrictedMean, float], Interval],
    truth: float,
) -> Simulate:
    """On a grid so fine that it hides nothing."""

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            both = [
                rmst.restricted_mean(
                    _long(centre, generator.standard_normal(count)), Fraction(LONG_HORIZON)
                )
                for centre, count in zip(LONG_CENTRES, sizes, strict=True)
            ]
            covered += _holds(measure(both[0], both[1], LEVEL), truth)
        return covered / replicates

    return simulate


def _long_pairs_cover(pairs: int) -> Simulate:
    """Mates that are alike, by the times as seen, of which the grid hides nothing."""
    own = (1 - LIKENESS**2) ** 0.5
    nobody, pair = np.zeros(pairs, np.bool_), np.arange(pairs)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            first = generator.standard_normal(pairs)
            second = LIKENESS * first + own * generator.standard_normal(pairs)
            sides = [
                Side(_long(centre, normal), nobody, pair, pair)
                for centre, normal in zip(LONG_CENTRES, (first, second), strict=True)
            ]
            met = Meeting(sides[0], sides[1], Unit.PAIRS, pairs)
            found = mean_ratio(met, LEVEL, sparse=False)(mean_times(met)[0])
            covered += _holds(found, LONG[0] / LONG[1])
        return covered / replicates

    return simulate


def _long(centre: float, normal: Floats) -> ClockTimes:
    """Long-tailed times, a hundred evaluations to the unit."""
    times = np.minimum(centre * np.exp(LONG_SPREAD * normal), 2 * LONG_HORIZON)
    hit = np.ceil(times * _FINE).astype(np.int64)
    last = len(_POSITIONS)
    return ClockTimes(Times(hit, hit <= last, last), _POSITIONS, Fraction(1, _FINE))


def _speed_up_covers(quantile: float) -> Simulate:
    exact = [int(np.searchsorted(np.cumsum(law), quantile)) + 1 for law in LAWS]
    truth, single = exact[0] / exact[1], 1 - (1 - LEVEL) / 2

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        drawings = (drawn(generator, law, 64, replicates) for law in LAWS)
        covered = 0
        for pair in zip(*drawings, strict=True):
            times = [quantiles.quantile_time(clock(one).times, quantile, single) for one in pair]
            found = quantiles.speed_up(*times)
            covered += found.lower <= truth and (found.upper is None or truth <= found.upper)
        return covered / replicates

    return simulate


def _bootstrap_covers(count: int) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            first, second = (generator.choice(GRID, count, p=law).astype(float) for law in LAWS)
            found = bootstrap.ratio_of_independent(first, second, LEVEL, CELLS, generator)
            covered += _holds(found, MEANS[0] / MEANS[1])
        return covered / replicates

    return simulate


def _blocks_cover(blocks: int, by_block: bool) -> Simulate:
    """No size is faster on average over data orders: the true ratio is 1."""
    block = np.repeat(np.arange(blocks), PER_BLOCK)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            first, second = (GRID[cell].astype(float) for cell in members(generator, blocks))
            if by_block:
                parts = Part(first, block), Part(second, block)
                found = bootstrap.ratio_of_units(*parts, blocks, LEVEL, CELLS, generator)
            else:
                found = bootstrap.ratio_of_independent(first, second, LEVEL, CELLS, generator)
            covered += _holds(found, 1.0)
        return covered / replicates

    return simulate


def _at_all_looks(interval: Callable[[Counts, Counts], Interval], truth: float) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        one, other = (
            np.stack([drawn(generator, law, BLOCK, replicates) for _ in range(LOOKS)]).cumsum(0)
            for law in LAWS
        )
        covered = sum(
            all(_holds(interval(*pair), truth) for pair in zip(first, second, strict=True))
            for first, second in zip(one.swapaxes(0, 1), other.swapaxes(0, 1), strict=True)
        )
        return covered / replicates

    return simulate


def _ratio(first: Counts, second: Counts) -> Interval:
    one, other = (rmst.restricted_mean(clock(each), Fraction(CELLS)) for each in (first, second))
    return sequences.rmst_ratio(one, other, LEVEL)


def _share(first: Counts, second: Counts) -> Interval:
    return _reached(first, second, AT)


def _late(first: Counts, second: Counts) -> Interval:
    return _reached(first, second, CELLS)


def _reached(first: Counts, second: Counts, by: int) -> Interval:
    one, other = ((int(each[:by].sum()), int(each.sum())) for each in (first, second))
    return sequences.difference(one, other, LEVEL)


def _shares(law: Law, by: int = AT) -> float:
    return float(law[:by].sum())


def _late_shares() -> float:
    return _shares(LAWS[0], CELLS) - _shares(LAWS[1], CELLS)


def _pairs_at_all_looks(replicates: int, generator: np.random.Generator) -> float:
    """Mates that are alike: the same moment reached, but for a little of their own."""
    covered = 0
    truth = float(_pair_differences(np.random.default_rng(0), 4_000_000).mean())
    for _ in range(replicates):
        differences = _pair_differences(generator, BLOCK * LOOKS)
        covered += all(
            _holds(sequences.paired_difference(differences[: BLOCK * (look + 1)], LEVEL), truth)
            for look in range(LOOKS)
        )
    return covered / replicates


def _pair_differences(generator: np.random.Generator, count: int) -> Floats:
    shared = generator.normal(0, 0.5, count)
    one, other = (
        np.exp(np.log(centre) + shared + generator.normal(0, 0.3, count)) <= AT
        for centre in (18, 21)
    )
    return one.astype(np.float64) - other


def _holds(found: Interval, truth: float) -> bool:
    return found.lower <= truth <= found.upper
