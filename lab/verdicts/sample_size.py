"""How many more members an undecided verdict is estimated to need."""

import dataclasses
import math
from collections.abc import Sequence

from lab.specs import Margins
from lab.statistics.intervals import Interval

LARGEST = 100_000
"""Beyond this many members a cohort no number is given."""


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """So many more members a cohort, and what they would settle; None where nobody can say."""

    members: int | None
    purpose: str | None


def members_needed(
    members: int,
    win: Interval,
    differences: Sequence[Interval],
    reached: tuple[float, float],
    margins: Margins,
) -> Need:
    """The smallest N whose intervals, shrinking as 1/sqrt(N), settle direction or equivalence.

    Whichever of the two the estimate allows the wider interval (STATISTICS, section 3): a direction
    needs a half-width of |p - 1/2|, equivalence one of delta - |p - 1/2| and the like at every
    landmark, which only holds if the members reach at all.
    """
    distance = abs(win.estimate - 0.5)
    bound = margins.delta_incidence
    room = [(win.half_width, margins.delta - distance)]
    room += [(each.half_width, bound - abs(each.estimate)) for each in differences]
    possible = min(reached) >= margins.minimum_reached and all(left > 0 for _, left in room)
    if possible and margins.delta - distance > distance:
        ratio, purpose = max(width / left for width, left in room), "equivalence"
    elif distance > 0:
        ratio, purpose = win.half_width / distance, "a direction"
    else:
        return Need(None, None)
    more = math.ceil(min(members * ratio**2, 2.0 * LARGEST)) - members
    return Need(more, purpose) if 0 < more <= LARGEST else Need(None, None)
