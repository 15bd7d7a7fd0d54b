"""Cells of times that evaluations show only roughly: grids that are coarse, or unlike each other.

The truth is that of continuous time, between evaluations; what must cover it is told by the lab's
own readings of the times.
"""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from calibration.cell import Band, Cell, Simulate, coverage
from calibration.laws import cut_mean
from lab.statistics import quantiles, rmst
from lab.statistics.intervals import Interval
from lab.statistics.times import ClockTimes, Times
from lab.verdicts.evidence import MeanTimes, mean_between, mean_ratio, mean_times
from lab.verdicts.meeting import Meeting, Side, independent

LEVEL = 0.95
SPREAD = 0.5


@dataclasses.dataclass(frozen=True)
class Followed:
    """A cohort of log-normal times about `centre`, in clock units, and how it is looked at."""

    centre: float
    every: int
    evaluations: int
    cost: int = 1
    members: int = 64

    @property
    def budget(self) -> float:
        """In clock units."""
        return float(self.every * self.evaluations * self.cost)

    def mean(self, horizon: float) -> float:
        """E min(T, horizon)."""
        return cut_mean(self.centre, SPREAD, horizon)

    def side(self, generator: np.random.Generator) -> Side:
        """Members drawn, as the evaluations show them."""
        times = self.centre * np.exp(SPREAD * generator.standard_normal(self.members))
        hit = np.ceil(times / (self.every * self.cost)).astype(np.int64)
        clock = ClockTimes(
            Times(hit, hit <= self.evaluations, self.evaluations),
            np.arange(1, self.evaluations + 1) * self.every,
            Fraction(self.cost),
        )
        number = np.arange(self.members)
        return Side(clock, np.zeros(self.members, np.bool_), number, hit)


Pair = tuple[Followed, Followed]
PAIRS: dict[str, Pair] = {
    "one law, every 100 against every 5 steps": (Followed(60, 100, 9), Followed(60, 5, 180)),
    "1.5 times as long, every 100 against every 5 steps": (
        Followed(240, 100, 9),
        Followed(160, 5, 180),
    ),
    "FLOPs 1:4, 5 evaluations of the larger": (
        Followed(600, 100, 20),
        Followed(600, 100, 5, cost=4),
    ),
    "one law, both every 100 steps": (Followed(150, 100, 9), Followed(150, 100, 9)),
    "twice as long, both every 100 steps": (Followed(120, 100, 9), Followed(60, 100, 9)),
}


def cells() -> Iterator[Cell]:
    """Ratios and differences of means, and medians; nothing above their level can be promised."""
    for label, pair in PAIRS.items():
        for of, simulate in {
            "ratio of means": _ratio_covers(pair),
            "difference of means": _difference_covers(pair),
            "speed-up at the median": _median_covers(pair),
        }.items():
            band = coverage(upper=None)
            yield Cell(f"coverage between evaluations, {of}", label, 2_000, band, simulate)
    label = "one law, every 100 against every 5 steps"
    yield Cell(
        "negative control: means of times as seen must fail",
        label,
        2_000,
        Band(None, 0.5, 0.3),
        _as_seen_covers(PAIRS[label]),
    )


def _meetings(pair: Pair, replicates: int, generator: np.random.Generator) -> Iterator[Meeting]:
    for _ in range(replicates):
        yield independent(pair[0].side(generator), pair[1].side(generator))


def _means(pair: Pair) -> tuple[float, float]:
    horizon = min(one.budget for one in pair)
    return pair[0].mean(horizon), pair[1].mean(horizon)


def _ratio_covers(pair: Pair) -> Simulate:
    truth = _means(pair)[0] / _means(pair)[1]

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        found = [
            mean_between(one, mean_ratio(one, LEVEL, sparse=False))
            for one in _meetings(pair, replicates, generator)
        ]
        return float(np.mean([_holds(one, truth) for one in found]))

    return simulate


def _difference_covers(pair: Pair) -> Simulate:
    truth = _means(pair)[0] - _means(pair)[1]

    def measure(times: MeanTimes) -> Interval:
        return rmst.rmst_difference(*times.means, LEVEL)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        meetings = _meetings(pair, replicates, generator)
        return float(np.mean([_holds(mean_between(one, measure), truth) for one in meetings]))

    return simulate


def _median_covers(pair: Pair) -> Simulate:
    truth, single = pair[0].centre / pair[1].centre, 1 - (1 - LEVEL) / 2

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for one in _meetings(pair, replicates, generator):
            times = [
                quantiles.quantile_time(side.clock.times, 0.5, single).on(side.clock, one.horizon)
                for side in (one.smaller, one.larger)
            ]
            found = quantiles.speed_up(*times)
            covered += found.lower <= truth and (found.upper is None or truth <= found.upper)
        return covered / replicates

    return simulate


def _as_seen_covers(pair: Pair) -> Simulate:
    truth = _means(pair)[0] / _means(pair)[1]

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        found = [
            mean_ratio(one, LEVEL, sparse=False)(mean_times(one)[0])
            for one in _meetings(pair, replicates, generator)
        ]
        return float(np.mean([_holds(one, truth) for one in found]))

    return simulate


def _holds(found: Interval, truth: float) -> bool:
    return found.lower <= truth <= found.upper
