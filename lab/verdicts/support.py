"""What stands beside a verdict and never decides it: other tests and other measures."""

import copy
import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from lab.records.cohort import CohortRecords
from lab.specs import Margins
from lab.statistics import bootstrap, distributions, logrank, permutation, rmst, trend, units, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.logrank import Weight
from lab.statistics.tables import Cells
from lab.statistics.trend import Ordered, Slope
from lab.statistics.units import Pairs, Tail
from lab.statistics.win_ratio import WinRatio, win_ratio, win_ratio_of_units
from lab.verdicts import follow_up
from lab.verdicts.clocks import times_to
from lab.verdicts.evidence import (
    MeanTimes,
    mean_between,
    tailed_degrees,
)
from lab.verdicts.meeting import Meeting, Sided, Unit, least_favourable, readings

FEWEST_SIZES = 3
DRAWS = 1_999


@dataclasses.dataclass(frozen=True, slots=True)
class Support:
    """Of two cohorts at the end of a fixed number of members.

    Differences are the smaller's less the larger's, in clock units. Estimates and counts take times
    as seen; intervals and p-values hold wherever between two evaluations the times lie. Where
    members share pairs or data orders, those are what is replicated: in variances, in permutations,
    in the bootstrap. Of sparse data no interval of means is told but what the horizon allows.
    `pairs` where members are.

    None where runs were stopped early and no more can be told: labels cannot be exchanged among
    runs followed for unlike times, nor can such runs be drawn anew or paired off. `early_p_value`
    and `late_p_value`, weighted log-rank tests by risk sets, are there in their place.
    """

    rmst_difference: OrderCertain
    rmst_ratio_bootstrap: OrderCertain | None
    win_ratio: WinRatio | None
    equivalence_p_value: float
    gehan_p_value: float | None
    max_combo_p_value: float | None
    kolmogorov_smirnov_p_value: float | None
    cramer_von_mises_p_value: float | None
    pairs: Pairs | None
    early_p_value: float | None = None
    late_p_value: float | None = None


def support(meeting: Meeting, margins: Margins, generator: np.random.Generator) -> Support:
    """What is drawn is drawn from copies of `generator`: who draws first changes nothing."""
    if not meeting.whole:
        return _of_stopped(meeting, margins)
    level = 1 - margins.alpha_win
    tests = _tests(meeting, generator)
    equivalence = (
        units.equivalence_p_value if meeting.unit is Unit.BLOCKS else win.equivalence_p_value
    )
    return Support(
        rmst_difference=_rmst_difference(meeting, level),
        rmst_ratio_bootstrap=_bootstrap(meeting, level, copy.deepcopy(generator)),
        win_ratio=_win_ratio(meeting, level),
        equivalence_p_value=max(
            float(equivalence(placed, margins.delta)) for placed in meeting.placements[1:]
        ),
        gehan_p_value=tests[0],
        max_combo_p_value=tests[1],
        kolmogorov_smirnov_p_value=tests[2],
        cramer_von_mises_p_value=tests[3],
        pairs=_pairs(meeting, level) if meeting.unit is Unit.PAIRS else None,
    )


def _of_stopped(meeting: Meeting, margins: Margins) -> Support:
    """What can be told where runs were stopped early."""
    equivalence = win.equivalence_p_value(meeting.placements[0], margins.delta)
    return Support(
        rmst_difference=_rmst_difference(meeting, 1 - margins.alpha_win),
        rmst_ratio_bootstrap=None,
        win_ratio=None,
        equivalence_p_value=float(equivalence),
        gehan_p_value=None,
        max_combo_p_value=None,
        kolmogorov_smirnov_p_value=None,
        cramer_von_mises_p_value=None,
        pairs=None,
        early_p_value=follow_up.logrank_p(meeting, Weight.EARLY),
        late_p_value=follow_up.logrank_p(meeting, Weight.LATE),
    )


def _tests(meeting: Meeting, generator: np.random.Generator) -> list[float]:
    """p-values of Gehan, max-combo, Kolmogorov-Smirnov and Cramer-von Mises, least favourable."""
    found: list[list[Sided]] = []
    for cells in readings(meeting):
        table = cells.table()
        relabelled = meeting.relabelled(cells, DRAWS, copy.deepcopy(generator))
        distances = distributions.permutation_p_values(table, relabelled)
        found.append(
            [
                Sided(
                    logrank.logrank(table, weight=Weight.AT_RISK).z,
                    logrank.permutation_p(table, relabelled, Weight.AT_RISK),
                ),
                Sided(logrank.max_combo_z(table), logrank.max_combo_p(table, relabelled)),
                *map(Sided, distributions.sides(table), distances),
            ]
        )
    return [least_favourable(test) for test in zip(*found, strict=True)]


def _rmst_difference(meeting: Meeting, level: float) -> OrderCertain:
    sparse = permutation.is_sparse(meeting.counts)

    def measure(times: MeanTimes) -> Interval:
        smaller, larger = times.means
        if sparse:
            return rmst.known_difference(smaller, larger, level)
        if meeting.unit is Unit.MEMBERS:
            return rmst.rmst_difference(smaller, larger, level)
        most = max(smaller.longest - larger.shortest, larger.longest - smaller.shortest)
        tail = Tail(rmst.difference_widening(smaller, larger), tailed_degrees(meeting, times))
        return units.difference(*times.parts, meeting.units, level, most, tail)

    return mean_between(meeting, measure)


def _bootstrap(meeting: Meeting, level: float, generator: np.random.Generator) -> OrderCertain:
    sparse = permutation.is_sparse(meeting.tables.rounded)

    def measure(times: MeanTimes) -> Interval:
        smaller, larger = times.means
        if sparse:
            return rmst.known_ratio(smaller, larger, level)
        most = max(smaller.longest / larger.shortest, larger.longest / smaller.shortest)
        one, other = times.parts
        draws = copy.deepcopy(generator)
        if meeting.unit is Unit.MEMBERS:
            return bootstrap.ratio_of_independent(one.value, other.value, level, most, draws)
        return bootstrap.ratio_of_units(one, other, meeting.units, level, most, draws)

    return mean_between(meeting, measure)


def _win_ratio(meeting: Meeting, level: float) -> WinRatio:
    """With an interval that holds at every order; without one where an order leaves no loss."""
    rounded, latest, earliest = (_win_ratio_of(meeting, cells, level) for cells in meeting.cells)
    ratios = [one.ratio for one in (rounded, latest, earliest)]
    known = [one for one in ratios if one is not None]
    ratio = OrderCertain.hull(*known) if len(known) == len(ratios) else None
    return dataclasses.replace(rounded, ratio=ratio)


def _win_ratio_of(meeting: Meeting, cells: Cells, level: float) -> WinRatio:
    if meeting.unit is Unit.MEMBERS:
        return win_ratio(cells.table(), level)
    of = meeting.smaller.unit, meeting.larger.unit
    return win_ratio_of_units(cells, *of, meeting.units, level)


def _pairs(meeting: Meeting, level: float) -> Pairs:
    one, other = (
        side.clock.restricted(meeting.horizon) for side in (meeting.smaller, meeting.larger)
    )
    rounded, latest, earliest = (units.pairs(cells, (one, other), level) for cells in meeting.cells)
    signs = [
        Sided(found.earlier - found.later, found.sign_p_value)
        for found in ((rounded,) if meeting.tables.shared_grid else (latest, earliest))
    ]
    return dataclasses.replace(
        rounded,
        win_probability=OrderCertain.hull(
            *(found.win_probability for found in (rounded, latest, earliest))
        ),
        sign_p_value=least_favourable(signs),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class SizeTrend:
    """Of three sizes or more, in training steps at the hardest target, smallest first.

    `ordered.z` above 0: larger cohorts take longer. `slope` is of the log hazard of reaching in the
    logarithm of the parameters; None where it cannot be estimated.
    """

    cohorts: tuple[str, ...]
    ordered: Ordered
    slope: Slope | None


def size_trend(records: Mapping[str, CohortRecords], margins: Margins) -> SizeTrend | None:
    """None unless sizes are known, three or more, and to one target on one grid.

    All are followed as far as the one of the smallest budget. None where runs were stopped early.
    """
    sized = sorted(
        (one.parameters, name) for name, one in records.items() if one.parameters is not None
    )
    if len({size for size, _ in sized}) < max(FEWEST_SIZES, len(records)):
        return None
    chosen = [records[name] for _, name in sized]
    times = [times_to(one) for one in chosen]
    grids = [list(one.spec.grid[: each.last]) for one, each in zip(chosen, times, strict=True)]
    both = min(map(len, grids))
    if len({(one.spec.target, *grid[:both]) for one, grid in zip(chosen, grids, strict=True)}) > 1:
        return None
    if not all(len(one.member) for one in chosen) or any(each.lost.any() for each in times):
        return None
    counts = [each.until(both).counts() for each in times]
    logs = [math.log(size) for size, _ in sized]
    return SizeTrend(
        cohorts=tuple(name for _, name in sized),
        ordered=trend.jonckheere(counts),
        slope=trend.hazard_slope(counts, logs, 1 - margins.alpha_win),
    )
