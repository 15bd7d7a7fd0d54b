"""Two-sample statistics where members were followed for unlike times, by Kaplan and Meier.

A member that was stopped early is right-censored there: it counts among those at risk up to its
last evaluation and says nothing of what came after. All that is here assumes that members were
stopped for reasons that have nothing to do with how soon they would have reached.
"""

import dataclasses
import functools
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lab.statistics import intervals, proportions, win
from lab.statistics.intervals import Floats, Interval
from lab.statistics.rmst import RestrictedMean
from lab.statistics.tables import Cells, Table
from lab.statistics.times import ClockTimes, Integers, Times
from lab.statistics.win import Placement

Lost = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class Exposure:
    """One cohort's counts in K ordered cells, the last of which is 'not by the horizon'.

    `events[k]` members reached in cell k and `lost[k]` were last seen there [K - 1]; events come
    before losses in one cell. The other of the `members` are known not to have reached by the
    horizon: they were followed to it, or diverged.
    """

    events: Integers
    lost: Integers
    members: int

    @functools.cached_property
    def at_risk(self) -> Integers:
        """Members that had neither reached nor been lost before each cell [K - 1]."""
        leaving = np.cumsum(self.events + self.lost)
        return np.asarray(self.members - np.concatenate([[0], leaving])[:-1], dtype=np.int64)

    @functools.cached_property
    def survival(self) -> Floats:
        """Share that has not reached by the end of each cell [K - 1]; Kaplan and Meier 1958."""
        return np.cumprod(1 - self.events / np.maximum(self.at_risk, 1), dtype=np.float64)

    @property
    def settled(self) -> int:
        """Members whose time up to the horizon is known: all that were not lost before it."""
        return self.members - int(self.lost.sum())

    def mean(self, score: Floats) -> tuple[float, float]:
        """Mean of a score of each cell [K] under the Kaplan-Meier curve, and its variance.

        The mean is score[0] plus the sum of (score[k + 1] - score[k]) S[k], and the variance is
        Greenwood's (1926): the sum of A[j]^2 d[j]/(Y[j](Y[j] - d[j])), where A[j] sums those terms
        from k = j on, d reached of Y at risk. Times N/(N - 1), so that members that were all
        followed have the sample variance over N.
        """
        parts = np.diff(score) * self.survival
        beyond = np.cumsum(parts[::-1])[::-1]
        left = np.maximum(self.at_risk - self.events, 1)
        hazard = self.events / (np.maximum(self.at_risk, 1) * left.astype(np.float64))
        variance = float((beyond**2 * hazard).sum()) * self.members / max(self.members - 1, 1)
        return float(score[0] + parts.sum()), variance

    @property
    def reached(self) -> float:
        """Share that has reached by the horizon."""
        return float(1 - self.survival[-1]) if len(self.survival) else 0.0


def exposures(cells: Cells) -> tuple[Exposure, Exposure]:
    """Counts of either cohort in the cells of both."""
    first, second = (
        Exposure(
            np.bincount(cell[~lost], minlength=cells.count)[:-1],
            np.bincount(cell[lost], minlength=cells.count)[:-1],
            len(cell),
        )
        for cell, lost in _sides(cells)
    )
    return first, second


def exposure(times: Times, last: int) -> Exposure:
    """Counts of one cohort at its own evaluations 0 to `last`, each a cell.

    Nobody reaches at evaluation 0, which is before training; who is lost there was never seen at
    an evaluation at which a success could have started.
    """
    reached = times.reached & (times.evaluation <= last)
    lost = times.lost & (times.follow_up < last)
    return Exposure(
        np.bincount(times.evaluation[reached], minlength=last + 1),
        np.bincount(times.follow_up[lost], minlength=last + 1),
        times.members,
    )


def placement(cells: Cells) -> Placement:
    """P(first earlier) + P(tie)/2 by the horizon, of two Kaplan-Meier curves.

    Efron 1967 (Proc. 5th Berkeley Symposium 4:831), with never against never a tie; each member is
    weighted by the inverse of its probability of being followed so far, for that is what the curves
    do (Satten and Datta 2001, American Statistician 55:207). The variance is Greenwood's of each
    curve with the other held fixed. `fewest` and `degrees` count the members whose times are
    settled. Where nobody was lost, or the lost could change the order of no pair, it is
    `win.placement` of all.
    """
    first, second = exposures(cells)
    extremes = [completed(cells, late).table() for late in (True, False)]
    lowest, highest = (win.placement(one.first, one.second) for one in extremes)
    if lowest.estimate == highest.estimate:
        return lowest
    before_first, before_second = (np.append(1.0, one.survival) for one in (first, second))
    reached_first, reached_second = -np.diff(before_first), -np.diff(before_second)
    behind = np.append(before_second[1:] + reached_second / 2, before_second[-1] / 2)
    ahead = np.append(1 - before_first[:-1] + reached_first / 2, 1 - before_first[-1] / 2)
    estimate, from_first = first.mean(behind)
    _, from_second = second.mean(ahead)
    settled = first.settled, second.settled
    return Placement(
        # Rounding must not leave a separated pair of cohorts a hair's breadth from 0 or 1.
        estimate=np.asarray(round(min(max(estimate, 0.0), 1.0), 12)),
        variance=np.asarray(from_first + from_second),
        degrees=intervals.welch_degrees(from_first, settled[0], from_second, settled[1]),
        fewest=np.asarray(float(min(settled))),
    )


def settled(cells: Cells) -> Table:
    """Counts of the members whose times up to the horizon are known."""
    first, second = (
        np.append(one.events, one.settled - one.events.sum()) for one in exposures(cells)
    )
    return Table(first, second)


def completed(cells: Cells, first_late: bool) -> Cells:
    """Cells as they would be if those lost had gone on as one extreme has it.

    With `first_late` nobody lost of the first cohort ever reaches and all lost of the second reach
    at once after they were last seen; otherwise the other way round. Whatever became of them, the
    win probability of all members lies between those of the two.
    """
    never = 2 * (cells.count - 1)

    def moved(cell: Integers, lost: Lost, late: bool) -> Integers:
        doubled = 2 * cell
        return np.where(lost, never if late else doubled + 1, doubled)

    first, second = _sides(cells)
    return Cells(moved(*first, first_late), moved(*second, not first_late), never + 1)


def _sides(cells: Cells) -> tuple[tuple[Integers, Lost], tuple[Integers, Lost]]:
    """Cell of each member of either cohort, and whether it was lost there."""
    first, second = (
        (cell, np.zeros(len(cell), np.bool_) if lost is None else lost)
        for cell, lost in ((cells.first, cells.lost_first), (cells.second, cells.lost_second))
    )
    return first, second


def restricted_mean(
    clock: ClockTimes, horizon: Fraction, at_earlier: bool = False
) -> RestrictedMean:
    """Area under the Kaplan-Meier curve up to the horizon, with Greenwood's variance.

    In clock units; times are taken at the evaluation that saw them, or at the one before it where
    `at_earlier`, and then also those whose stretch between two evaluations the horizon cuts. Where
    no spread was seen the variance is that of `rmst.restricted_mean`: one member at each extreme
    besides. `members` are those whose times are settled.
    """
    last = clock.begun(horizon) if at_earlier else clock.within(horizon)
    counts = exposure(clock.times, last)
    longest = float(horizon / clock.cost)
    edges = np.append(0, clock.positions[:last]).astype(np.float64)
    score = np.append(0.0, edges[:-1]) if at_earlier else edges
    mean, variance = counts.mean(np.append(score, longest))
    shortest = min(float(clock.positions[0]), longest)
    settled = max(counts.settled, 1)
    if variance <= 1e-18 * longest**2:
        extremes = (mean - shortest) ** 2 + (longest - mean) ** 2
        variance = extremes / (settled + 1) / settled
    unit = float(clock.cost)
    return RestrictedMean(
        mean=mean * unit,
        variance=variance * unit**2,
        members=counts.settled,
        shortest=shortest * unit,
        longest=longest * unit,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """Share of members that have reached by some time, and how many members it is worth."""

    estimate: float
    worth: float


def share_by(times: Times, evaluation: int) -> Share:
    """Share that has reached by an evaluation, by the Kaplan-Meier curve.

    It is worth as many members as would give it Greenwood's variance, p(1 - p)/variance; where no
    spread was seen, those whose fate up to there is known.
    """
    counts = exposure(times, evaluation)
    estimate, variance = counts.mean(np.append(np.ones(len(counts.events)), 0.0))
    spread = estimate * (1 - estimate)
    if variance > 1e-15 and spread > 1e-15:
        return Share(estimate, min(spread / variance, float(counts.members)))
    return Share(estimate, float(counts.settled))


def difference(first: Share, second: Share, level: float) -> Interval:
    """Difference of two shares; Newcombe 1998 with what each is worth in place of its members."""
    one, other = ((side.estimate * side.worth, side.worth) for side in (first, second))
    ends = proportions.newcombe_bounds(one, other, level)
    return Interval.of(first.estimate - second.estimate, *ends, level)


def end(evaluations: Integers, reached: npt.NDArray[np.bool_]) -> int | None:
    """Last evaluation to which the curve of these members can be told; None where that is any.

    `evaluations` are those of their hits, or to which those that have not reached were followed
    [N]; members that never will are not among them. If the last thing seen of them is a hit, all of
    the curve has been seen.
    """
    if not len(evaluations):
        return None
    last = int(evaluations.max())
    return None if bool(reached[evaluations == last].all()) else last
