"""Restarting slow runs: the best cut-off, and what it saves.

A run that has not reached by the cut-off is thrown away and begun again with fresh seeds. Where
times have a heavy tail, or some members never arrive, that is cheaper than waiting.
"""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from lab.statistics.intervals import Floats
from lab.statistics.times import ClockTimes, Integers

MINIMUM = 10
"""Fewer reached: no interval (STATISTICS, section 1, small data)."""
DRAWS = 1_999
_BATCH_CELLS = 2_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Saving:
    """The cost with restarts over that without; below 1 they pay.

    `upper` is None where members left out of a choice did not reach by it often enough to bound
    what it costs.
    """

    estimate: float
    lower: float
    upper: float | None
    level: float


@dataclasses.dataclass(frozen=True, slots=True)
class Restarts:
    """The best cut-off of a cohort, in evaluations, and expected costs to a success in clock units.

    `cost` is what restarting at the cut-off seemed to cost in this very cohort and
    `cost_at_budget` what it cost to restart only at the budget. Their ratio is too good, since the
    cut-off was chosen on the same members; `ratio` is corrected for that, and may exceed 1. None
    where fewer than MINIMUM members reached, or none of those left out by what others choose.
    """

    cutoff: int
    cutoff_time: float
    reached_by_cutoff: int
    cost: float
    cost_at_budget: float
    ratio: Saving | None

    @property
    def pays(self) -> bool:
        """Whether the whole interval lies below 1: restarting earlier is cheaper."""
        return self.ratio is not None and self.ratio.upper is not None and self.ratio.upper < 1


def best_restart(
    clock: ClockTimes, level: float, generator: np.random.Generator
) -> Restarts | None:
    """The cut-off t that makes E[min(T, t)] / F(t) least; None where nobody reached.

    Luby, Sinclair and Zuckerman 1993, section 2: of all ways to restart one fixed cut-off is the
    best. Of cut-offs that cost the same the longest is taken. Costs count training up to the last
    evaluation at which a success can start.

    `ratio` is of what the cut-off chosen here would save among further members. Its estimate is
    cross-validated: each member is charged by the cut-off that all others choose. Its interval is
    of DRAWS bootstrap cohorts that choose a cut-off each, which is judged by the members not drawn
    (Efron and Tibshirani 1997): fewer choose and fewer judge, so it errs toward no saving.
    """
    counts = clock.times.counts()
    if not clock.times.reached.any():
        return None
    costs = _costs(counts, clock.positions)
    best = int(_chosen(costs))
    unit = float(clock.cost)
    return Restarts(
        cutoff=best + 1,
        cutoff_time=float(clock.positions[best]) * unit,
        reached_by_cutoff=int(counts[: best + 1].sum()),
        cost=float(costs[best]) * unit,
        cost_at_budget=float(costs[-1]) * unit,
        ratio=_ratio(counts, clock.positions, level, generator),
    )


def _summed(counts: Integers, positions: Integers) -> tuple[Integers, Integers]:
    """Hits by each cut-off, and steps spent up to it; counts [..., E + 1] to [..., E]."""
    hits = np.cumsum(counts[..., :-1], -1)
    spent = np.cumsum(counts[..., :-1] * positions, -1)
    return hits, spent + (counts.sum(-1, keepdims=True) - hits) * positions


def _costs(counts: Integers, positions: Integers) -> Floats:
    """Expected steps to a success for each cut-off; infinite where nobody had reached by it.

    Of exact sums, so that equal costs compare as equal.
    """
    hits, spent = _summed(counts, positions)
    return np.divide(spent, hits, out=np.full(hits.shape, np.inf), where=hits > 0)


def _chosen(costs: Floats) -> Integers:
    """The last of the cheapest cut-offs [...]: no restart where none is better."""
    return np.asarray(costs.shape[-1] - 1 - np.argmin(costs[..., ::-1], -1), dtype=np.int64)


def _ratio(
    counts: Integers, positions: Integers, level: float, generator: np.random.Generator
) -> Saving | None:
    members = int(counts.sum())
    if members - counts[-1] < MINIMUM:
        return None
    # Costs at evaluations where nobody hit are never the least, but for the last: leave them out.
    kept = np.union1d(np.flatnonzero(counts[:-1]), len(counts) - 2)
    few, at = np.append(counts[kept], counts[-1]), positions[kept]
    batch = max(_BATCH_CELLS // members, 1)
    ratios = np.concatenate(
        [
            _out_of_bag(few, at, min(batch, DRAWS - start), generator)
            for start in range(0, DRAWS, batch)
        ]
    )
    estimate = _cross_validated(few, at)
    if estimate is None:
        return None
    # Of the draws themselves: between a finite and an infinite one lies nothing.
    ends = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    lower, upper = min(float(ends[0]), estimate), max(float(ends[1]), estimate)
    return Saving(estimate, lower, upper if math.isfinite(upper) else None, level)


def _out_of_bag(
    counts: Integers, positions: Integers, draws: int, generator: np.random.Generator
) -> Floats:
    """Ratios of costs among the members left out, for what those drawn choose [draws or fewer].

    Infinite where none of those left out reached by it: a cut-off that a single early member makes
    look cheap is bounded by nobody else.
    """
    members = int(counts.sum())
    times = generator.multinomial(members, np.full(members, 1 / members), draws)
    inside, outside = _by_cell(times, counts), _by_cell(times == 0, counts)
    told = inside[:, :-1].any(-1) & outside[:, :-1].any(-1)
    inside, outside = inside[told], outside[told]
    chosen = _chosen(_costs(inside, positions))[:, None]
    costs = _costs(outside, positions)
    return np.asarray(np.take_along_axis(costs, chosen, -1)[:, 0] / costs[:, -1], dtype=np.float64)


def _by_cell(weights: npt.NDArray[np.integer | np.bool_], counts: Integers) -> Integers:
    """Sums over the members of each cell, who stand side by side; [..., N] to [..., E + 1]."""
    sums = np.cumsum(weights, -1, dtype=np.int64)
    sums = np.concatenate([np.zeros_like(sums[..., :1]), sums], -1)
    return np.diff(sums[..., np.append(0, np.cumsum(counts))], axis=-1)


def _cross_validated(counts: Integers, positions: Integers) -> float | None:
    """The ratio of costs where each member is left out once, and those left out are added up."""
    occupied = np.flatnonzero(counts)
    chosen = _chosen(_costs(counts - np.eye(len(counts), dtype=np.int64)[occupied], positions))
    ends = np.append(positions, positions[-1])[occupied]
    reached = occupied < len(positions)
    members = counts[occupied]
    hits = (members * (reached & (ends <= positions[chosen]))).sum()
    spent = (members * np.minimum(ends, positions[chosen])).sum()
    whole = (members * ends).sum() / (members * reached).sum()
    return float(spent / hits / whole) if hits else None
