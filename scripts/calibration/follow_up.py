"""Cells of runs that were followed for unlike times: a share of them is stopped at random."""

import dataclasses
import functools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from calibration.cell import Band, Cell, Simulate, coverage, rejection
from calibration.laws import CELLS, Law, lognormal, true_win
from lab.statistics import follow_up, quantiles, rmst, tables, win
from lab.statistics.logrank import Weight, logrank_at_risk
from lab.statistics.times import ClockTimes, Times, common_horizon

LEVEL = 0.95
AT = 18
"""The landmark that shares are compared at, an evaluation."""


@dataclasses.dataclass(frozen=True)
class Stopped:
    """A cohort's times, log-normal but for those that diverge, and the share stopped at random."""

    centre: float
    stopped: float
    spread: float = 0.6
    diverged: float = 0.05

    @functools.cached_property
    def law(self) -> Law:
        """Shares of members in the cells of the grid, had nobody been stopped."""
        return lognormal(self.centre, self.spread, self.diverged)

    def drawn(self, generator: np.random.Generator, members: int) -> ClockTimes:
        """Members of whom those stopped are lost at an evaluation before the last, each as likely.

        A member that diverges does so by a quarter of the evaluations, if it was not lost before.
        """
        moment = self.centre * np.exp(generator.normal(0, self.spread, members))
        hit = np.ceil(np.minimum(moment, CELLS + 1)).astype(np.int64)
        dead = generator.random(members) < self.diverged
        death = generator.integers(1, CELLS // 4, members)
        lost = generator.random(members) < self.stopped
        seen = np.where(lost, generator.integers(1, CELLS, members), CELLS)
        reached = ~dead & (hit <= seen)
        gone = dead & (death <= seen)
        followed = np.where(reached, CELLS, np.where(gone, death, seen))
        return _known(Times(np.where(reached, hit, 0), reached, CELLS, followed, gone))


def _known(times: Times) -> ClockTimes:
    """Up to where the curve can be told, as for curves from elsewhere."""
    living = ~times.never
    seen = np.where(times.reached, times.evaluation, times.follow_up)
    end = follow_up.end(seen[living], times.reached[living])
    told = times if end is None else times.until(max(end, 1))
    return dataclasses.replace(ClockTimes.uniform(told, Fraction(1)), open_ended=end is None)


PAIRS = {
    "half and half stopped, one law": (Stopped(18, 0.5), Stopped(18, 0.5)),
    "a fifth and two thirds stopped": (Stopped(15, 0.2), Stopped(20, 0.67)),
    "all stopped somewhere": (Stopped(14, 1.0), Stopped(20, 1.0)),
    "one stops nobody, a quarter diverges": (Stopped(18, 0.0), Stopped(20, 0.6, 0.4, 0.25)),
}
NULLS = {
    "half and half stopped": (Stopped(18, 0.5), Stopped(18, 0.5)),
    "a fifth and all stopped, a fifth diverges": (
        Stopped(18, 0.2, diverged=0.2),
        Stopped(18, 1.0, diverged=0.2),
    ),
}
MEMBERS = (16, 64)


def cells() -> Iterator[Cell]:
    """All of them."""
    for label, pair in PAIRS.items():
        for members in MEMBERS:
            where = f"{members} members, {label}"
            # Of few members the interval counts only those whose times are known.
            band = coverage(upper=None if members == 16 else 0.975)
            simulate = _win_covers(pair, members)
            yield Cell("coverage, win probability of stopped runs", where, 4_000, band, simulate)
            simulate = _ratio_covers(pair, members)
            few = Band(0.90 if members == 16 else 0.93, 0.97, LEVEL)
            yield Cell("coverage, RMST ratio of stopped runs", where, 4_000, few, simulate)
        where = f"64 members, {label}"
        yield Cell(
            "coverage, incidence difference of stopped runs",
            where,
            4_000,
            coverage(upper=0.975),
            _difference_covers(pair),
        )
        yield Cell(
            "coverage, median of stopped runs",
            where,
            4_000,
            coverage(0.93, None),
            _median_covers(pair[1]),
        )
    for label, pair in NULLS.items():
        for weight in (Weight.EQUAL, Weight.EARLY, Weight.LATE):
            yield Cell(
                f"type I, {weight.value} test of stopped runs",
                f"64 members, {label}",
                4_000,
                rejection(0.065, 0.03),
                _logrank_rejects(pair, weight),
            )


def _win_covers(pair: tuple[Stopped, Stopped], members: int) -> Simulate:
    @functools.cache
    def truth(last: int) -> float:
        return true_win(_until(pair[0].law, last), _until(pair[1].law, last))

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            sides = [one.drawn(generator, members) for one in pair]
            horizon = common_horizon(sides[0], sides[1])
            placed = follow_up.placement(tables.cells(sides[0], sides[1], horizon)[0])
            lower, upper = win.bounds(placed, LEVEL)
            covered += bool(lower <= truth(int(horizon)) <= upper)
        return covered / replicates

    return simulate


def _ratio_covers(pair: tuple[Stopped, Stopped], members: int) -> Simulate:
    @functools.cache
    def truth(last: int) -> float:
        grid = np.append(np.arange(1, last + 1), last)
        one, other = (float(_until(each.law, last) @ grid) for each in pair)
        return one / other

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            sides = [one.drawn(generator, members) for one in pair]
            horizon = common_horizon(sides[0], sides[1])
            one, other = (follow_up.restricted_mean(side, horizon) for side in sides)
            found = rmst.rmst_ratio(one, other, LEVEL)
            covered += found.lower <= truth(int(horizon)) <= found.upper
        return covered / replicates

    return simulate


def _difference_covers(pair: tuple[Stopped, Stopped]) -> Simulate:
    truth = float(pair[0].law[:AT].sum() - pair[1].law[:AT].sum())

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            one, other = (follow_up.share_by(each.drawn(generator, 64).times, AT) for each in pair)
            found = follow_up.difference(one, other, LEVEL)
            covered += found.lower <= truth <= found.upper
        return covered / replicates

    return simulate


def _median_covers(cohort: Stopped) -> Simulate:
    truth = int(np.searchsorted(np.cumsum(cohort.law), 0.5)) + 1

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = 0
        for _ in range(replicates):
            found = quantiles.quantile_time(cohort.drawn(generator, 64).times, 0.5, LEVEL)
            low, high = (CELLS + 1 if end is None else end for end in (found.lower, found.upper))
            covered += low <= truth <= high
        return covered / replicates

    return simulate


def _logrank_rejects(pair: tuple[Stopped, Stopped], weight: Weight) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        rejected = 0
        for _ in range(replicates):
            sides = [one.drawn(generator, 64) for one in pair]
            read = tables.cells(sides[0], sides[1], common_horizon(sides[0], sides[1]))[0]
            rejected += logrank_at_risk(*follow_up.exposures(read), weight).p_value <= 0.05
        return rejected / replicates

    return simulate


def _until(law: Law, last: int) -> Law:
    """Shares in the evaluations up to `last`, and that of all that come later."""
    return np.append(law[:last], law[last:].sum())
