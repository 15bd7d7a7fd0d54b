"""Wins over losses, and wins less losses, among all pairs of members; ties are neither."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval, OrderCertain
from lab.statistics.tables import Cells, Table
from lab.statistics.times import Integers
from lab.statistics.units import Part, variance_between

_WIDEST = 700.0
"""The logarithm of a number that a float still holds, and so does its inverse."""


@dataclasses.dataclass(frozen=True, slots=True)
class WinRatio:
    """At the common horizon; `ratio` is None where one cohort won no pair at all.

    `net_benefit` is P(first earlier) - P(second earlier), twice the win probability less 1.
    """

    wins: float
    losses: float
    ratio: OrderCertain | None
    net_benefit: float


def win_ratio(table: Table, level: float) -> WinRatio:
    """Shares of all pairs, and their ratio with an interval made on the log scale.

    The variance is that of two U-statistics (Bebu and Lachin 2016, Biostatistics 17:178). Members
    were all followed to the horizon, so no order depends on censoring.
    """
    found = _scored(table)
    variance = sum(
        float(counts @ score**2) / max(counts.sum(), 1) / max(counts.sum() - 1, 1)
        for counts, score in zip((table.first, table.second), found.scores, strict=True)
    )
    return found.told(intervals.normal_quantile(level) * math.sqrt(variance), level)


def win_ratio_of_units(
    cells: Cells, first: Integers, second: Integers, units: int, level: float
) -> WinRatio:
    """The same with the variance between units, `first` and `second` those of each member [N]."""
    found = _scored(cells.table())
    parts = [
        Part(score[cell], unit)
        for score, cell, unit in zip(
            found.scores, (cells.first, cells.second), (first, second), strict=True
        )
    ]
    if units < 2:
        return WinRatio(found.wins, found.losses, None, found.wins - found.losses)
    reach = float(intervals.t_quantile(level, units - 1))
    return found.told(reach * math.sqrt(variance_between(parts, units)), level)


class _Scored(NamedTuple):
    """Shares of all pairs, and what a member of each cell [K] adds to the log of their ratio."""

    wins: float
    losses: float
    scores: tuple[Floats, Floats]

    def told(self, reach: float, level: float) -> WinRatio:
        ratio = None
        if self.wins > 0 and self.losses > 0:
            middle = self.wins / self.losses
            # So that neither end leaves the floating-point numbers, however wide the interval.
            span = math.exp(min(reach, _WIDEST - abs(math.log(middle))))
            ratio = OrderCertain.as_seen(Interval(middle, middle / span, middle * span, level))
        return WinRatio(self.wins, self.losses, ratio, self.wins - self.losses)


def _scored(table: Table) -> _Scored:
    first, second = table.first.astype(np.float64), table.second.astype(np.float64)
    members = max(first.sum(), 1.0), max(second.sum(), 1.0)
    # What a member of each cell wins and loses, as shares of the other cohort.
    ahead, behind = (
        [share(one) / size for one, size in zip((first, second), members, strict=True)]
        for share in (_before, _after)
    )
    wins, losses = float(first @ behind[1] / members[0]), float(first @ ahead[1] / members[0])
    if not wins or not losses:
        return _Scored(wins, losses, (np.zeros_like(first), np.zeros_like(second)))
    return _Scored(
        wins,
        losses,
        (behind[1] / wins - ahead[1] / losses, ahead[0] / wins - behind[0] / losses),
    )


def _before(counts: Floats) -> Floats:
    """How many are in cells before each."""
    return np.cumsum(counts) - counts


def _after(counts: Floats) -> Floats:
    """How many are in cells after each."""
    return counts.sum() - np.cumsum(counts)
