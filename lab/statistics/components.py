"""Which chance moves convergence time: variance components over crossed seeds.

Members that share the level of a factor (the initial weights, the data order, ...) are alike in
what that factor does. Analysed is the log of min(T, horizon): never counts as the horizon, so these
are components of the restricted time, and say little of T where many members never reached.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from lab.statistics import balanced
from lab.statistics.intervals import Floats, Interval
from lab.statistics.times import ClockTimes, Integers

MOST_AT_HORIZON = 0.2
"""With more members at the horizon their spread, which nobody saw, would count as none."""
_NULL = 1e-9

Bundle = tuple[str, ...]
Term = tuple[Bundle, ...]
"""A main effect has one bundle, an interaction two. Factors of one bundle always move together."""


@dataclasses.dataclass(frozen=True, slots=True)
class Component:
    """What one term adds to the variance of the log time, and its share of the whole.

    `term` is empty for what remains with all named seeds held. None: not estimable, for there is
    one level, every member has its own, or other factors cannot be told from it. `truncated`: the
    unbiased estimate was below 0 and 0 stands in its place. Intervals are there for balanced
    designs only.
    """

    term: Term
    levels: int
    variance: float | None
    truncated: bool
    share: float | None
    variance_interval: Interval | None
    share_interval: Interval | None


@dataclasses.dataclass(frozen=True, slots=True)
class Components:
    """Components of log min(T, horizon); none where more than MOST_AT_HORIZON is `at_horizon`."""

    at_horizon: float
    members: int
    balanced: bool
    components: tuple[Component, ...]

    @property
    def interpretable(self) -> bool:
        """Whether the restricted times are mostly times."""
        return self.at_horizon <= MOST_AT_HORIZON


def components(
    clock: ClockTimes,
    levels: Mapping[str, Integers],
    horizon: Fraction,
    level: float,
    generator: np.random.Generator,
) -> Components:
    """Of a cohort's times; `levels` gives each factor's level of every member [N].

    The log makes components the same on every clock. See `of_values` for the estimator.
    """
    members = clock.times.members
    late = members - clock.certain_by(horizon)
    share = late / members if members else 1.0
    found: tuple[Component, ...] = ()
    is_balanced = False
    if share <= MOST_AT_HORIZON:
        values = np.log(clock.restricted(horizon))
        found, is_balanced = of_values(values, levels, level, generator)
    return Components(share, members, is_balanced, found)


def of_values(
    values: Floats, levels: Mapping[str, Integers], level: float, generator: np.random.Generator
) -> tuple[tuple[Component, ...], bool]:
    """Random effects of every factor and of the pairs that can be told apart; and if balanced.

    The estimator is MINQUE with equal weights: quadratic forms y'PV_iPy equated to their
    expectations, P as if all components were 1 (Rao 1971). It is unbiased for any design and
    distribution, and in balanced designs it is the analysis of variance (Searle, Casella and
    McCulloch 1992, sections 4.4 and 11.3). Interactions of three and more go to what remains.
    """
    partitions = {name: _partition(ids) for name, ids in levels.items()}
    mains, silent = _mains(partitions, len(values))
    every = {**mains, **_interactions(mains, len(values))}
    usable = _estimable({**every, (): np.arange(len(values))})
    kept = {term: ids for term, ids in every.items() if term in usable}
    variances = _minque(values, {**kept, (): np.arange(len(values))}) if () in usable else {}
    spreads = _intervals(values, kept, level, generator) if variances else None
    total = sum(max(variance, 0.0) for variance in variances.values())
    lost = {**silent, **{term: ids for term, ids in mains.items() if term not in kept}}
    told = [
        _told(term, ids, variances, total, spreads)
        for term, ids in {**kept, (): np.arange(len(values)), **lost}.items()
    ]
    return tuple(told), spreads is not None


def _partition(ids: Integers) -> Integers:
    """Levels numbered by first appearance, so that one partition has one form."""
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _mains(
    partitions: Mapping[str, Integers], members: int
) -> tuple[dict[Term, Integers], dict[Term, Integers]]:
    """Factors with some levels, those that move together as one; and those of which none is seen.

    A factor of one level moves nothing here; one with a level for each member is what remains.
    """
    bundles: dict[bytes, list[str]] = {}
    silent: dict[Term, Integers] = {}
    for name, ids in partitions.items():
        if 1 < _count(ids) < members:
            bundles.setdefault(ids.tobytes(), []).append(name)
        else:
            silent[((name,),)] = ids
    mains: dict[Term, Integers] = {
        (tuple(sorted(names)),): partitions[names[0]] for names in bundles.values()
    }
    return mains, silent


def _interactions(mains: Mapping[Term, Integers], members: int) -> dict[Term, Integers]:
    """Pairs of main effects whose combinations are held by several members somewhere."""
    pairs = {
        (*sorted((*one, *other)),): _partition(mains[one] * members + mains[other])
        for one, other in itertools.combinations(mains, 2)
    }
    return {term: ids for term, ids in pairs.items() if _count(ids) < members}


def _count(ids: Integers) -> int:
    return int(ids.max()) + 1 if len(ids) else 0


def _estimable(terms: Mapping[Term, Integers]) -> set[Term]:
    """Which can be told from the others: interactions give way to main effects.

    A component can be estimated where no combination of covariance matrices that vanishes holds it.
    """
    held = [name for name, apart in zip(terms, _apart(list(terms.values())), strict=True) if apart]
    kept = {name: terms[name] for name in terms if len(name) < 2 or name in held}
    return {name for name, apart in zip(kept, _apart(list(kept.values())), strict=True) if apart}


def _apart(partitions: Sequence[Integers]) -> list[bool]:
    gram = _gram(partitions)
    scale = np.sqrt(np.maximum(np.diag(gram), 0))
    present = scale > 0
    unit = np.where(present, scale, 1)
    values, vectors = np.linalg.eigh(gram / np.outer(unit, unit))
    null = vectors[:, values < _NULL * max(len(gram), 1)]
    return (present & (np.abs(null).max(axis=1, initial=0.0) < np.sqrt(_NULL))).tolist()


def _gram(partitions: Sequence[Integers]) -> Floats:
    """tr(M V_i M V_j): from how many members share a level of one and a level of the other."""
    members = max(len(partitions[0]), 1)
    counts = [np.bincount(ids) for ids in partitions]
    gram = np.zeros((len(partitions),) * 2)
    for i, j in itertools.combinations_with_replacement(range(len(partitions)), 2):
        pairs = partitions[i] * members + partitions[j]
        cells, both = np.unique(pairs, return_counts=True)
        crossed = counts[i][cells // members] * counts[j][cells % members]
        squares = (counts[i] ** 2).sum() * (counts[j] ** 2).sum() / members**2
        gram[i, j] = gram[j, i] = (both**2).sum() - 2 * (both * crossed).sum() / members + squares
    return gram


def _minque(values: Floats, terms: Mapping[Term, Integers]) -> dict[Term, float]:
    """Before they are cut at 0; N x N matrices, N members."""
    if values.min() == values.max():
        return dict.fromkeys(terms, 0.0)
    partitions = list(terms.values())
    weights = np.zeros((len(values),) * 2)
    for ids in partitions:
        weights += ids[:, None] == ids
    inverse = np.linalg.inv(weights)
    rows = inverse.sum(1)
    project = inverse - np.outer(rows, rows) / rows.sum()
    shown = project @ (values - values.mean())
    forms = [(np.bincount(ids, weights=shown) ** 2).sum() for ids in partitions]
    columns = [_by_level(project, ids) for ids in partitions]
    gram = np.array([[(_by_level(one.T, ids) ** 2).sum() for one in columns] for ids in partitions])
    found = np.linalg.solve(gram, np.array(forms))
    return dict(zip(terms, found.tolist(), strict=True))


def _by_level(matrix: Floats, ids: Integers) -> Floats:
    """Columns [..., N] of members of one level added up; [..., levels]."""
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], np.arange(_count(ids)))
    return np.asarray(np.add.reduceat(matrix[:, order], starts, axis=1), dtype=np.float64)


def _intervals(
    values: Floats, kept: Mapping[Term, Integers], level: float, generator: np.random.Generator
) -> dict[Term, tuple[Interval, Interval | None]] | None:
    """Those of the balanced analysis of variance; None where the design is not balanced."""
    mains = {term: ids for term, ids in kept.items() if len(term) == 1}
    tables = balanced.mean_squares(values, list(mains.values()))
    if tables is None:
        return None
    position = {term[0]: axis for axis, term in enumerate(mains)}
    axes = {tuple(sorted(position[bundle] for bundle in term)): term for term in kept}
    pooled = balanced.pooled(tables, keep=set(axes))
    found = balanced.generalised_intervals(pooled, level, generator)
    return {axes.get(effect, ()): pair for effect, pair in found.items()}


def _told(
    term: Term,
    ids: Integers,
    variances: Mapping[Term, float],
    total: float,
    spreads: Mapping[Term, tuple[Interval, Interval | None]] | None,
) -> Component:
    variance = variances.get(term)
    pair = spreads.get(term) if spreads is not None and variance is not None else None
    kept = None if variance is None else max(variance, 0.0)
    return Component(
        term=term,
        levels=_count(ids),
        variance=kept,
        truncated=variance is not None and variance < 0,
        share=None if kept is None or total <= 0 else kept / total,
        variance_interval=pair[0] if pair else None,
        share_interval=pair[1] if pair else None,
    )
