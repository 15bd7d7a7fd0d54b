"""What the rules would read of cohorts with more members, were the estimates to hold."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lab.statistics import enlargement, intervals, proportions, sequences, units, win
from lab.statistics.enlargement import smallest_p
from lab.statistics.intervals import Floats, OrderCertain
from lab.statistics.permutation import MINIMUM
from lab.statistics.win import Placement
from lab.verdicts.landmarks import Landmark
from lab.verdicts.meeting import Meeting, Unit
from lab.verdicts.reading import Reading

NOISE = 0.7
"""A difference that an interval so many times as long does not tell from 0 is taken for noise: with
intervals of 99.7% about two standard errors."""
Bounds = tuple[Floats, Floats]


@dataclasses.dataclass(frozen=True, eq=False)
class Forecast:
    """Intervals recomputed for other numbers of members, by the formulas that they are made by.

    Estimates stay as they are, and what the grid adds to an interval stays too. A landmark at which
    the cohorts differ by no more than NOISE is taken to lie anywhere from there to no difference,
    since its sign is not known. With `in_sequence` the intervals are confidence sequences, which
    narrow as their own boundary does and never widen.
    """

    meeting: Meeting
    reading: Reading
    landmarks: tuple[Landmark, ...]
    in_sequence: bool

    def readings(self, smaller: Floats, larger: Floats) -> Iterator[Reading]:
        """What would be read with so many members of the smaller and of the larger cohort [M]."""
        win_ends = self._win(smaller, larger)
        differences = [_without_sign(one.difference) for one in self.landmarks]
        ends = [self._difference(one, smaller, larger) for one in self.landmarks]
        sparse = self._sparse(smaller, larger)
        for index in range(len(smaller)):
            sizes = float(smaller[index]), float(larger[index])
            yield Reading(
                win=_with_ends(self.reading.win, win_ends, index),
                differences=tuple(
                    _with_ends(one, both, index)
                    for one, both in zip(differences, ends, strict=True)
                ),
                p_value=self._p_value(*sizes) if sparse[index] else 0.0,
                sparse=bool(sparse[index]),
                reached=self.reading.reached,
            )

    def _units(self, smaller: Floats, larger: Floats) -> Floats:
        """How many pairs or data orders there would be, whole ones, of as many members each."""
        share = np.minimum(smaller, larger) / self.meeting.members
        return np.floor(share * self.meeting.units + 1e-9)

    def _win(self, smaller: Floats, larger: Floats) -> Bounds:
        level = self.reading.win.level
        _, latest, earliest = (self._placed(index, smaller, larger) for index in range(3))
        if self.in_sequence:
            bounds: Callable[[Placement, float], Bounds] = sequences.win_bounds
        else:
            bounds = units.win_bounds if self.meeting.unit is Unit.BLOCKS else win.bounds
        return self._kept(self.reading.win, bounds(latest, level)[0], bounds(earliest, level)[1])

    def _placed(self, index: int, smaller: Floats, larger: Floats) -> Placement:
        if self.meeting.unit is Unit.MEMBERS:
            table = self.meeting.cells[index].table()
            return enlargement.placement_of_members(table, smaller, larger)
        placed = self.meeting.placements[index]
        return enlargement.placement_of_units(placed, self._units(smaller, larger))

    def _difference(self, landmark: Landmark, smaller: Floats, larger: Floats) -> Bounds:
        """The ends of a landmark's interval [M]."""
        known = landmark.difference
        if self.meeting.unit is Unit.MEMBERS:
            below, above = self._sampling_parts(landmark, smaller, larger)
        else:
            ratio = self._narrowing(self._units(smaller, larger), known.level)
            below = ratio * (known.lowest - known.lower)
            above = ratio * (known.upper - known.highest)
        free = _without_sign(known)
        return self._kept(known, free.lowest - below, free.highest + above)

    def _sampling_parts(self, landmark: Landmark, smaller: Floats, larger: Floats) -> Bounds:
        """How far the interval reaches below `lowest` and above `highest` [M]."""
        known = landmark.difference
        certain = landmark.smaller, landmark.larger
        possible = _share(known.highest + certain[1]), _share(certain[0] - known.lowest)
        least = (certain[0] * smaller, smaller), (possible[1] * larger, larger)
        most = (possible[0] * smaller, smaller), (certain[1] * larger, larger)
        if self.in_sequence:
            return (
                sequences.difference_reach(*least, known.level),
                sequences.difference_reach(*most, known.level),
            )
        return (
            known.lowest - proportions.newcombe_bounds(*least, known.level)[0],
            proportions.newcombe_bounds(*most, known.level)[1] - known.highest,
        )

    def _narrowing(self, more: Floats, level: float) -> Floats:
        """How many times as long an interval by units is with so many of them [M]."""
        now = self.meeting.units
        if now < 2:
            return np.ones_like(more)  # One unit shows no spread: how far to the end nobody knows.
        if self.in_sequence:
            return sequences.reach(more, 1.0, level) / sequences.reach(now, 1.0, level)
        quantile = intervals.t_quantile(level, more - 1) / intervals.t_quantile(level, now - 1)
        return quantile * np.sqrt(now / more)

    def _kept(self, known: OrderCertain, lower: Floats, upper: Floats) -> Bounds:
        """Of a sequence also what is known already."""
        if not self.in_sequence:
            return lower, upper
        return np.maximum(lower, known.lower), np.minimum(upper, known.upper)

    def _sparse(self, smaller: Floats, larger: Floats) -> npt.NDArray[np.bool_]:
        """See `permutation.is_sparse` [M], the shares of members in each cell as they are."""
        found = np.zeros(smaller.shape, np.bool_)
        table = self.meeting.tables.rounded
        for counts, members in ((table.first, smaller), (table.second, larger)):
            least = min(counts[:-1].sum(), counts.sum() - counts.max()) / counts.sum()
            found |= np.round(least * members, 9) < MINIMUM
        return found

    def _p_value(self, smaller: float, larger: float) -> float:
        """The exact test's: no better than normal theory's, nor than exchanges can give at all."""
        if self.in_sequence:
            # Evidence is a product over members: its logarithm grows with their number.
            grown = min(smaller, larger) / self.meeting.members
            return float(self.reading.p_value**grown)
        sizes = np.array([smaller]), np.array([larger])
        placed = [self._placed(index, *sizes) for index in (1, 2)]
        if self.meeting.unit is Unit.BLOCKS:
            many = float(self._units(*sizes)[0])
            found = [units.win_p_value(_alone(one)) for one in placed]
            return max(*found, min(2 * 0.5**many, 1.0))
        if self.meeting.unit is Unit.PAIRS:
            grown = smaller / self.meeting.members
            return max(self._sign_p(index, grown) for index in (1, 2))
        tables = [self.meeting.cells[index].table() for index in (1, 2)]
        attainable = [smallest_p(table, smaller, larger) for table in tables]
        return max(*(float(win.p_value(one)[0]) for one in placed), *attainable)

    def _sign_p(self, index: int, grown: float) -> float:
        cells = self.meeting.cells[index]
        first = cells.first[np.argsort(self.meeting.smaller.unit)]
        second = cells.second[np.argsort(self.meeting.larger.unit)]
        wins, losses = np.count_nonzero(first < second), np.count_nonzero(first > second)
        return units.sign_p_value(round(wins * grown), round(losses * grown))


def _without_sign(known: OrderCertain) -> OrderCertain:
    """A difference as large as it was seen or smaller, where that much is noise."""
    near = known.shrunk(NOISE)
    if near.above(0) or near.below(0):
        return known
    return dataclasses.replace(
        known, lowest=min(known.lowest, 0.0), highest=max(known.highest, 0.0)
    )


def _with_ends(known: OrderCertain, ends: Bounds, index: int) -> OrderCertain:
    return dataclasses.replace(known, lower=float(ends[0][index]), upper=float(ends[1][index]))


def _share(value: float) -> float:
    """A share that was computed as a difference of shares, without its rounding."""
    return min(max(round(value, 12), 0.0), 1.0)


def _alone(placed: Placement) -> Placement:
    """The first of a batch."""
    return Placement(
        placed.estimate[0],
        placed.variance[0],
        placed.degrees[0],
        placed.fewest[0],
        placed.mates,
    )
