"""Permutation test of the win probability: what small and unbalanced cohorts are judged by."""

import itertools
import math

import numpy as np

from lab.statistics import win
from lab.statistics.intervals import Floats
from lab.statistics.tables import Table
from lab.statistics.times import Integers

MINIMUM = 10
"""Fewer reached, or fewer outside the fullest cell: a sparse cohort (STATISTICS, section 1)."""

DRAWS = 9_999
ENUMERABLE = 5_000
_BATCH_CELLS = 1_000_000


def is_sparse(table: Table) -> bool:
    """Whether either cohort has too few events, or too few different ones, for normal theory."""
    return any(
        counts[:-1].sum() < MINIMUM or counts.sum() - counts.max() < MINIMUM
        for counts in (table.first, table.second)
    )


def permutation_p(table: Table, generator: np.random.Generator, draws: int = DRAWS) -> float:
    """Two-sided p-value of the studentised win probability under exchanged labels.

    Exact for equal distributions: by enumeration where there are at most ENUMERABLE relabellings,
    else by `draws` of them with the observed one counted in (Phipson and Smyth 2010). Studentised,
    so that it also holds for p = 1/2 with unequal distributions as members grow (Neubert and
    Brunner 2007). Cohorts that swap roles get the same value from the same state of the generator.
    An empty cohort gives 1.
    """
    # The cohort with fewer members is drawn, whichever role it has: swapping keeps the draws.
    few, many = sorted((table.first, table.second), key=lambda counts: int(counts.sum()))
    drawn, pooled = int(few.sum()), few + many
    if drawn == 0:
        return 1.0
    observed = _distance(few, pooled)
    if math.comb(int(pooled.sum()), drawn) <= ENUMERABLE:
        return float(np.mean(_distance(_relabellings(pooled, drawn), pooled) >= observed))
    batch = max(_BATCH_CELLS // len(pooled), 1)
    beyond = 0
    for start in range(0, draws, batch):
        tables = generator.multivariate_hypergeometric(pooled, drawn, min(batch, draws - start))
        beyond += int(np.count_nonzero(_distance(tables, pooled) >= observed))
    return (beyond + 1) / (draws + 1)


def _distance(few: Integers, pooled: Integers) -> Floats:
    """|p - 1/2| in standard errors [...], rounded so that equal tables compare as equal."""
    distance = np.abs(win.placement(few, pooled - few).statistic)
    return np.asarray(np.round(distance, 9), dtype=np.float64)


def _relabellings(pooled: Integers, drawn: int) -> Integers:
    """Counts [R, K] of every choice of `drawn` members from the pooled ones."""
    cell = np.repeat(np.arange(len(pooled)), pooled)
    chosen = np.array(list(itertools.combinations(cell.tolist(), drawn)), dtype=np.int64)
    return np.stack([(chosen == index).sum(-1) for index in range(len(pooled))], axis=-1)
