"""Cells of what is planned or chosen: power by formula, equivalence at its margin, selection."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from calibration.cell import Band, Cell, Simulate, rejection
from calibration.fixed import clock
from calibration.laws import CELLS, NULL, Counts, Law, drawn, shifted, true_win
from lab.statistics import logrank, power, rmst, win
from lab.statistics.tables import Table

Figures = npt.NDArray[np.float64] | npt.NDArray[np.bool_]
ALPHA = 0.05
FINE = 400
"""Cells enough that next to no pairs are tied, as the formulas have it."""
RATES, TUNED_ON, MEASURED_ON = 12, 32, 128
MARGIN = 0.075


def cells() -> Iterator[Cell]:
    """All of them."""
    for wanted in (0.8, 0.9):
        band = Band(wanted - 0.03, wanted + 0.03, wanted)
        for probability in (0.56, 0.6, 0.65):
            where = f"{wanted:.0%} at p = {probability:g}"
            simulate = _win_power(probability, wanted)
            yield Cell("power by Noether's formula", where, 4_000, band, simulate)
        for ratio in (1.3, 1.6):
            where = f"{wanted:.0%} at a hazard ratio of {ratio:g}"
            simulate = _logrank_power(ratio, wanted)
            yield Cell("power by Schoenfeld's formula", where, 4_000, band, simulate)
    for members in (128, 512):
        for truth in (0.5 - MARGIN, 0.5 + MARGIN):
            where = f"truth p = {truth:g} at the margin, {members} members"
            simulate = _equivalent(truth, members)
            yield Cell("equivalence, type I", where, 10_000, Band(None, 0.056, ALPHA), simulate)
    where = f"the best of {RATES} equal rates against one"
    fresh = f"{where}, {MEASURED_ON} fresh members"
    same = f"{where}, on the {TUNED_ON} members it was chosen by"
    # A mean of ratios, not a share: a single one has a standard deviation of about a tenth.
    near = Band(0.98, 1.02, 0.01)
    yield Cell("selection, type I", fresh, 4_000, rejection(), _selected(True, _rejects))
    yield Cell("selection, RMST ratio", fresh, 4_000, near, _selected(True, _ratio))
    control = "negative control, selection must fail"
    yield Cell(f"{control}, type I", same, 4_000, Band(0.1, None, 0.15), _selected(False, _rejects))
    yield Cell(
        f"{control}, RMST ratio", same, 4_000, Band(None, 0.9, 0.01), _selected(False, _ratio)
    )


def _normal(shift: float) -> Law:
    """Of a continuous time on the fine grid."""
    edges = np.linspace(-5, 5, FINE)
    return np.asarray(np.diff(ndtr(edges - shift), prepend=0, append=1), dtype=np.float64)


def _win_power(probability: float, wanted: float) -> Simulate:
    members = round(power.noether_members(probability, ALPHA, wanted) / 2)
    shift = brentq(lambda at: true_win(_normal(0), _normal(at)) - probability, 0, 3)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        first = drawn(generator, _normal(0), members, replicates)
        second = drawn(generator, _normal(shift), members, replicates)
        return float(np.mean(win.p_value(win.placement(first, second)) <= ALPHA))

    return simulate


def _logrank_power(ratio: float, wanted: float) -> Simulate:
    """Exponential times of which the first cohort's hazard is so much higher; some never reach."""
    end = 1.6
    steps = np.linspace(0, end, FINE)
    laws = [
        np.append(-np.diff(np.exp(-rate * steps)), math.exp(-rate * end)) for rate in (ratio, 1)
    ]
    reaching = float(np.mean([1 - law[-1] for law in laws]))
    members = math.ceil(power.schoenfeld_events(ratio, ALPHA, wanted) / reaching / 2)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        one, other = (drawn(generator, law, members, replicates) for law in laws)
        pairs = zip(one, other, strict=True)
        return float(np.mean([logrank.logrank(Table(*pair)).p_value <= ALPHA for pair in pairs]))

    return simulate


def _equivalent(truth: float, members: int) -> Simulate:
    law = shifted(truth, NULL)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        first = drawn(generator, law, members, replicates)
        second = drawn(generator, NULL, members, replicates)
        p_values = win.equivalence_p_value(win.placement(first, second), MARGIN)
        return float(np.mean(p_values <= ALPHA))

    return simulate


def _rejects(chosen: Counts, single: Counts) -> Figures:
    return win.p_value(win.placement(chosen, single)) <= ALPHA


def _ratio(chosen: Counts, single: Counts) -> Figures:
    one, other = (
        np.array([rmst.restricted_mean(clock(counts), Fraction(CELLS)).mean for counts in side])
        for side in (chosen, single)
    )
    return one / other


def _selected(fresh: bool, figure: Callable[[Counts, Counts], Figures]) -> Simulate:
    """One cohort takes the best of its rates by the mean time, the other has but one; all alike."""
    grid = np.append(np.arange(1, CELLS + 1), CELLS)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        tried = np.stack([drawn(generator, NULL, TUNED_ON, replicates) for _ in range(RATES)])
        best = (tried @ grid).argmin(axis=0)
        chosen = tried[best, np.arange(replicates)]
        single = drawn(generator, NULL, TUNED_ON, replicates)
        if fresh:
            # All rates are one law, so whichever was chosen, fresh members of it are these.
            chosen, single = (drawn(generator, NULL, MEASURED_ON, replicates) for _ in range(2))
        return float(np.mean(figure(chosen, single)))

    return simulate
