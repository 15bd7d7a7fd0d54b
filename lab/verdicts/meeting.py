"""Two cohorts met on one clock: the times of both, and what there is many of."""

import dataclasses
import enum
import functools
from fractions import Fraction

from lab.statistics import tables
from lab.statistics.tables import Cells, Tables
from lab.statistics.times import ClockTimes, Integers, common_horizon


class Unit(enum.Enum):
    """What is replicated: what another draw of chance would draw anew as a whole."""

    MEMBERS = "members"
    PAIRS = "pairs"
    """One member of either cohort, with the same seeds: member i against member i."""
    BLOCKS = "data orders"
    """All members of either cohort that saw the same order of the data."""


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """One cohort of a contrast, on one clock; `unit` names each member's pair or block [N]."""

    clock: ClockTimes
    diverged: int
    unit: Integers | None = None

    @property
    def members(self) -> int:
        """N."""
        return self.clock.times.members


@dataclasses.dataclass(frozen=True, eq=False)
class Meeting:
    """A smaller and a larger cohort, replicated by `unit`."""

    smaller: Side
    larger: Side
    unit: Unit = Unit.MEMBERS

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

    def reached(self) -> tuple[float, float]:
        """The shares that surely reached by the horizon."""
        smaller, larger = (
            side.clock.certain_by(self.horizon) / max(side.members, 1)
            for side in (self.smaller, self.larger)
        )
        return smaller, larger
