"""Cells of what is told of single cohorts and of many sizes: restarts, the gate, trends."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from calibration.cell import Band, Cell, Simulate, coverage, rejection
from calibration.fixed import clock
from calibration.laws import CELLS, NULL, Law, drawn, lognormal
from lab.statistics import restarts, splitting, trend
from lab.statistics.trend import Slope

_HAZARD = 0.04
RESTARTS: dict[str, Law] = {
    # Memoryless: no cut-off saves anything, though in any cohort some cut-off seems to.
    "memoryless": np.append(_HAZARD * (1 - _HAZARD) ** np.arange(CELLS), (1 - _HAZARD) ** CELLS),
    "log-normal, 5% diverged": NULL,
    "heavy tail": lognormal(14, spread=1.6, diverged=0.0),
    "a third never": lognormal(10, spread=0.5, diverged=1 / 3),
    "two kinds of runs": 0.5 * lognormal(5, spread=0.3) + 0.5 * lognormal(30, spread=0.3),
    "24% reached": np.append(np.full(CELLS, 0.24 / CELLS), 0.76),
}
ALL_REACH = lognormal(14, spread=0.4, diverged=0.0)
SIZES = (1_000, 4_000, 16_000, 64_000)
PER_SIZE = 64


def cells() -> Iterator[Cell]:
    """Coverage of the saving by the cut-off that was chosen; false alarms; slopes in size."""
    for label, law in RESTARTS.items():
        for members, replicates in ((32, 400), (128, 200)):
            # In few cohorts of 32 do enough reach for an interval.
            members = 64 if (members, label) == (32, "24% reached") else members
            where = f"{label}, {members} members"
            simulate = _saving_covered(law, members)
            # Fewer members choose and judge than there are, so only too much is covered.
            yield Cell(
                "coverage, saving by restarts", where, replicates, coverage(0.935, None), simulate
            )
    for label in ("memoryless", "24% reached"):
        where, band = f"{label}, 64 members", Band(None, 0.05, 0.025)
        yield Cell("restarts that pay falsely", where, 400, band, _pays(RESTARTS[label], 64))
    where = "a third never, 128 members"
    found = Band(0.6, None, 0.8)
    yield Cell("restarts that pay, found", where, 200, found, _pays(RESTARTS["a third never"], 128))
    for label, law in {"40 cells": NULL, "10% diverged": lognormal(18, diverged=0.1)}.items():
        where = f"64 members, {label}"
        yield Cell("gate, false alarms", where, 400, Band(None, 0.01, 0.001), _alarms(law, law))
    where = "the second 32 of 64 members three times as slow"
    found = Band(0.9, None, 0.95)
    yield Cell("gate, drift found", where, 400, found, _alarms(NULL, lognormal(54)))
    for label, law, slope in (
        ("", NULL, 0.0),
        ("", NULL, -0.15),
        ("", NULL, 0.3),
        (", everybody reaches", ALL_REACH, 0.1),
    ):
        where = f"{len(SIZES)} sizes of {PER_SIZE}, slope {slope:g} in log size{label}"
        for check, band, told in (
            ("coverage, slope of hazard", Band(0.93, 0.97, 0.95), _covers),
            ("lack of fit, type I", rejection(0.070, 0.030), _misfits),
        ):
            simulate = _share_of_slopes(law, slope, told)
            yield Cell(check, where, 1_000, band, simulate, f"slopes: {where}")
    where = f"{len(SIZES)} sizes of {PER_SIZE}"
    yield Cell("type I, Jonckheere", where, 10_000, rejection(), _ordered(0.0))
    least = Band(0.95, None, 0.95)
    yield Cell("power, Jonckheere", f"{where}, slope 0.2", 4_000, least, _ordered(0.2))


def _saving_covered(law: Law, members: int) -> Simulate:
    """Of the ratio of costs under the law, at the very cut-off that the cohort chose."""
    cutoffs = np.arange(1, CELLS + 1)
    by = np.cumsum(law[:-1])
    waited = np.cumsum(np.append(1.0, 1 - by[:-1]))
    costs = waited / np.maximum(by, 1e-300)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        covered = told = 0
        for counts in drawn(generator, law, members, replicates):
            best = restarts.best_restart(clock(counts), 0.95, generator)
            if best is None or best.ratio is None:
                continue
            told += 1
            truth = costs[best.cutoff - 1] / costs[cutoffs[-1] - 1]
            upper = math.inf if best.ratio.upper is None else best.ratio.upper
            covered += best.ratio.lower - 1e-9 <= truth <= upper + 1e-9
        return covered / told if told else 1.0

    return simulate


def _pays(law: Law, members: int) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        found = [
            restarts.best_restart(clock(counts), 0.95, generator)
            for counts in drawn(generator, law, members, replicates)
        ]
        return sum(one is not None and one.pays for one in found) / replicates

    return simulate


def _alarms(first: Law, second: Law) -> Simulate:
    """The share of cohorts of 32 members and then 32 more with a warning."""

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        warned = 0
        for _ in range(replicates):
            cell = np.concatenate(
                [generator.choice(len(law), 32, p=law) for law in (first, second)]
            )
            check = splitting.split_check(cell, len(first), generator)
            warned += check.uneven or check.drifts
        return warned / replicates

    return simulate


def _laws(law: Law, slope: float) -> Sequence[Law]:
    """Survival of the null law to a power: hazards proportional in continuous time, on a grid."""
    middle = sum(map(math.log, SIZES)) / len(SIZES)
    survival = np.maximum(1 - np.cumsum(law[:-1]), 0)
    powers = [math.exp(slope * (math.log(size) - middle)) for size in SIZES]
    return [-np.diff(np.concatenate([[1.0], survival**one, [0.0]])) for one in powers]


def _cohorts(law: Law, slope: float, replicates: int, generator: np.random.Generator) -> np.ndarray:
    """Counts [replicates, sizes, K]."""
    return np.stack(
        [drawn(generator, one, PER_SIZE, replicates) for one in _laws(law, slope)], axis=1
    )


def _covers(found: Slope | None, slope: float) -> bool:
    return found is not None and found.slope.lower <= slope <= found.slope.upper


def _misfits(found: Slope | None, _: float) -> bool:
    p_value = None if found is None else found.lack_of_fit_p_value
    return p_value is None or p_value <= 0.05


def _share_of_slopes(
    law: Law, slope: float, told: Callable[[Slope | None, float], bool]
) -> Simulate:
    return lambda replicates, _: (
        sum(told(one, slope) for one in _slopes(tuple(law.tolist()), slope, replicates))
        / replicates
    )


@functools.cache
def _slopes(law: tuple[float, ...], slope: float, replicates: int) -> tuple[Slope | None, ...]:
    """Both cells of a slope look at the same replicates."""
    generator = np.random.default_rng([13, round(100 * slope) + 100])
    logs = [math.log(size) for size in SIZES]
    cohorts = _cohorts(np.array(law), slope, replicates, generator)
    return tuple(trend.hazard_slope(list(one), logs, 0.95) for one in cohorts)


def _ordered(slope: float) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        found = [
            trend.jonckheere(list(one)).p_value <= 0.05
            for one in _cohorts(NULL, slope, replicates, generator)
        ]
        return float(np.mean(found))

    return simulate
