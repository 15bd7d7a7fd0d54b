"""How many more members an undecided verdict is estimated to need, and of which cohort."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lab.specs import Margins
from lab.statistics.intervals import Floats
from lab.verdicts.forecast import Forecast
from lab.verdicts.reading import DIRECTED, Reading
from lab.verdicts.words import Verdict

LARGEST = 100_000
"""Beyond this many more members a cohort no number is given."""
_ALLOWANCE = {
    Verdict.SMALLER_FASTER: 1.15,
    Verdict.LARGER_FASTER: 1.15,
    Verdict.CROSSING: 1.15,
    Verdict.EQUIVALENT: 1.4,
}
"""A verdict must be there with intervals so many times as long: estimates move too. Were they just
short enough, half of all attempts would fail on one interval alone, and on both of its ends nearly
all, since to lie within margins an estimate could not move at all. Set by simulation, so that with
the number told about half of all attempts or more succeed (scripts/calibration/planning.py)."""
_SETTLED = {
    Verdict.SMALLER_FASTER: "a direction",
    Verdict.LARGER_FASTER: "a direction",
    Verdict.CROSSING: "that the lead changes",
    Verdict.EQUIVALENT: "equivalence",
}


@dataclasses.dataclass(frozen=True, slots=True)
class MoreMembers:
    """So many more members of the smaller and of the larger net.

    `at_least`: those at hand are too few, or too much alike, for normal theory; with so many more
    like them the exact test could settle it too, and hardly with fewer.
    """

    smaller: int
    larger: int
    at_least: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """More members, and what they would settle; None where nobody can say."""

    members: MoreMembers | None
    purpose: str | None


def members_needed(forecast: Forecast, margins: Margins, looks: Sequence[int] = ()) -> Need:
    """The fewest more members with which something is settled, the estimates holding.

    Members go to the cohort that has fewer until both have as many, then to both: whichever part
    of the variance that shortens, it is never made up for by the other cohort.

    Args:
        forecast: what would be read of so many members.
        margins: what the rules decide by.
        looks: numbers of members at which a verdict will be sought, rising; after the last of them
            any number may be looked at.

    Returns:
        The number, and what it is expected to settle in about half of all attempts: noise decides
        which half.
    """
    sizes = forecast.meeting.smaller.members, forecast.meeting.larger.members
    if not min(sizes):
        return Need(None, None)
    fewest = _candidates(min(sizes), max(sizes), looks)
    cohorts = np.maximum(fewest, sizes[0]), np.maximum(fewest, sizes[1])
    for index, reading in enumerate(forecast.readings(*cohorts)):
        purpose = _settled(reading, forecast, margins, *(one[index] for one in cohorts))
        if purpose is not None:
            more = MoreMembers(
                smaller=int(cohorts[0][index]) - sizes[0],
                larger=int(cohorts[1][index]) - sizes[1],
                at_least=forecast.reading.sparse,
            )
            return Need(more, purpose)
    return Need(None, None)


def _candidates(fewest: int, most: int, looks: Sequence[int]) -> Floats:
    """Numbers of members of the cohort with fewer, rising.

    What is added has two digits that count: no estimate has more.
    """
    ahead = [look for look in looks if look > fewest]
    start, end = max([fewest, *ahead]), max(fewest, most) + LARGEST
    digits = np.arange(10, 100)
    more = np.concatenate([np.arange(1, 10), *(digits * 10**power for power in range(5))])
    found = np.array([*ahead, *(start + more)], np.float64)
    return found[found <= end]


def _settled(
    reading: Reading, forecast: Forecast, margins: Margins, smaller: float, larger: float
) -> str | None:
    """What is settled by so many members.

    A direction only where four times as many leave it: no landmark soon forbids it.
    """
    verdict = reading.verdict(margins)
    if verdict not in _SETTLED:
        return None
    # What is told of few members is the least that could do, with luck.
    allowance = 1.0 if forecast.reading.sparse else _ALLOWANCE[verdict]
    longer = dataclasses.replace(reading.shrunk(allowance), sparse=reading.sparse)
    settled = longer.verdict(margins) is verdict
    if settled and verdict in DIRECTED:
        (later,) = forecast.readings(np.array([4 * smaller]), np.array([4 * larger]))
        settled = later.verdict(margins) is verdict
    return _SETTLED[verdict] if settled else None
