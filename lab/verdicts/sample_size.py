"""How many more members an undecided verdict is estimated to need."""

import dataclasses
import math
from collections.abc import Callable, Iterable

LARGEST = 100_000
"""Beyond this many more members a cohort no number is given."""
_JUST_BELOW = 1 - 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """So many more members a cohort, and what they would settle; None where nobody can say."""

    members: int | None
    purpose: str | None


def members_needed(
    members: int, turns: Iterable[float], settled: Callable[[float], str | None]
) -> Need:
    """The fewest members with which something is settled, the estimates holding.

    `settled(ratio)` names what is settled once the sampling parts of all intervals are `ratio`
    times as long, which takes 1/ratio**2 times the members; None while nothing is. It may change
    only at `turns`. What the grid adds to an interval no number of members takes away.
    """
    if not members or settled(1.0) is not None:
        return Need(None, None)
    least = math.sqrt(members / (members + LARGEST))
    for turn in sorted(turns, reverse=True):
        ratio = turn * _JUST_BELOW
        purpose = settled(ratio) if ratio >= least else None
        if purpose is not None:
            return Need(math.ceil(members / ratio**2) - members, purpose)
    return Need(None, None)
