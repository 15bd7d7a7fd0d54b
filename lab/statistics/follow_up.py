"""Two-sample statistics where members were followed for unlike times.

A member that was stopped early is right-censored there: it counts among those at risk up to its
last evaluation and says nothing of what came after. One that diverged has never reached, and is at
risk of being stopped up to there only, so the curves are Kaplan and Meier's where nobody diverged
and Aalen and Johansen's else. All that is here assumes that members were stopped for reasons that
have nothing to do with how soon they would have reached.
"""

import dataclasses
import functools
from fractions import Fraction
from typing import Self

import numpy as np

from lab.statistics import intervals, proportions, win
from lab.statistics.intervals import Floats, Interval
from lab.statistics.rmst import RestrictedMean
from lab.statistics.tables import Cells, Flags, Table
from lab.statistics.times import SOONEST, ClockTimes, Integers, Times
from lab.statistics.win import Placement


@dataclasses.dataclass(frozen=True, eq=False)
class Exposure:
    """One cohort's counts in K ordered cells, the last of which is 'not by the horizon'.

    `reached[k]` members reached in cell k, `gone[k]` were found there to have diverged and
    `lost[k]` were last seen there [K - 1]; what happens in a cell comes before losses there. The
    other of the `members` were followed to the horizon without reaching.
    """

    reached: Integers
    gone: Integers
    lost: Integers
    members: int

    @functools.cached_property
    def at_risk(self) -> Integers:
        """Members that might still reach, or be lost, before each cell [K - 1]."""
        leaving = np.cumsum(self.reached + self.gone + self.lost)
        return np.asarray(self.members - np.concatenate([[0], leaving])[:-1], dtype=np.int64)

    @functools.cached_property
    def staying(self) -> Floats:
        """Share that has neither reached nor diverged before each cell [K - 1]."""
        left = 1 - (self.reached + self.gone) / np.maximum(self.at_risk, 1)
        return np.concatenate([[1.0], np.cumprod(left, dtype=np.float64)])[:-1]

    @functools.cached_property
    def incidence(self) -> Floats:
        """Share that has reached by the end of each cell [K - 1].

        Aalen and Johansen 1978: who diverged never reaches, and cannot be lost any more either.
        Where nobody diverged it is 1 - Kaplan-Meier.
        """
        return np.cumsum(self.staying * self.reached / np.maximum(self.at_risk, 1))

    @property
    def share(self) -> float:
        """Share that has reached by the horizon."""
        return float(self.incidence[-1]) if len(self.incidence) else 0.0

    @property
    def settled(self) -> int:
        """Members whose time up to the horizon is known: all that were not lost before it."""
        return self.members - int(self.lost.sum())

    def mean(self, score: Floats) -> tuple[float, float]:
        """Mean of a score of each cell [K] under the incidence, and its sampling variance.

        Each member that reached counts with the inverse of its probability of not being lost
        before. The variance is the delta method's from independent multinomial draws in each cell,
        of those at risk: Greenwood's (1926) where nobody diverged. Times N/(N - 1), so that members
        that were all followed have the sample variance over N.
        """
        gain, risk = score[:-1] - score[-1], np.maximum(self.at_risk, 1).astype(np.float64)
        reaching, leaving = self.reached / risk, self.gone / risk
        parts = gain * self.staying * reaching
        later = np.append(np.cumsum(parts[::-1])[::-1], 0.0)[1:]
        still = self.staying * (1 - reaching - leaving)
        # What those still there after a cell can yet expect; nothing where nobody is.
        rest = np.divide(later, still, out=np.zeros_like(later), where=still > 1e-12)
        spread = (
            reaching * (1 - reaching) * (gain - rest) ** 2
            + leaving * (1 - leaving) * rest**2
            + 2 * reaching * leaving * (gain - rest) * rest
        )
        variance = float((self.staying**2 / risk * spread).sum())
        correction = self.members / max(self.members - 1, 1)
        return float(score[-1] + parts.sum()), max(variance, 0.0) * correction


def exposures(cells: Cells) -> tuple[Exposure, Exposure]:
    """Counts of either cohort in the cells of both."""

    def counted(cell: Integers) -> Integers:
        return np.bincount(cell, minlength=cells.count)[:-1]

    first, second = (
        Exposure(counted(cell[~lost & ~gone]), counted(cell[gone]), counted(cell[lost]), len(cell))
        for cell, lost, gone in _sides(cells)
    )
    return first, second


def exposure(times: Times, last: int) -> Exposure:
    """Counts of one cohort at its own evaluations 0 to `last`, each a cell.

    Nobody reaches at evaluation 0, which is before training; who is lost there was never seen at
    an evaluation at which a success could have started.
    """
    reached = times.reached & (times.evaluation <= last)
    early = times.follow_up < last
    return Exposure(
        np.bincount(times.evaluation[reached], minlength=last + 1),
        np.bincount(times.follow_up[times.never & early], minlength=last + 1),
        np.bincount(times.follow_up[times.lost & early], minlength=last + 1),
        times.members,
    )


def placement(cells: Cells) -> Placement:
    """P(first earlier) + P(tie)/2 by the horizon, of two cohorts' incidences.

    Efron 1967 (Proc. 5th Berkeley Symposium 4:831), with never against never a tie; each member is
    weighted by the inverse of its probability of being followed so far, for that is what the curves
    do (Satten and Datta 2001, American Statistician 55:207). The variance is that of each curve
    with the other held fixed. `fewest` and `degrees` count the members whose times are settled.
    Where nobody was lost, or the lost could change the order of no pair, it is `win.placement` of
    all.
    """
    first, second = exposures(cells)
    extremes = [completed(cells, late).table() for late in (True, False)]
    lowest, highest = (win.placement(one.first, one.second) for one in extremes)
    if lowest.estimate == highest.estimate:
        return lowest
    by_first, by_second = (np.append(0.0, one.incidence) for one in (first, second))
    behind = np.append(1 - by_second[1:] + np.diff(by_second) / 2, (1 - by_second[-1]) / 2)
    ahead = np.append(by_first[:-1] + np.diff(by_first) / 2, (1 + by_first[-1]) / 2)
    estimate, from_first = first.mean(behind)
    _, from_second = second.mean(ahead)
    known = first.settled, second.settled
    return Placement(
        # Rounding must not leave a separated pair of cohorts a hair's breadth from 0 or 1.
        estimate=np.asarray(round(min(max(estimate, 0.0), 1.0), 12)),
        variance=np.asarray(from_first + from_second),
        degrees=intervals.welch_degrees(from_first, known[0], from_second, known[1]),
        fewest=np.asarray(float(min(known))),
    )


def settled(cells: Cells) -> Table:
    """Counts of the members whose times up to the horizon are known."""
    if cells.whole:
        return cells.table()
    first, second = (
        np.append(one.reached, one.settled - one.reached.sum()) for one in exposures(cells)
    )
    return Table(first, second)


def completed(cells: Cells, first_late: bool) -> Cells:
    """Cells as they would be if those lost had gone on as one extreme has it.

    With `first_late` nobody lost of the first cohort ever reaches and all lost of the second reach
    at once after they were last seen; otherwise the other way round. Whatever became of them, the
    win probability of all members lies between those of the two.
    """
    never = 2 * (cells.count - 1)

    def moved(cell: Integers, lost: Flags, gone: Flags, late: bool) -> Integers:
        doubled = np.where(gone, never, 2 * cell)
        return np.where(lost, never if late else doubled + 1, doubled)

    first, second = _sides(cells)
    return Cells(moved(*first, first_late), moved(*second, not first_late), never + 1)


def _sides(cells: Cells) -> list[tuple[Integers, Flags, Flags]]:
    """Cell of each member of either cohort, and whether it was lost, or gone, there."""
    sides = (
        (cells.first, cells.lost_first, cells.gone_first),
        (cells.second, cells.lost_second, cells.gone_second),
    )

    def known(flags: Flags | None, members: int) -> Flags:
        return np.zeros(members, np.bool_) if flags is None else flags

    return [(cell, known(lost, len(cell)), known(gone, len(cell))) for cell, lost, gone in sides]


def restricted_mean(clock: ClockTimes, horizon: Fraction) -> RestrictedMean:
    """Area above the incidence up to the horizon, with the variance of `Exposure.mean`.

    In clock units; times are taken at the evaluation that saw them. Where no spread was seen the
    variance is that of `rmst.restricted_mean`: one member at each extreme besides. `members` are
    those whose times are settled.
    """
    last = clock.within(horizon)
    steps = np.append(0, clock.positions[:last]).astype(np.float64)
    return _mean(clock, horizon, steps, float(clock.positions[0]))


def earliest_mean(clock: ClockTimes, horizon: Fraction) -> RestrictedMean:
    """The same were every time as early as the evaluations allow (`restricted_earliest`).

    Also of those whose stretch between two evaluations the horizon cuts.
    """
    last = clock.begun(horizon)
    steps = np.concatenate([[0, SOONEST], clock.positions])[: last + 1]
    return _mean(clock, horizon, steps, SOONEST)


def _mean(clock: ClockTimes, horizon: Fraction, steps: Floats, soonest: float) -> RestrictedMean:
    """From the steps that evaluations 0 to the last one that counts stand for."""
    counts = exposure(clock.times, len(steps) - 1)
    longest = float(horizon / clock.cost)
    mean, variance = counts.mean(np.append(np.minimum(steps, longest), longest))
    shortest = min(soonest, longest)
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
    """Share of members to which something has happened, and how many members it is worth."""

    estimate: float
    worth: float

    @classmethod
    def of(cls, estimate: float, variance: float, members: int, known: int) -> Self:
        """A share worth as many members as would give it its variance, p(1 - p)/variance.

        At most all `members`; where no spread was seen, those whose fate is `known`.
        """
        spread = estimate * (1 - estimate)
        if variance > 1e-15 and spread > 1e-15:
            return cls(estimate, min(spread / variance, float(members)))
        return cls(estimate, float(known))


def share_by(times: Times, evaluation: int) -> Share:
    """Share that has reached by an evaluation."""
    counts = exposure(times, evaluation)
    estimate, variance = counts.mean(np.append(np.ones(evaluation + 1), 0.0))
    return Share.of(estimate, variance, counts.members, counts.settled)


def difference(first: Share, second: Share, level: float) -> Interval:
    """Difference of two shares; Newcombe 1998 with what each is worth in place of its members."""
    one, other = ((side.estimate * side.worth, side.worth) for side in (first, second))
    ends = proportions.newcombe_bounds(one, other, level)
    return Interval.of(first.estimate - second.estimate, *ends, level)


def end(evaluations: Integers, reached: Flags) -> int | None:
    """Last evaluation to which the curve of these members can be told; None where that is any.

    `evaluations` are those of their hits, or to which those that have not reached were followed
    [N]; members that never will are not among them. If the last thing seen of them is a hit, all of
    the curve has been seen.
    """
    if not len(evaluations):
        return None
    last = int(evaluations.max())
    return None if bool(reached[evaluations == last].all()) else last
