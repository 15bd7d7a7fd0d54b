"""From two cohorts to what the rules read: intervals of a fixed number of members."""

import copy
import dataclasses
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from lab.specs import Margins
from lab.statistics import permutation, proportions, rmst, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.rmst import RestrictedMean
from lab.statistics.tables import Table
from lab.statistics.win import Placement
from lab.verdicts.landmarks import Landmark, landmark_times, landmarks_at
from lab.verdicts.meeting import Meeting
from lab.verdicts.reading import Reading


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
    diverged less the larger's.
    """

    reading: Reading
    rounded: Reading | None
    landmarks: tuple[Landmark, ...]
    rmst_ratio: Interval
    divergence: Interval


def times_of_landmarks(meeting: Meeting) -> tuple[Fraction, ...]:
    """See `landmark_times`."""
    return landmark_times(meeting.smaller.clock, meeting.larger.clock, meeting.horizon)


def restricted_means(meeting: Meeting) -> tuple[RestrictedMean, RestrictedMean]:
    """Of the smaller and the larger cohort, up to their horizon."""
    smaller, larger = (
        rmst.restricted_mean(side.clock, meeting.horizon)
        for side in (meeting.smaller, meeting.larger)
    )
    return smaller, larger


def evidence(meeting: Meeting, levels: Levels, generator: np.random.Generator) -> Evidence:
    """Of all members at hand; `generator` draws permutations of sparse data only."""
    counts = meeting.tables
    sparse = permutation.is_sparse(counts.rounded)
    landmarks = landmarks_at(
        times_of_landmarks(meeting), meeting.smaller.clock, meeting.larger.clock, levels.landmark
    )

    def interval(placed: Placement) -> Interval:
        return Interval.of(placed.estimate, *win.bounds(placed, levels.win), levels.win)

    def reading(rounded: Table, latest: Table, earliest: Table, exact: bool) -> Reading:
        return Reading(
            win=between(rounded, latest, earliest, interval),
            differences=tuple(
                known(each.rounded) if exact else each.difference for each in landmarks
            ),
            p_value=p_value((latest, earliest), sparse, generator),
            sparse=sparse,
            reached=meeting.reached(),
        )

    as_seen = (counts.rounded,) * 3
    smaller, larger = ((side.diverged, side.members) for side in (meeting.smaller, meeting.larger))
    return Evidence(
        reading=reading(counts.rounded, counts.latest, counts.earliest, exact=False),
        rounded=None if counts.shared_grid else reading(*as_seen, exact=True),
        landmarks=landmarks,
        rmst_ratio=rmst.rmst_ratio(*restricted_means(meeting), levels.win),
        divergence=proportions.difference(smaller, larger, levels.win),
    )


def between(
    rounded: Table, latest: Table, earliest: Table, interval: Callable[[Placement], Interval]
) -> OrderCertain:
    """The win probability when a time is known only to lie between two evaluations."""
    lowest, highest, middle = (
        interval(win.placement(table.first, table.second)) for table in (latest, earliest, rounded)
    )
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


def p_value(pair: tuple[Table, Table], sparse: bool, generator: np.random.Generator) -> float:
    """Of p = 1/2, at whichever of the two tables favours it; 1 if they lie on both its sides."""
    latest, earliest = (win.placement(table.first, table.second) for table in pair)
    if latest.estimate < 0.5 < earliest.estimate:
        return 1.0
    different = pair[:1] if pair[0] is pair[1] else pair
    if sparse:
        # The same draws for both tables: else swapping the cohorts' roles would change them.
        copies = [copy.deepcopy(generator) for _ in different]
        return max(map(permutation.permutation_p, different, copies))
    return float(max(win.p_value(latest), win.p_value(earliest)))
