"""From two cohorts to what the rules read: intervals of a fixed number of members."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from lab.specs import Margins
from lab.statistics import follow_up as lost
from lab.statistics import logrank, permutation, proportions, rmst, units, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.rmst import RestrictedMean
from lab.statistics.tables import Cells
from lab.statistics.units import Part
from lab.statistics.win import Placement
from lab.verdicts import follow_up
from lab.verdicts.landmarks import Landmark, Reached, landmark_times, landmarks_at
from lab.verdicts.meeting import Meeting, Unit
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
    is the same, as on a shared grid. `divergence` is the share of the smaller's members that
    diverged less the larger's. `log_e_value` is there where members were added in turn.
    """

    reading: Reading
    rounded: Reading | None
    landmarks: tuple[Landmark, ...]
    rmst_ratio: Interval
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
            win=known(interval(meeting.placements[0])),
            differences=tuple(known(each.rounded) for each in landmarks),
            p_value=p_value(meeting, meeting.cells[:1], sparse, generator),
        )
    return Evidence(
        reading=certain,
        rounded=rounded,
        landmarks=landmarks,
        rmst_ratio=_rmst_ratio(meeting, levels.win, sparse),
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
    return units.difference(one, other, meeting.units, level, most=1.0)


def _rmst_ratio(meeting: Meeting, level: float, sparse: bool) -> Interval:
    smaller, larger = restricted_means(meeting)
    if sparse:
        return rmst.known_ratio(smaller, larger, level)
    if meeting.unit is Unit.MEMBERS:
        return rmst.rmst_ratio(smaller, larger, level)
    most = max(smaller.longest / larger.shortest, larger.longest / smaller.shortest)
    return units.log_ratio(*restricted_parts(meeting), meeting.units, level, most)


def _logrank_p(meeting: Meeting, sparse: bool, generator: np.random.Generator) -> float:
    """By exchanged labels where normal theory does not hold, or members depend on each other.

    By risk sets where runs were stopped early: their labels cannot be exchanged.
    """
    if not meeting.whole:
        return follow_up.logrank_p(meeting)
    table = meeting.tables.rounded
    if meeting.unit is Unit.MEMBERS and not sparse:
        return logrank.logrank(table).p_value
    return logrank.permutation_p(table, meeting.relabelled(LOGRANK_DRAWS, generator))


def between(meeting: Meeting, interval: Callable[[Placement], Interval]) -> OrderCertain:
    """The win probability when a time is known only to lie between two evaluations."""
    middle, lowest, highest = map(interval, meeting.placements)
    return OrderCertain(
        estimate=middle.estimate,
        lower=lowest.lower,
        upper=highest.upper,
        level=middle.level,
        lowest=lowest.estimate,
        highest=highest.estimate,
    )


def known(interval: Interval) -> OrderCertain:
    """Of times taken as seen: no order is open."""
    ends = dataclasses.asdict(interval)
    return OrderCertain(**ends, lowest=interval.estimate, highest=interval.estimate)


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
