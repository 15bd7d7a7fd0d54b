"""Two cohorts as counts over ordered cells: what every two-sample statistic is a function of."""

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lab.statistics.times import ClockTimes, Integers

Flags = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Members of two cohorts in each of K ordered cells; the last cell is 'not by the horizon'."""

    first: Integers
    second: Integers


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
    """The counts of two cohorts under three readings of "reached within (previous, this]".

    `rounded` takes every time at the end of its interval. `latest` takes the first cohort there and
    the second just after the beginning, so that the first wins a pair only if it surely does;
    `earliest` the other way round. On a shared grid all three are the same table: rank statistics
    are then exact for the rounded time (STATISTICS, section 0, rule 4).
    """

    rounded: Table
    latest: Table
    earliest: Table
    shared_grid: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """The cell of each member of two cohorts, of `count` ordered ones; the last is 'never'.

    Where a member is among the lost, its cell is where it was last seen, not having reached; None:
    nobody of that cohort was lost. Where anybody was, a member among the gone has the cell in which
    that was seen, for it counts among those that might have been lost only up to there.
    """

    first: Integers
    second: Integers
    count: int
    lost_first: Flags | None = None
    lost_second: Flags | None = None
    gone_first: Flags | None = None
    gone_second: Flags | None = None

    @property
    def whole(self) -> bool:
        """Whether the cell of every member is known."""
        return self.lost_first is None and self.lost_second is None

    def table(self) -> Table:
        """How many are in each, if `whole`."""
        first, second = (
            np.bincount(one, minlength=self.count) for one in (self.first, self.second)
        )
        return Table(first, second)


def tabulate(first: ClockTimes, second: ClockTimes, horizon: Fraction) -> Tables:
    """Counts up to `horizon`; a time whose interval the horizon cuts is undetermined."""
    return counted(*cells(first, second, horizon))


def counted(rounded: Cells, latest: Cells, earliest: Cells) -> Tables:
    """The counts of three readings; on a shared grid they are one."""
    if latest is rounded:
        table = rounded.table()
        return Tables(table, table, table, shared_grid=True)
    return Tables(rounded.table(), latest.table(), earliest.table(), shared_grid=False)


def cells(first: ClockTimes, second: ClockTimes, horizon: Fraction) -> tuple[Cells, Cells, Cells]:
    """The readings `rounded`, `latest` and `earliest` of `Tables`, member by member.

    Cells that nobody is in are left out, but for the last.
    """
    exact = (first.cost, second.cost, horizon)
    unit = Fraction(1, math.lcm(*(value.denominator for value in exact)))
    stretches = _stretches(first, unit), _stretches(second, unit)
    tau = int(horizon / unit)
    edges = {edge for side in stretches for stretch in side.values() for edge in stretch}
    whole = not (_lost_before(first, horizon) or _lost_before(second, horizon))
    ends = ({}, {}) if whole else (_last_seen(first, unit), _last_seen(second, unit))
    order = sorted({0, tau, *edges, *ends[0].values(), *ends[1].values()})
    rank = {position: index for index, position in enumerate(order) if position <= tau}
    late_first, early_first = _cells(first, stretches[0], ends[0], rank)
    late_second, early_second = _cells(second, stretches[1], ends[1], rank)
    after = 2 * len(rank) - 1
    sides = (first, late_first), (second, late_second)
    leaving = (
        *(_early(side.times.lost, late, after) for side, late in sides),
        *(_early(side.times.never, late, after) for side, late in sides),
    )
    rounded = _occupied(late_first, late_second, after, leaving)
    if _on_one_grid(first, second):
        return rounded, rounded, rounded
    return (
        rounded,
        _occupied(late_first, early_second, after, leaving),
        _occupied(early_first, late_second, after, leaving),
    )


def overlapping_share(first: ClockTimes, second: ClockTimes, horizon: Fraction) -> float:
    """Share of all pairs with both reached whose order the evaluations do not tell.

    On a shared grid these are the ties; on two grids the pairs whose intervals overlap.
    """
    pairs = first.times.members * second.times.members
    ends = [side.times.hits[side.times.hits <= side.within(horizon)] for side in (first, second)]
    if not all(len(end) for end in ends):
        return 0.0
    ratio = first.cost / second.cost
    positions, others = [0, *first.positions.tolist()], second.positions
    # Costs may lie so far apart that an evaluation of the one is beyond what 64 bits hold in steps
    # of the other; beyond its last evaluation it makes no difference how far.
    beyond = int(others[-1]) + 1
    cells, members = np.unique(ends[0], return_counts=True)
    overlaps = 0
    for cell, count in zip(cells.tolist(), members.tolist(), strict=True):
        # Those that end by the cell's beginning lie before it, those that begin at its end after.
        before = np.searchsorted(
            others, min(math.floor(positions[cell - 1] * ratio), beyond), "right"
        )
        begun = np.searchsorted(others, min(math.ceil(positions[cell] * ratio), beyond), "left") + 1
        low, high = np.searchsorted(ends[1], [before, begun], side="right")
        overlaps += count * int(high - low)
    return overlaps / pairs


def _on_one_grid(first: ClockTimes, second: ClockTimes) -> bool:
    """Whether both were evaluated at the same times, as far as both were followed."""
    both = min(first.times.last, second.times.last)
    same = np.array_equal(first.positions[:both], second.positions[:both])
    return first.cost == second.cost and same


def _stretches(side: ClockTimes, unit: Fraction) -> dict[int, tuple[int, int]]:
    """From where to where the evaluations lie that somebody hit first, in `unit`s, by number.

    Python's integers, since 64 bits may overflow; so the many that nobody hit are left out.
    """
    step = int(side.cost / unit)
    hit = np.unique(side.times.evaluation[side.times.reached])
    edges = np.append(0, side.positions)
    begins, ends = edges[hit - 1].tolist(), edges[hit].tolist()
    return {
        number: (begin * step, end * step)
        for number, begin, end in zip(hit.tolist(), begins, ends, strict=True)
    }


def _lost_before(side: ClockTimes, horizon: Fraction) -> bool:
    """Whether any member was lost before the horizon."""
    edges = np.append(0, side.positions)
    seen = edges[side.times.follow_up[side.times.lost]]
    return bool(len(seen)) and int(seen.min()) * side.cost < horizon


def _last_seen(side: ClockTimes, unit: Fraction) -> dict[int, int]:
    """Where the evaluations lie at which the lost and the gone were last seen, in `unit`s."""
    step, edges = int(side.cost / unit), np.append(0, side.positions)
    seen = np.unique(side.times.follow_up[side.times.lost | side.times.never])
    return dict(zip(seen.tolist(), [at * step for at in edges[seen].tolist()], strict=True))


def _cells(
    side: ClockTimes,
    stretches: Mapping[int, tuple[int, int]],
    ends: Mapping[int, int],
    rank: Mapping[int, int],
) -> tuple[Integers, Integers]:
    """Each member's cell if its time is the end of its interval, and if just after the beginning.

    Cell 2r is the r-th edge itself, 2r + 1 the open stretch behind it; the last edge is the horizon
    and what lies behind it is 'not by the horizon'. Members that were lost or gone before it are in
    the cell of the edge at which they were last seen, where there are such `ends`.
    """
    after = 2 * len(rank) - 1
    late = np.full(side.times.last + 1, after, dtype=np.int64)
    early = late.copy()
    for number, (begin, end) in stretches.items():
        late[number - 1] = 2 * rank[end] if end in rank else after
        early[number - 1] = 2 * rank[begin] + 1 if begin in rank else after
    index = np.where(side.times.reached, side.times.evaluation - 1, side.times.last)
    seen = np.full(side.times.last + 1, after, dtype=np.int64)
    for number, at in ends.items():
        # At the horizon itself a member is known not to have reached by it.
        seen[number] = 2 * rank[at] if at in rank and rank[at] < len(rank) - 1 else after
    last_seen = seen[side.times.follow_up]
    left = side.times.lost | side.times.never
    return np.where(left, last_seen, late[index]), np.where(left, last_seen, early[index])


def _early(left: Flags, cell: Integers, after: int) -> Flags | None:
    """Members that left before the horizon [N], if any; one that left later is known up to it."""
    early = left & (cell < after)
    return early if early.any() else None


def _occupied(
    first: Integers,
    second: Integers,
    after: int,
    leaving: tuple[Flags | None, ...],
) -> Cells:
    """Cells numbered anew, without those where nobody is; the last one stays."""
    occupied, index = np.unique(np.concatenate([first, second, [after]]), return_inverse=True)
    return Cells(index[: len(first)], index[len(first) : -1], len(occupied), *leaving)
