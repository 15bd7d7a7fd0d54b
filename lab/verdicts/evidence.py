"""From two cohorts to what the rules read: intervals of a fixed number of members."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from lab.specs import Margins
from lab.statistics import follow_up as lost
from lab.statistics import logrank, permutation, proportions, rmst, units, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.rmst import RestrictedMean
from lab.statistics.tables import Cells
from lab.statistics.units import Part, Tail
from lab.statistics.win import Placement
from lab.verdicts import follow_up
from lab.verdicts.landmarks import Landmark, Reached, landmark_times, landmarks_at
from lab.verdicts.meeting import Meeting, Sided, Unit, least_favourable, readings
from lab.verdicts.reading import Reading

LOGRANK_DRAWS = 1_999


@dataclasses.dataclass(frozen=True, slots=True)
class Levels:
    """Of the interval of the win probability, and of that at each landmark."""

    win: float
    landmark: float

    @staticmethod
    def declared(margins: Margins, landmarks: int) -> "Levels":
        """The landmarks share theirs equally."""
        return Levels(1 - margins.alpha_win, 1 - margins.alpha_landmarks / landmarks)


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What rows 3 to 8 read, and what is told besides.

    `rounded` is what they would read if every time were the end of its interval; None where that
    is the same, as on a shared grid. `rmst_ratio` holds wherever between two evaluations the times
    lie, `rmst_rounded` takes them at the later one. `divergence` is the share of the smaller's
    members that diverged less the larger's. `log_e_value` is there where members were added in
    turn.
    """

    reading: Reading
    rounded: Reading | None
    landmarks: tuple[Landmark, ...]
    rmst_ratio: OrderCertain
    rmst_rounded: Interval
    divergence: Interval
    logrank_p_value: float
    log_e_value: float | None


def times_of_landmarks(meeting: Meeting) -> tuple[Fraction, ...]:
    """See `landmark_times`."""
    return landmark_times(meeting.smaller.clock, meeting.larger.clock, meeting.horizon)


def restricted_means(meeting: Meeting) -> tuple[RestrictedMean, RestrictedMean]:
    """Of the smaller and the larger cohort, up to their horizon."""
    of = rmst.restricted_mean if meeting.whole else lost.restricted_mean
    smaller, larger = (
        of(side.clock, meeting.horizon) for side in (meeting.smaller, meeting.larger)
    )
    return smaller, larger


def restricted_parts(meeting: Meeting) -> tuple[Part, Part]:
    """min(T, horizon) of every member of either cohort in clock units, with its unit."""
    one, other = (
        Part(side.clock.restricted(meeting.horizon) * float(side.clock.cost), side.unit)
        for side in (meeting.smaller, meeting.larger)
    )
    return one, other


class MeanTimes(NamedTuple):
    """Both cohorts' min(T, horizon) at one reading of the times, the smaller's first.

    Where runs were stopped early the parts, of single members, say nothing; members are then what
    is replicated, and measures of them read the means alone.
    """

    means: tuple[RestrictedMean, RestrictedMean]
    parts: tuple[Part, Part]


Measure = Callable[[MeanTimes], Interval]


def mean_times(meeting: Meeting) -> tuple[MeanTimes, MeanTimes, MeanTimes]:
    """As seen; then the smaller's as early as they may be, then the larger's.

    On a shared grid too: rounding up moves both means alike, and so their ratio towards 1.
    """
    means, parts = restricted_means(meeting), restricted_parts(meeting)
    sides = meeting.smaller, meeting.larger
    earliest = rmst.earliest_mean if meeting.whole else lost.earliest_mean
    early_means = [earliest(side.clock, meeting.horizon) for side in sides]
    early_parts = [
        Part(side.clock.restricted_earliest(meeting.horizon) * float(side.clock.cost), side.unit)
        for side in sides
    ]
    return (
        MeanTimes(means, parts),
        MeanTimes((early_means[0], means[1]), (early_parts[0], parts[1])),
        MeanTimes((means[0], early_means[1]), (parts[0], early_parts[1])),
    )


def mean_between(meeting: Meeting, measure: Measure) -> OrderCertain:
    """A measure of mean times that holds wherever between two evaluations they lie."""
    return OrderCertain.hull(*map(measure, mean_times(meeting)))


def mean_ratio(meeting: Meeting, level: float, sparse: bool) -> Measure:
    """The ratio of restricted means by what is replicated; of sparse data the horizon's alone."""

    def measure(times: MeanTimes) -> Interval:
        smaller, larger = times.means
        if sparse:
            return rmst.known_ratio(smaller, larger, level)
        if meeting.unit is Unit.MEMBERS:
            return rmst.rmst_ratio(smaller, larger, level)
        most = max(smaller.longest / larger.shortest, larger.longest / smaller.shortest)
        tail = Tail(rmst.ratio_widening(smaller, larger), tailed_degrees(meeting, times))
        return units.log_ratio(*times.parts, meeting.units, level, most, tail)

    return measure


def tailed_degrees(meeting: Meeting, times: MeanTimes) -> int | None:
    """Degrees of freedom of means of pairs; None, which is the units less one, of data orders."""
    if meeting.unit is Unit.PAIRS and meeting.units > 1:
        return max(min(one.seen for one in times.means) - 1, 1)
    return None


def evidence(meeting: Meeting, levels: Levels, generator: np.random.Generator) -> Evidence:
    """Of all members at hand; `generator` draws permutations of sparse data only."""
    counts = meeting.tables
    sparse = permutation.is_sparse(meeting.counts)
    landmarks = _landmarks(meeting, levels.landmark)

    def interval(placed: Placement) -> Interval:
        bounds = units.win_bounds if meeting.unit is Unit.BLOCKS else win.bounds
        return Interval.of(placed.estimate, *bounds(placed, levels.win), levels.win)

    certain = Reading(
        win=between(meeting, interval),
        differences=tuple(each.difference for each in landmarks),
        p_value=p_value(meeting, meeting.cells[1:], sparse, generator),
        sparse=sparse,
        reached=meeting.reached(),
    )
    rounded = None
    if not counts.shared_grid:
        rounded = dataclasses.replace(
            certain,
            win=OrderCertain.as_seen(interval(meeting.placements[0])),
            differences=tuple(OrderCertain.as_seen(each.rounded) for each in landmarks),
            p_value=p_value(meeting, meeting.cells[:1], sparse, generator),
        )
    ratios = [mean_ratio(meeting, levels.win, sparse)(times) for times in mean_times(meeting)]
    return Evidence(
        reading=certain,
        rounded=rounded,
        landmarks=landmarks,
        rmst_ratio=OrderCertain.hull(*ratios),
        rmst_rounded=ratios[0],
        divergence=_divergence(meeting, levels.win),
        logrank_p_value=_logrank_p(meeting, sparse, copy.deepcopy(generator)),
        log_e_value=None,
    )


def _landmarks(meeting: Meeting, level: float) -> tuple[Landmark, ...]:
    times = times_of_landmarks(meeting)
    if not meeting.whole:
        return tuple(follow_up.landmark(time, meeting, level) for time in times)
    return landmarks_at(
        times, meeting, lambda first, second: difference(meeting, first, second, level)
    )


def _divergence(meeting: Meeting, level: float) -> Interval:
    if not meeting.whole:
        return follow_up.divergence(meeting, level)
    return difference(meeting, meeting.smaller.diverged, meeting.larger.diverged, level)


def difference(meeting: Meeting, first: Reached, second: Reached, level: float) -> Interval:
    """Of the shares of the smaller's and the larger's members of which something is true."""
    if meeting.unit is Unit.MEMBERS:
        return proportions.difference(
            (int(first.sum()), len(first)), (int(second.sum()), len(second)), level
        )
    one = Part(first.astype(np.float64), meeting.smaller.unit)
    other = Part(second.astype(np.float64), meeting.larger.unit)
    return units.share_difference(one, other, meeting.units, level)


def _logrank_p(meeting: Meeting, sparse: bool, generator: np.random.Generator) -> float:
    """By exchanged labels where normal theory does not hold, or members depend on each other.

    By risk sets where runs were stopped early: their labels cannot be exchanged.
    """
    if not meeting.whole:
        return follow_up.logrank_p(meeting)

    def test(cells: Cells) -> Sided:
        table = cells.table()
        found = logrank.logrank(table)
        if meeting.unit is Unit.MEMBERS and not sparse:
            return Sided(found.z, found.p_value)
        # The same draws for all readings: else swapping the cohorts' roles would change them.
        relabelled = meeting.relabelled(cells, LOGRANK_DRAWS, copy.deepcopy(generator))
        return Sided(found.z, logrank.permutation_p(table, relabelled))

    return least_favourable([test(cells) for cells in readings(meeting)])


def between(meeting: Meeting, interval: Callable[[Placement], Interval]) -> OrderCertain:
    """The win probability when a time is known only to lie between two evaluations."""
    return OrderCertain.hull(*map(interval, meeting.placements))


def p_value(
    meeting: Meeting,
    readings: Sequence[Cells],
    sparse: bool,
    generator: np.random.Generator,
    draws: int = permutation.DRAWS,
) -> float:
    """Of p = 1/2, at whichever of the readings favours it; 1 if they lie on both its sides."""
    placed = [meeting.placement(cells) for cells in readings]
    if min(one.estimate for one in placed) < 0.5 < max(one.estimate for one in placed):
        return 1.0
    different = readings if any(one is not readings[0] for one in readings) else readings[:1]
    if sparse:
        # The same draws for all readings: else swapping the cohorts' roles would change them.
        return max(_exact_p(meeting, cells, copy.deepcopy(generator), draws) for cells in different)
    of_t = units.win_p_value if meeting.unit is Unit.BLOCKS else win.p_value
    return max(float(of_t(one)) for one in placed)


def _exact_p(meeting: Meeting, cells: Cells, generator: np.random.Generator, draws: int) -> float:
    """By exchanging what chance could have exchanged: members, mates, or blocks' signs."""
    if not cells.whole:
        return follow_up.exact_p(cells, generator, draws)
    if meeting.unit is Unit.MEMBERS:
        return permutation.permutation_p(cells.table(), generator, draws)
    smaller, larger = meeting.smaller.unit, meeting.larger.unit
    if meeting.unit is Unit.PAIRS:
        one, other = cells.first[np.argsort(smaller)], cells.second[np.argsort(larger)]
        return units.sign_p_value(int((one < other).sum()), int((one > other).sum()))
    return units.flip_p_value(cells, smaller, larger, meeting.units, generator)
