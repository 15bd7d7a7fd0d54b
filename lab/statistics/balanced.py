"""Balanced crossed designs: the analysis of variance, and intervals for its components."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lab.statistics.intervals import Floats, Interval
from lab.statistics.times import Integers

DRAWS = 20_000
Effect = tuple[int, ...]
"""Indices of the factors it holds, rising; empty for what remains."""


@dataclasses.dataclass(frozen=True, slots=True)
class MeanSquare:
    """An effect's sum of squares, degrees of freedom, and members for each of its levels."""

    total: float
    degrees: int
    members: int


def mean_squares(values: Floats, factors: Sequence[Integers]) -> dict[Effect, MeanSquare] | None:
    """Main effects, all pairs of factors, and what remains; None where the design is not balanced.

    Balanced: every combination of levels is held by the same number of members. A factor's levels
    [N] count from 0. Effects without degrees of freedom are left out.
    """
    shape = [int(ids.max()) + 1 for ids in factors]
    cells = math.prod(shape)
    if not factors or len(values) % cells:
        return None
    cell = np.ravel_multi_index(tuple(factors), tuple(shape))
    if (np.bincount(cell, minlength=cells) != len(values) // cells).any():
        return None
    centred = np.zeros_like(values) if values.min() == values.max() else values - values.mean()
    means = (np.bincount(cell, weights=centred, minlength=cells) * cells / len(values)).reshape(
        shape
    )
    found: dict[Effect, MeanSquare] = {}
    alone = [_over(means, (axis,)) for axis in range(len(shape))]
    for axis, size in enumerate(shape):
        held = len(values) // size
        found[(axis,)] = MeanSquare(float(held * (alone[axis] ** 2).sum()), size - 1, held)
    for one, other in itertools.combinations(range(len(shape)), 2):
        left = _over(means, (one, other)) - alone[one] - alone[other]
        held = len(values) // (shape[one] * shape[other])
        degrees = (shape[one] - 1) * (shape[other] - 1)
        found[(one, other)] = MeanSquare(float(held * (left**2).sum()), degrees, held)
    told = sum(one.total for one in found.values())
    rest = max(float((centred**2).sum()) - told, 0.0)
    degrees = len(values) - 1 - sum(one.degrees for one in found.values())
    return {**found, **({(): MeanSquare(rest, degrees, 1)} if degrees > 0 else {})}


def _over(means: Floats, axes: Effect) -> Floats:
    """Averages over all other axes, which stay with length 1."""
    others = tuple(axis for axis in range(means.ndim) if axis not in axes)
    return np.asarray(means.mean(axis=others, keepdims=True), dtype=np.float64)


def pooled(table: Mapping[Effect, MeanSquare], keep: set[Effect]) -> dict[Effect, MeanSquare]:
    """The table with all effects but `keep` in what remains."""
    rest = [one for effect, one in table.items() if effect not in keep]
    remains = MeanSquare(sum(one.total for one in rest), sum(one.degrees for one in rest), 1)
    return {**{effect: table[effect] for effect in table if effect in keep}, (): remains}


def generalised_intervals(
    table: Mapping[Effect, MeanSquare], level: float, generator: np.random.Generator
) -> dict[Effect, tuple[Interval, Interval | None]]:
    """Of each effect's component, and of its share of all; the share is None without any spread.

    Generalised confidence intervals for normal effects (Weerahandi 1993; for crossed designs and
    shares Burdick, Borror and Montgomery 2005, section 2.4): expected mean squares are drawn as sum
    of squares over chi-squared, the components solved from them, and cut at 0. What remains gets
    the textbook's chi-squared interval but for the error of DRAWS draws.
    """
    expected = {
        effect: one.total / generator.chisquare(one.degrees, DRAWS) for effect, one in table.items()
    }
    drawn = _solved(expected, table)
    observed = _solved({e: np.array(one.total / one.degrees) for e, one in table.items()}, table)
    total = sum(drawn.values(), np.zeros(DRAWS))
    whole = float(sum(float(one) for one in observed.values()))
    found: dict[Effect, tuple[Interval, Interval | None]] = {}
    for effect, values in drawn.items():
        estimate = float(observed[effect])
        share = (
            _between(estimate / whole, values / np.where(total > 0, total, 1), level)
            if whole > 0
            else None
        )
        found[effect] = _between(estimate, values, level), share
    return found


def _solved(
    expected: Mapping[Effect, Floats], table: Mapping[Effect, MeanSquare]
) -> dict[Effect, Floats]:
    """Components from expected mean squares, cut at 0.

    An effect's holds what remains, plus every component that contains the effect, each times the
    members for a level of its own (Searle, Casella and McCulloch 1992, section 4.2).
    """
    found: dict[Effect, Floats] = {(): expected[()]}
    for effect in sorted((one for one in table if one), key=len, reverse=True):
        above = expected[()].copy()
        for other, component in found.items():
            if set(effect) < set(other):
                above += table[other].members * component
        found[effect] = (expected[effect] - above) / table[effect].members
    return {effect: np.maximum(found[effect], 0.0) for effect in (*(e for e in table if e), ())}


def _between(estimate: float, drawn: Floats, level: float) -> Interval:
    lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval.of(estimate, lower, upper, level)
