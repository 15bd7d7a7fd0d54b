"""Landmarks: how many members of each cohort had reached by a few times fixed beforehand."""

import bisect
import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.times import ClockTimes
from lab.verdicts.meeting import Meeting

Reached = npt.NDArray[np.bool_]
Difference = Callable[[Reached, Reached], Interval]
"""The interval of the share of the smaller's members that reached [N], less the larger's [M]."""
SHARES_OF_HORIZON = tuple(Fraction(percent, 100) for percent in (10, 20, 35, 50, 70, 100))


@dataclasses.dataclass(frozen=True, slots=True)
class Landmark:
    """Shares of the members that had reached by `time` (clock units), and their difference.

    `difference` is smaller less larger: above 0 the smaller cohort is ahead. Its interval holds
    wherever between two evaluations the times lie; `rounded` takes them at the later evaluation.
    """

    time: float
    smaller: float
    larger: float
    difference: OrderCertain
    rounded: Interval


def landmark_times(
    smaller: ClockTimes,
    larger: ClockTimes,
    horizon: Fraction,
    shares: Sequence[Fraction] = SHARES_OF_HORIZON,
) -> tuple[Fraction, ...]:
    """About 10, 20, 35, 50, 70 and 100% of the horizon, on the coarser cohort's grid.

    On a shared grid they are evaluations of both; else at most the finer cohort's cell is cut, and
    at the horizon, which is not on both grids, the coarser one's. Where that grid ends before the
    horizon, since all of its members had reached or diverged, it is taken to go on as it ended: how
    long anybody went on recording what was settled must not move a landmark.
    """
    coarser = max((smaller, larger), key=lambda side: (side.cell, side.cost))
    end = horizon / coarser.cost
    positions = coarser.positions.tolist()
    found = {_nearest(positions, share * end, end) for share in shares if share < 1}
    return tuple(sorted({*(step * coarser.cost for step in found if step is not None), horizon}))


def _nearest(positions: Sequence[int], wanted: Fraction, end: Fraction) -> int | None:
    """Of rising positions before the end the nearest, of two that are as near the earlier.

    After the last position its stretch is repeated; None where no position lies before the end.
    """
    last = positions[-1]
    stretch = last - (positions[-2] if len(positions) > 1 else 0)
    if wanted <= last:
        after = bisect.bisect_left(positions, wanted)
        near = list(positions[max(after - 1, 0) : after + 1])
    else:
        before = last + math.floor((wanted - last) / stretch) * stretch
        near = [before, before + stretch]
    inside = [step for step in near if step < end]
    return min(inside, key=lambda step: (abs(step - wanted), step)) if inside else None


def landmarks_at(
    times: Sequence[Fraction], meeting: Meeting, difference: Difference
) -> tuple[Landmark, ...]:
    """With an interval at each."""
    return tuple(_landmark(time, meeting, difference) for time in times)


def _landmark(time: Fraction, meeting: Meeting, difference: Difference) -> Landmark:
    sides = meeting.smaller.clock, meeting.larger.clock
    certain, possible = (
        [side.certainly(time) for side in sides],
        [side.possibly(time) for side in sides],
    )
    rounded = difference(certain[0], certain[1])
    least, most = difference(certain[0], possible[1]), difference(possible[0], certain[1])
    return Landmark(
        time=float(time),
        smaller=certain[0].sum() / max(meeting.smaller.members, 1),
        larger=certain[1].sum() / max(meeting.larger.members, 1),
        difference=OrderCertain.hull(rounded, least, most),
        rounded=rounded,
    )
