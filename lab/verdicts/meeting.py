"""Two cohorts met on one clock: the times of both, and what there is many of."""

import dataclasses
import enum
import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.statistics import follow_up, relabelling, tables, units, win
from lab.statistics.tables import Cells, Table, Tables
from lab.statistics.times import ClockTimes, Integers, common_horizon
from lab.statistics.win import Placement


class Unit(enum.Enum):
    """What is replicated: what another draw of chance would draw anew as a whole."""

    MEMBERS = "members"
    PAIRS = "pairs"
    """One member of either cohort, with the same seeds: member i against member i."""
    BLOCKS = "data orders"
    """All members of either cohort that saw the same order of the data."""


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """One cohort of a contrast, on one clock; `unit` numbers each member's pair or block [N].

    `ended` is the last evaluation of each member [N].
    """

    clock: ClockTimes
    diverged: npt.NDArray[np.bool_]
    unit: Integers
    ended: Integers

    @property
    def members(self) -> int:
        """N."""
        return self.clock.times.members


@dataclasses.dataclass(frozen=True, eq=False)
class Meeting:
    """A smaller and a larger cohort, replicated by `unit`; there are `units` of them."""

    smaller: Side
    larger: Side
    unit: Unit
    units: int

    @property
    def members(self) -> int:
        """Of the cohort with fewer."""
        return min(self.smaller.members, self.larger.members)

    @functools.cached_property
    def horizon(self) -> Fraction:
        """To which both were followed."""
        return common_horizon(self.smaller.clock, self.larger.clock)

    @functools.cached_property
    def cells(self) -> tuple[Cells, Cells, Cells]:
        """Every member's cell under the readings rounded, latest and earliest of `Tables`."""
        return tables.cells(self.smaller.clock, self.larger.clock, self.horizon)

    @functools.cached_property
    def tables(self) -> Tables:
        """The counts of the same."""
        return tables.counted(*self.cells)

    @property
    def whole(self) -> bool:
        """Whether no member of either was stopped before the horizon without having reached."""
        return self.cells[0].whole

    @functools.cached_property
    def counts(self) -> Table:
        """Counts of the members whose times are known, each taken at the end of its interval."""
        return follow_up.settled(self.cells[0])

    @functools.cached_property
    def placements(self) -> tuple[Placement, Placement, Placement]:
        """The win probability of the smaller under the readings rounded, latest and earliest."""
        rounded, latest, earliest = self.cells
        first = self.placement(rounded)
        if self.tables.shared_grid:
            return first, first, first
        return first, self.placement(latest), self.placement(earliest)

    def placement(self, cells: Cells) -> Placement:
        """Its variance is between units."""
        if not cells.whole:
            return follow_up.placement(cells)
        if self.unit is Unit.MEMBERS:
            counts = cells.table()
            return win.placement(counts.first, counts.second)
        mates = self.unit is Unit.PAIRS
        return units.placement(cells, self.smaller.unit, self.larger.unit, self.units, mates)

    def relabelled(self, cells: Cells, draws: int, generator: np.random.Generator) -> Integers:
        """Counts [draws, K] of the smaller where labels are exchanged, those of units as wholes.

        `cells` is one reading of `self.cells`.
        """
        if self.unit is Unit.MEMBERS:
            return relabelling.of_members(cells.table(), draws, generator)
        units_of = self.smaller.unit, self.larger.unit
        return relabelling.of_units(cells, *units_of, self.units, draws, generator)

    def reached(self) -> tuple[float, float]:
        """The shares that surely reached by the horizon."""
        if not self.whole:
            one, other = follow_up.exposures(self.cells[0])
            return one.share, other.share
        smaller, larger = (
            side.clock.certain_by(self.horizon) / max(side.members, 1)
            for side in (self.smaller, self.larger)
        )
        return smaller, larger


def independent(smaller: Side, larger: Side) -> Meeting:
    """Of cohorts whose members have nothing in common."""
    return Meeting(smaller, larger, Unit.MEMBERS, min(smaller.members, larger.members))


class Sided(NamedTuple):
    """A two-sided p-value, and a statistic whose sign says which cohort it is in favour of."""

    side: float
    p_value: float


def least_favourable(found: Sequence[Sided]) -> float:
    """The largest p-value of a test over several `readings`; 1 if these lie on both sides."""
    if min(one.side for one in found) < 0 < max(one.side for one in found):
        return 1.0
    return max(one.p_value for one in found)


def readings(meeting: Meeting) -> Sequence[Cells]:
    """The order-certain ones, `latest` and `earliest` of `Tables`; on a shared grid the one.

    There rank tests are exact for times as seen.
    """
    return meeting.cells[:1] if meeting.tables.shared_grid else meeting.cells[1:]
