"""Who is first up to some horizon: the win probability there, and how sure its side is."""

import dataclasses
import enum
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from lab.statistics import follow_up, permutation, tables, units, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.win import Placement
from lab.verdicts.evidence import p_value
from lab.verdicts.meeting import Meeting, Unit


class First(enum.Enum):
    """Whose members reach a target first."""

    SMALLER = "smaller"
    LARGER = "larger"
    OPEN = "open"
    NOBODY = "nobody"
    """No member of either has reached it yet."""

    @property
    def other(self) -> "First":
        """The opponent; of neither, itself."""
        return {First.SMALLER: First.LARGER, First.LARGER: First.SMALLER}.get(self, self)


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """The win probability of the smaller by a horizon, and the p-value of 1/2.

    A p-value above the `alpha` it was asked at is normal theory's: sparse data get the exact one,
    which costs far more, only where that could matter.
    """

    win: OrderCertain
    p_value: float
    anybody: bool

    def first(self, p_value: float, alpha: float) -> First:
        """Who is, by a p-value that may have been adjusted for others."""
        if not self.anybody:
            return First.NOBODY
        if p_value > alpha:
            return First.OPEN
        return First.SMALLER if self.win.lowest > 0.5 else First.LARGER


def standing(
    meeting: Meeting, horizon: Fraction, alpha: float, seed: int, draws: int = permutation.DRAWS
) -> Standing:
    """At a horizon within the meeting's own; the interval has level 1 - `alpha`."""
    cells = tables.cells(meeting.smaller.clock, meeting.larger.clock, horizon)
    known = follow_up.settled(cells[0])
    readings = cells[:1] if cells[1] is cells[0] else cells[1:]
    win_probability = _between(meeting, [meeting.placement(one) for one in cells], 1 - alpha)
    rough = p_value(meeting, readings, False, np.random.default_rng(seed), draws)
    if rough <= alpha and permutation.is_sparse(known):
        exact = p_value(meeting, readings, True, np.random.default_rng(seed), draws)
        rough = max(rough, exact)
    anybody = bool(known.first[:-1].sum() + known.second[:-1].sum())
    return Standing(win_probability, rough, anybody)


def agreed(found: Sequence[Standing]) -> Standing:
    """Of several readings of one cost: what all of them say, by the one that says it least."""
    lowest, highest = (
        min(one.win.lowest for one in found),
        max(one.win.highest for one in found),
    )
    win_probability = dataclasses.replace(
        found[0].win,
        lower=min(one.win.lower for one in found),
        upper=max(one.win.upper for one in found),
        lowest=lowest,
        highest=highest,
    )
    p_value = 1.0 if lowest < 0.5 < highest else max(one.p_value for one in found)
    return Standing(win_probability, p_value, any(one.anybody for one in found))


def _between(meeting: Meeting, placed: list[Placement], level: float) -> OrderCertain:
    bounds = units.win_bounds if meeting.unit is Unit.BLOCKS else win.bounds
    middle, latest, earliest = (
        Interval.of(one.estimate, *bounds(one, level), level) for one in placed
    )
    return OrderCertain.hull(middle, latest, earliest)
