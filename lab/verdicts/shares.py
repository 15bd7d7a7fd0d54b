"""What share of the gap between two sizes a cause explains: the gap with the cause taken away.

The gap is the logarithm of the ratio of restricted means, smaller over larger, at the hardest
target. Of a level the share explained is 1 - its gap/the baseline's: 1 where the sizes are level
once the cause is changed, above 1 where the order turns, below 0 where the gap grows. Its interval
holds wherever between two evaluations the times lie.
"""

import dataclasses
import enum
import itertools
import math
from collections.abc import Mapping

import numpy as np

from lab.records.cohort import CohortRecords
from lab.specs import CohortSpec, Comparison, ContrastSpec
from lab.statistics import fieller, permutation
from lab.statistics.fieller import Estimates
from lab.statistics.intervals import Interval
from lab.statistics.units import Part
from lab.verdicts.deciding import Issue, meet
from lab.verdicts.evidence import mean_times
from lab.verdicts.meeting import Meeting, Unit
from lab.verdicts.winner_map import clocks_of_their_own, may_be_told
from lab.words import Clock, Factor

Influence = Mapping[tuple[object, ...], float]
"""How far each unit of replication moves an estimate, by what the unit is of."""
_LogMean = tuple[float, Influence]


class NotEstimable(enum.Enum):
    """Why a share has no interval."""

    SPARSE = "too few members reached the target, or differ"
    NO_GAP = "the baseline's own gap is not told apart from none"


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """What going from the baseline to a level explains of the gap; `pair` as in flips.

    Gaps are logarithms of time ratios, smaller over larger: above 0 the smaller is slower. `reason`
    says why there is no share.
    """

    clock: Clock
    pair: int
    baseline: str
    level: str
    baseline_gap: float
    gap: float
    share: Interval | None
    reason: NotEstimable | None
    sentence: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class _Gap:
    estimate: float
    influence: Influence
    degrees: float
    sparse: bool


def shares(comparison: Comparison, records: Mapping[str, CohortRecords]) -> tuple[Share, ...]:
    """For each level but the baseline, each clock but seconds and each pair; none without one.

    None from or to nets whose rates may not be the best: their gap may be the search's.
    """
    by_level: dict[str, list[ContrastSpec]] = {}
    for one in comparison.contrasts:
        by_level.setdefault(one.level, []).append(one)
    baseline = by_level.pop(comparison.baseline, []) if comparison.baseline else []
    return tuple(
        _share(clock, pair, (held, other), comparison, records)
        for pair, held in enumerate(baseline)
        for contrasts in by_level.values()
        for other in contrasts[pair : pair + 1]
        if may_be_told(held, records) and may_be_told(other, records)
        for clock in clocks_of_their_own(comparison, records, held)
        # What a step's seconds may be off by has no part in these intervals.
        if clock is not Clock.SECONDS
    )


def _share(
    clock: Clock,
    pair: int,
    contrasts: tuple[ContrastSpec, ContrastSpec],
    comparison: Comparison,
    records: Mapping[str, CohortRecords],
) -> Share:
    read = [_readings(one, clock, records) for one in contrasts]
    held, other = (one.gap(frozenset()) for one in read)
    share, reason = None, None
    if held.sparse or other.sparse:
        reason = NotEstimable.SPARSE
    else:
        kept = _kept(read[0], read[1], 1 - comparison.margins.alpha_win)
        reason = NotEstimable.NO_GAP if kept is None else None
        share = None if kept is None else _complement(kept)
    return Share(
        clock=clock,
        pair=pair,
        baseline=contrasts[0].level,
        level=contrasts[1].level,
        baseline_gap=held.estimate,
        gap=other.estimate,
        share=share,
        reason=reason,
    )


def _kept(held: "_Readings", other: "_Readings", level: float) -> Interval | None:
    """What is left of the gap, wherever between two evaluations the times lie.

    None where the gap itself may then be none. A cohort of both levels has the same times in both.
    """
    names = sorted({*held.names, *other.names})
    early = [
        frozenset(itertools.compress(names, chosen))
        for chosen in itertools.product((False, True), repeat=len(names))
    ]
    gaps = [held.gap(one) for one in early]
    if min(one.estimate for one in gaps) < 0 < max(one.estimate for one in gaps):
        return None
    found = [
        fieller.ratio(_estimates(other.gap(one), gap), level)
        for one, gap in zip(early, gaps, strict=True)
    ]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return dataclasses.replace(
        known[0],
        lower=min(one.lower for one in known),
        upper=max(one.upper for one in known),
    )


def _complement(kept: Interval) -> Interval:
    return Interval(1 - kept.estimate, 1 - kept.upper, 1 - kept.lower, kept.level)


def _estimates(first: _Gap, second: _Gap) -> Estimates:
    """Levels that share a cohort, or seeds, depend on each other: units they share move both."""
    common = first.influence.keys() & second.influence.keys()
    return Estimates(
        first=first.estimate,
        second=second.estimate,
        variance_first=math.fsum(value**2 for value in first.influence.values()),
        variance_second=math.fsum(value**2 for value in second.influence.values()),
        covariance=math.fsum(first.influence[unit] * second.influence[unit] for unit in common),
        degrees=min(first.degrees, second.degrees),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Readings:
    """A contrast's two cohorts with their log means by times as seen, and by the earliest."""

    names: tuple[str, str]
    seen: tuple[_LogMean, _LogMean]
    earliest: tuple[_LogMean, _LogMean]
    sparse: bool

    def gap(self, early: frozenset[str]) -> _Gap:
        """The smaller's log mean less the larger's, with the times of these cohorts early."""
        influence: dict[tuple[object, ...], float] = {}
        logs, degrees = [], []
        for index, sign in enumerate((1, -1)):
            is_early = self.names[index] in early
            mean, moved = (self.earliest if is_early else self.seen)[index]
            logs.append(mean)
            degrees.append(max(len(moved) - 1, 1))
            for unit, value in moved.items():
                influence[unit] = influence.get(unit, 0.0) + sign * value
        return _Gap(logs[0] - logs[1], influence, min(degrees), self.sparse)


def _readings(
    contrast: ContrastSpec, clock: Clock, records: Mapping[str, CohortRecords]
) -> _Readings:
    names = contrast.smaller, contrast.larger
    pair = records[names[0]], records[names[1]]
    met = meet(pair, Issue(contrast, clock, len(pair[0].spec.target.thresholds) - 1))
    seen, early_smaller, early_larger = (one.parts for one in mean_times(met))
    earliest = early_smaller[0], early_larger[1]
    late, early = (
        (_log_mean(met, parts[0], pair[0]), _log_mean(met, parts[1], pair[1]))
        for parts in (seen, earliest)
    )
    return _Readings(names, late, early, permutation.is_sparse(met.tables.rounded))


def _log_mean(meeting: Meeting, part: Part, cohort: CohortRecords) -> _LogMean:
    """The logarithm of the restricted mean, and each unit's share in its deviation from the truth.

    The squares of the shares add up to the variance by the delta method: for single members that of
    `rmst.rmst_ratio`, for blocks the linearised cluster variance (Liang and Zeger 1986).
    """
    times = part.value
    mean = float(times.mean())
    blocks = meeting.unit is Unit.BLOCKS
    number = part.unit if blocks else cohort.member
    units, index = np.unique(number, return_inverse=True)
    spread = math.sqrt(len(units) / max(len(units) - 1, 1))
    share = np.bincount(index, weights=(times - mean) * spread / (mean * len(times)))
    keys = [(_root(cohort), blocks, unit) for unit in units.tolist()]
    return math.log(mean), dict(zip(keys, share.tolist(), strict=True))


def _root(cohort: CohortRecords) -> int | str:
    """What numbers of units are of: the root seed, where members are known to draw from it."""
    spec = cohort.spec
    if isinstance(spec, CohortSpec) and Factor.ORDER in cohort.seed_ids:
        return spec.seed
    return spec.name
