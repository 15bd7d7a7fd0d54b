"""Wins over losses, and wins less losses, among all pairs of members; ties are neither."""

import dataclasses
import math

import numpy as np

from lab.statistics import intervals
from lab.statistics.intervals import Floats, Interval
from lab.statistics.tables import Table


@dataclasses.dataclass(frozen=True, slots=True)
class WinRatio:
    """At the common horizon; `ratio` is None where one cohort won no pair.

    `net_benefit` is P(first earlier) - P(second earlier), twice the win probability less 1.
    """

    wins: float
    losses: float
    ratio: Interval | None
    net_benefit: float


def win_ratio(table: Table, level: float) -> WinRatio:
    """Shares of all pairs, and their ratio with an interval made on the log scale.

    The variance is that of two U-statistics (Bebu and Lachin 2016, Biostatistics 17:178). Members
    were all followed to the horizon, so no order depends on censoring.
    """
    first, second = table.first.astype(np.float64), table.second.astype(np.float64)
    members = max(first.sum(), 1.0), max(second.sum(), 1.0)
    # What a member of each cell wins and loses, as shares of the other cohort.
    ahead, behind = (
        [share(one) / size for one, size in zip((first, second), members, strict=True)]
        for share in (_before, _after)
    )
    wins, losses = float(first @ behind[1] / members[0]), float(first @ ahead[1] / members[0])
    ratio = None
    if wins > 0 and losses > 0:
        parts = [
            (first, behind[1] / wins - ahead[1] / losses, members[0]),
            (second, ahead[0] / wins - behind[0] / losses, members[1]),
        ]
        variance = sum(
            float(one @ score**2) / size / max(size - 1, 1) for one, score, size in parts
        )
        span = math.exp(min(intervals.normal_quantile(level) * math.sqrt(variance), 700.0))
        ratio = Interval(wins / losses, wins / losses / span, wins / losses * span, level)
    return WinRatio(wins, losses, ratio, wins - losses)


def _before(counts: Floats) -> Floats:
    """How many are in cells before each."""
    return np.cumsum(counts) - counts


def _after(counts: Floats) -> Floats:
    """How many are in cells after each."""
    return counts.sum() - np.cumsum(counts)
