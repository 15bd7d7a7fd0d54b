"""One run of one's own, placed in a cohort: ordinary, or a sign of a fault?"""

import dataclasses
import enum

import numpy as np
import scipy.special

from lab.statistics.intervals import Interval
from lab.statistics.times import Times


class State(enum.Enum):
    """What is known of the run."""

    REACHED = "reached"
    NEVER = "never"
    """It was followed to the cohort's budget and had not reached."""
    RUNNING = "running"
    """It had not reached at its last evaluation, which came before the budget."""


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A run of the cohort's kind; `evaluation` is its hit, or the last one it was seen at.

    It counts from 1 on the cohort's grid, 0 for a run not evaluated yet, and is not read where the
    state is NEVER.
    """

    state: State
    evaluation: int = 0


class Place(enum.Enum):
    """Where the run lies against the central part of its cohort."""

    EARLY = "early"
    WITHIN = "within"
    LATE = "late"
    OPEN = "open"
    """Still running, and not late yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A run's place among `members` of its cohort.

    `percentile` is the share of the cohort before it, ties half. Of a run that is still RUNNING it
    is the least that the percentile can become, and `late_p` the most that it can be; `early_p` is
    then 1. Neither can be below `smallest_p` = 1/(N + 1): too few members flag no run at all.
    """

    place: Place
    percentile: Interval
    late_p: float
    early_p: float
    smallest_p: float
    members: int
    central: float

    @property
    def can_flag(self) -> bool:
        """Whether any run at all could be found outside of the central part."""
        return self.smallest_p <= (1 - self.central) / 2


def place(run: Run, times: Times, level: float, central: float = 0.95) -> Placed:
    """Percentile with an interval of `level`, and the rank p-values of 'as late' and 'as early'.

    p = (1 + #{T >= t})/(N + 1) holds exactly if the run is one more member (conformal rank; Vovk,
    Gammerman and Shafer 2005, section 2.2), ties making it larger. The run is flagged where one of
    the two is at most (1 - central)/2. The interval is exact for whatever order ties have: its ends
    are Clopper and Pearson's (1934) of the share before and of the share before or at the run.
    ValueError for an evaluation outside of the cohort's grid.
    """
    least = 1 if run.state is State.REACHED else 0
    if run.state is not State.NEVER and not least <= run.evaluation <= times.last:
        raise ValueError(f"evaluation {run.evaluation} lies outside {least} to {times.last}")
    counts = np.concatenate([[0], np.cumsum(times.counts())])
    members = times.members
    if run.state is State.RUNNING:
        # Its hit comes after this evaluation: all that had hit by it are before.
        before, behind = int(counts[run.evaluation]), members
    else:
        cell = times.last if run.state is State.NEVER else run.evaluation - 1
        before, behind = int(counts[cell]), int(counts[cell + 1])
    late_p = (1 + members - before) / (members + 1)
    early_p = 1.0 if run.state is State.RUNNING else (1 + behind) / (members + 1)
    return Placed(
        place=_place(run.state, late_p, early_p, (1 - central) / 2),
        percentile=_percentile(run.state, before, behind, members, level),
        late_p=late_p,
        early_p=early_p,
        smallest_p=1 / (members + 1),
        members=members,
        central=central,
    )


def _place(state: State, late_p: float, early_p: float, tail: float) -> Place:
    if late_p <= tail:
        return Place.LATE
    if early_p <= tail:
        return Place.EARLY
    return Place.OPEN if state is State.RUNNING else Place.WITHIN


def _percentile(state: State, before: int, behind: int, members: int, level: float) -> Interval:
    """`behind` is the number of those before the run or at the same evaluation."""
    if members == 0:
        return Interval(0.5, 0.0, 1.0, level)
    tail = (1 - level) / 2
    lower = float(scipy.special.betaincinv(before, members - before + 1, tail)) if before else 0.0
    if state is State.RUNNING:
        return Interval(before / members, lower, 1.0, level)
    upper = 1.0
    if behind < members:
        upper = float(scipy.special.betaincinv(behind + 1, members - behind, 1 - tail))
    return Interval((before + behind) / 2 / members, lower, upper, level)
