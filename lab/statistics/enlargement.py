"""Win probabilities as they would be seen with more members, were the estimates to hold."""

import math

import numpy as np
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats
from lab.statistics.tables import Table
from lab.statistics.win import Placement


def placement_of_members(table: Table, smaller: Floats, larger: Floats) -> Placement:
    """The placement of `smaller` and `larger` independent members a cohort, elementwise.

    The variance is a part of each cohort's, over its own number: what one cohort gains does not
    shorten the other's part. Each part is as if one member more had been seen, as far from the
    mean as members can be, for a single member shows no spread.

    Args:
        table: the members at hand, one at least in either cohort.
        smaller: numbers of members of the first cohort [M].
        larger: numbers of members of the second [M].

    Returns:
        Placements [M], all of the estimate at hand.
    """
    one, other = np.asarray(table.first, np.float64), np.asarray(table.second, np.float64)
    behind = (other.sum() - np.cumsum(other) + other / 2) / other.sum()
    ahead = (np.cumsum(one) - one / 2) / one.sum()
    estimate = float(one @ behind / one.sum())
    most = estimate * (1 - estimate)
    from_one = (one @ (behind - estimate) ** 2 + most) / one.sum() / smaller
    from_other = (other @ (ahead - estimate) ** 2 + most) / other.sum() / larger
    return Placement(
        estimate=np.full(smaller.shape, estimate),
        variance=np.asarray(from_one + from_other),
        degrees=intervals.welch_degrees(from_one, smaller, from_other, larger),
        fewest=np.minimum(smaller, larger),
    )


def placement_of_units(placed: Placement, units: Floats) -> Placement:
    """The placement of so many units of replication [M], from that of the units at hand."""
    return Placement(
        estimate=np.full(units.shape, float(placed.estimate)),
        variance=np.asarray(placed.variance * placed.fewest / units),
        degrees=np.maximum(units - 1, 1),
        fewest=units,
        mates=placed.mates,
    )


def smallest_p(table: Table, smaller: float, larger: float) -> float:
    """The least p-value that exchanged labels can give, of members spread over cells as these.

    Of all ways to label `smaller` + `larger` members with that many in each cell, those in which
    the cohort that is ahead has all of its members in the first cells: as many as there are choices
    within the cell that both then share. One against 30 has 31 ways, so no p-value below 1/31.
    """
    shares = [np.asarray(one, np.float64) / one.sum() for one in (table.first, table.second)]
    pooled = smaller * shares[0] + larger * shares[1]
    behind = 1 - np.cumsum(shares[1]) + shares[1] / 2
    ahead = smaller if float(shares[0] @ behind) >= 0.5 else larger
    ends = np.cumsum(pooled)
    cell = min(int(np.searchsorted(ends, ahead - 1e-9)), len(pooled) - 1)
    inside = min(max(ahead - (ends[cell] - pooled[cell]), 0.0), float(pooled[cell]))
    ways = _log_choices(float(pooled[cell]), inside) - _log_choices(smaller + larger, ahead)
    return min(math.exp(ways), 1.0)


def _log_choices(members: float, chosen: float) -> float:
    log_factorial = scipy.special.gammaln(np.array([members, chosen, members - chosen]) + 1)
    return float(log_factorial[0] - log_factorial[1] - log_factorial[2])
