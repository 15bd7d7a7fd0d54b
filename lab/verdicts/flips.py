"""Where the order turns round: at which cost of a step, at which target, at which level."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

from lab.records.cohort import CohortRecords
from lab.specs import Comparison
from lab.statistics.crossing import Band, crossing
from lab.statistics.intervals import Interval
from lab.verdicts.cost_ratio import CostRatioFlip, cost_ratio_flip
from lab.verdicts.findings import Finding
from lab.verdicts.first import First
from lab.verdicts.licence import untold
from lab.verdicts.winner_map import WinnerMap, may_be_told
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock

_FIRST = {Verdict.SMALLER_FASTER: First.SMALLER, Verdict.LARGER_FASTER: First.LARGER}


@dataclasses.dataclass(frozen=True, slots=True)
class TargetFlip:
    """The winner at full budget changes between two targets; `easier` is who is first before."""

    smaller: str
    larger: str
    level: str
    clock: Clock
    from_target: float
    to_target: float
    easier: First
    sentence: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LevelFlip:
    """The verdict at the hardest target turns between two levels of the study's cause.

    `before` is who is first at `from_level`. `at` is where half of all pairs go either way, between
    two levels that are numbers; the decided levels next to it hold its interval.
    """

    clock: Clock
    pair: int
    from_level: str
    to_level: str
    before: First
    at: Interval | None
    sentence: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Flips:
    """All of a study's; `pair` of a level's flip counts the contrasts of one level, from 0."""

    cost_ratios: tuple[CostRatioFlip, ...] = ()
    targets: tuple[TargetFlip, ...] = ()
    levels: tuple[LevelFlip, ...] = ()


def flips(
    comparison: Comparison,
    records: Mapping[str, CohortRecords],
    maps: Sequence[WinnerMap],
    findings: Sequence[Finding],
) -> Flips:
    """`findings` are those of all contrasts, clocks and targets; the hardest comes last.

    Nothing turns by nets whose rates may not be the best: of those no direction is named.
    """
    return Flips(
        cost_ratios=tuple(
            cost_ratio_flip(one, comparison, records)
            for one in comparison.contrasts
            if may_be_told(one, records)
        ),
        targets=tuple(flip for one in maps for flip in target_flips(one)),
        levels=tuple(level_flips(findings, comparison.baseline)),
    )


def target_flips(found: WinnerMap) -> list[TargetFlip]:
    """Between decided targets next to each other, however many undecided ones lie between."""
    ends = [found.row(target)[-1] for target in found.targets]
    decided = [one for one in ends if one.first in (First.SMALLER, First.LARGER)]
    return [
        TargetFlip(
            found.smaller,
            found.larger,
            found.level,
            found.clock,
            before.target,
            after.target,
            before.first,
        )
        for before, after in itertools.pairwise(decided)
        if before.first is not after.first
    ]


def level_flips(findings: Sequence[Finding], baseline: str) -> list[LevelFlip]:
    """On each clock, for each pair that the levels repeat."""
    found = []
    for (clock, pair), whole in series_of(findings).items():
        series = [one for one in whole if not untold(one)]
        numbers = [one for one in in_order(series) if is_number(one.level)]
        found += _between_numbers(clock, pair, numbers)
        found += _against_baseline(clock, pair, series, baseline)
    return found


def series_of(findings: Sequence[Finding]) -> dict[tuple[Clock, int], list[Finding]]:
    """The hardest target's findings, level by level; of a clock, and of a contrast's place.

    None of a clock that asks what steps ask, nor where there is one level only.
    """
    hardest: dict[tuple[Clock, str, str, str], Finding] = {}
    for one in findings:
        if Modifier.SAME_AS_STEPS not in one.decision.modifiers:
            names = one.smaller.summary.name, one.larger.summary.name
            hardest[(one.clock, one.level, *names)] = one
    found: dict[tuple[Clock, int], list[Finding]] = {}
    places: dict[tuple[Clock, str], int] = {}
    for (clock, level, *_), one in hardest.items():
        place = places.get((clock, level), 0)
        places[(clock, level)] = place + 1
        found.setdefault((clock, place), []).append(one)
    return {key: series for key, series in found.items() if len(series) > 1 and series[0].level}


def in_order(series: Sequence[Finding]) -> list[Finding]:
    """Levels that are words as they came, as "tuned" among rates; then numbers, rising."""
    words = [one for one in series if not is_number(one.level)]
    numbers = [one for one in series if is_number(one.level)]
    return words + sorted(numbers, key=lambda one: float(one.level))


def is_number(level: str) -> bool:
    """Whether a level has a place among others, so that the order can turn between two."""
    try:
        return math.isfinite(float(level))
    except ValueError:
        return False


def _between_numbers(clock: Clock, pair: int, series: Sequence[Finding]) -> list[LevelFlip]:
    decided = [index for index, one in enumerate(series) if one.decision.verdict in _FIRST]
    return [
        LevelFlip(
            clock,
            pair,
            series[left].level,
            series[right].level,
            _FIRST[series[left].decision.verdict],
            _crossing(series[left : right + 1]),
        )
        for left, right in itertools.pairwise(decided)
        if series[left].decision.verdict is not series[right].decision.verdict
    ]


def _crossing(series: Sequence[Finding]) -> Interval | None:
    chances = [one.decision.win_probability for one in series]
    return crossing(
        [float(one.level) for one in series],
        [Band(one.lower, one.estimate, one.upper) for one in chances],
        chances[0].level,
    )


def _against_baseline(
    clock: Clock, pair: int, series: Sequence[Finding], baseline: str
) -> list[LevelFlip]:
    """The levels with another verdict than the baseline's, else the first decided's.

    Of two numbers `_between_numbers` tells.
    """
    decided = [one for one in series if one.decision.verdict in _FIRST]
    held = [one for one in decided if one.level == baseline] if baseline else decided[:1]
    return [
        LevelFlip(clock, pair, one.level, other.level, _FIRST[one.decision.verdict], None)
        for one in held
        for other in decided
        if other.decision.verdict is not one.decision.verdict
        and not (is_number(one.level) and is_number(other.level))
    ]
