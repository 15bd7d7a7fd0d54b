"""Whether two cohorts differ in any way at all: distances of distributions, by permutation."""

import numpy as np

from lab.statistics.intervals import Floats
from lab.statistics.tables import Table
from lab.statistics.times import Integers

EPS = 1e-12
"""Distances this close are equal: one table's may come by sums in another order."""


def kolmogorov_smirnov(first: Integers, second: Integers) -> Floats:
    """The largest difference of the two distribution functions [...], from counts [..., K]."""
    return np.asarray(np.abs(_gap(first, second)).max(-1, initial=0.0))


def cramer_von_mises(first: Integers, second: Integers) -> Floats:
    """The squared difference averaged over all members [...], times n m/(n + m); Anderson 1962."""
    both = np.asarray(first) + np.asarray(second)
    sizes = np.asarray(first).sum(-1), np.asarray(second).sum(-1)
    scale = sizes[0] * sizes[1] / np.maximum(sizes[0] + sizes[1], 1) ** 2
    return np.asarray((both * _gap(first, second) ** 2).sum(-1) * scale)


def permutation_p_values(table: Table, relabelled: Integers) -> tuple[float, float]:
    """Of both distances, under exchanged labels [draws, K]; the observed one counts as a draw.

    Their exact tables assume no ties, of which a grid has many (.47 where this gives .26;
    STATISTICS, section 1). 1 where a cohort is empty or all members are in one cell.
    """
    pooled = table.first + table.second
    if not table.first.sum() or not table.second.sum() or (pooled > 0).sum() < 2:
        return 1.0, 1.0
    ks, cvm = (
        np.count_nonzero(
            measure(relabelled, pooled - relabelled) >= measure(table.first, table.second) - EPS
        )
        for measure in (kolmogorov_smirnov, cramer_von_mises)
    )
    return (ks + 1) / (len(relabelled) + 1), (cvm + 1) / (len(relabelled) + 1)


def sides(table: Table) -> tuple[float, float]:
    """Which cohort both distances are in favour of: above 0 the first, whose members come earlier.

    The signed difference where it is largest, and the signed differences added up over all members.
    """
    gap = _gap(table.first, table.second)
    if not len(gap):
        return 0.0, 0.0
    return float(gap[np.abs(gap).argmax()]), float((table.first + table.second) @ gap)


def _gap(first: Integers, second: Integers) -> Floats:
    one, other = (
        np.cumsum(counts, -1) / np.maximum(np.sum(counts, -1, keepdims=True), 1)
        for counts in (first, second)
    )
    return np.asarray(one - other)
