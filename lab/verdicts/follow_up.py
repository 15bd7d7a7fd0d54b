"""What verdicts read where runs were stopped early, before the target and before the horizon."""

import dataclasses
from fractions import Fraction

import numpy as np

from lab.statistics import competing, follow_up, permutation, win
from lab.statistics.competing import End
from lab.statistics.follow_up import Share
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.logrank import Weight, logrank_at_risk
from lab.statistics.tables import Cells
from lab.verdicts.landmarks import Landmark
from lab.verdicts.meeting import Meeting, Side, Sided, least_favourable, readings


@dataclasses.dataclass(frozen=True, slots=True)
class FollowUp:
    """Runs that were stopped before the horizon, and what they could still change.

    `lowest` and `highest` are the win probabilities of the smaller net if all stopped runs had gone
    on as badly, and as well, for it as they could; `certain` says whether a direction that is named
    would be named at both.
    """

    stopped_smaller: int
    stopped_larger: int
    lowest: float
    highest: float
    certain: bool


def summary(meeting: Meeting, level: float) -> FollowUp | None:
    """Counts and extremes of a contrast's stopped runs; None where there are none."""
    if meeting.whole:
        return None
    latest, earliest = meeting.cells[1:]
    low = _extreme(latest, first_late=True, level=level)
    high = _extreme(earliest, first_late=False, level=level)
    first, second = follow_up.exposures(meeting.cells[0])
    return FollowUp(
        stopped_smaller=int(first.lost.sum()),
        stopped_larger=int(second.lost.sum()),
        lowest=low.estimate,
        highest=high.estimate,
        certain=low.above(0.5) or high.below(0.5),
    )


def _extreme(cells: Cells, first_late: bool, level: float) -> Interval:
    return win.win_probability(follow_up.completed(cells, first_late).table(), level)


def exact_p(cells: Cells, generator: np.random.Generator, draws: int) -> float:
    """p-value of p = 1/2 by exchanged labels, at whichever extreme of the stopped runs favours it.

    Labels cannot be exchanged among runs that were followed for unlike times; at an extreme all
    times are known. 1 if the extremes lie on both sides of 1/2.
    """
    # One state for both: else swapping the cohorts' roles would change the value.
    state = generator.bit_generator.state
    extremes = [follow_up.completed(cells, late).table() for late in (True, False)]
    placed = [float(win.placement(one.first, one.second).estimate) for one in extremes]
    if min(placed) < 0.5 < max(placed):
        return 1.0
    found = []
    for one in extremes:
        generator.bit_generator.state = state
        found.append(permutation.permutation_p(one, generator, draws))
    return max(found)


def logrank_p(meeting: Meeting, weight: Weight = Weight.EQUAL) -> float:
    """p-value of a log-rank test by risk sets, at the least favourable order within evaluations."""
    found = [logrank_at_risk(*follow_up.exposures(cells), weight) for cells in readings(meeting)]
    return least_favourable([Sided(one.z, one.p_value) for one in found])


def landmark(time: Fraction, meeting: Meeting, level: float) -> Landmark:
    """Shares that had reached by a time, by the curves of either cohort, and their difference."""
    sides = meeting.smaller.clock, meeting.larger.clock
    certain = [follow_up.share_by(side.times, side.within(time)) for side in sides]
    possible = [follow_up.share_by(side.times, side.begun(time)) for side in sides]
    rounded = follow_up.difference(certain[0], certain[1], level)
    least = follow_up.difference(certain[0], possible[1], level)
    most = follow_up.difference(possible[0], certain[1], level)
    return Landmark(
        time=float(time),
        smaller=certain[0].estimate,
        larger=certain[1].estimate,
        difference=OrderCertain.hull(rounded, least, most),
        rounded=rounded,
    )


def divergence(meeting: Meeting, level: float) -> Interval:
    """Share of the smaller's members that had diverged by the horizon, less the larger's.

    Aalen and Johansen's cumulative incidences, for a run that was stopped might have diverged
    later; each is worth as many members as give it its variance.
    """
    one, other = (
        _diverged(side, side.clock.within(meeting.horizon), level)
        for side in (meeting.smaller, meeting.larger)
    )
    return follow_up.difference(one, other, level)


def _diverged(side: Side, last: int, level: float) -> Share:
    times = side.clock.times
    seen = np.where(times.reached, times.evaluation, side.ended)
    ends = np.where(times.reached, End.REACHED, np.where(side.diverged, End.DIVERGED, End.CENSORED))
    curve = competing.cumulative_incidence(seen, ends.astype(np.int64), End.DIVERGED, level)
    at = int(np.searchsorted(curve.evaluation, last, side="right")) - 1
    known = times.members - int((times.lost & (side.ended < last)).sum())
    return Share.of(float(curve.share[at]), float(curve.variance[at]), times.members, known)
