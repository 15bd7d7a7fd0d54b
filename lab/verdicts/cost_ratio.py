"""What a step of the larger net may cost before the order turns.

A user who knows what steps cost on hardware of his own reads the answer off, without that clock.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from fractions import Fraction

from lab.records.cohort import AnyMetric, CohortRecords
from lab.specs import Comparison, ContrastSpec
from lab.verdicts.clocks import cost_per_step
from lab.verdicts.deciding import SEED, Issue, meet
from lab.verdicts.first import First, Standing, standing
from lab.verdicts.meeting import Meeting
from lab.verdicts.winner_map import clocks_of_their_own
from lab.words import Clock

FINENESS = 32
"""Ratios tried in a doubling: one is 2.2% above the other."""
_WIDEST = 7 * FINENESS
WIDEST = 128.0
DRAWS = 1_999


@dataclasses.dataclass(frozen=True, slots=True)
class KnownRatio:
    """What the larger net's step costs over the smaller's on one clock, as measured."""

    clock: Clock
    ratio: float


@dataclasses.dataclass(frozen=True, slots=True)
class CostRatioFlip:
    """A step of the larger net at so many times the smaller's cost, and who is first.

    Up to `larger_until` the larger is, from `smaller_from` on the smaller; between them lies
    `turn`, where half of all pairs go either way. None is at no ratio from 1/128 to 128, and an end
    of that range is told where it is so at all of it; with few members that reach, nothing turns.
    """

    smaller: str
    larger: str
    level: str
    metric: AnyMetric
    target: float
    larger_until: float | None
    turn: float | None
    smaller_from: float | None
    known: tuple[KnownRatio, ...]
    sentence: str = ""


def cost_ratio_flip(
    contrast: ContrastSpec, comparison: Comparison, records: Mapping[str, CohortRecords]
) -> CostRatioFlip:
    """At the hardest target; the ends are those of a test of p = 1/2 at each ratio, inverted."""
    pair = records[contrast.smaller], records[contrast.larger]
    target = pair[0].spec.target
    met = meet(pair, Issue(contrast, Clock.STEPS, len(target.thresholds) - 1))
    alpha = comparison.margins.alpha_win

    @functools.cache
    def at(exponent: int) -> Standing:
        scaled = _with_cost(met, _ratio(exponent))
        return standing(scaled, scaled.horizon, alpha, SEED, DRAWS)

    def first(exponent: int) -> First:
        found = at(exponent)
        return found.first(found.p_value, alpha)

    return CostRatioFlip(
        smaller=contrast.smaller,
        larger=contrast.larger,
        level=contrast.level,
        metric=target.metric,
        target=target.thresholds[-1],
        larger_until=_last_where(lambda k: first(k) is First.LARGER),
        # Neither getting there is a tie: without the smaller in the lead somewhere nothing turns.
        turn=_last_where(lambda k: at(k).win.estimate < 0.5)
        if at(_WIDEST).win.estimate > 0.5
        else None,
        smaller_from=_first_where(lambda k: first(k) is First.SMALLER),
        known=tuple(
            KnownRatio(clock, float(cost_per_step(pair[1], clock) / cost_per_step(pair[0], clock)))
            for clock in clocks_of_their_own(comparison, records, contrast)
        ),
    )


def _with_cost(meeting: Meeting, ratio: Fraction) -> Meeting:
    """The meeting where a larger step costs `ratio` of the smaller's."""
    larger = meeting.larger
    clock = dataclasses.replace(larger.clock, cost=ratio)
    scaled = dataclasses.replace(larger, clock=clock)
    return Meeting(meeting.smaller, scaled, meeting.unit, meeting.units)


def _ratio(exponent: int) -> Fraction:
    """2^(exponent/FINENESS) to four digits: few, for the common grid of two costs is their lcm."""
    value = 2.0 ** (exponent / FINENESS)
    return Fraction(f"{value:.3e}")


def _last_where(holds: Callable[[int], bool]) -> float | None:
    """The largest ratio at which it holds, if it does at the smallest.

    By bisection: costlier steps of the larger net can only help the smaller.
    """
    if not holds(-_WIDEST):
        return None
    low, high = -_WIDEST, _WIDEST + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return float(_ratio(low))


def _first_where(holds: Callable[[int], bool]) -> float | None:
    """The smallest ratio at which it holds, if it does at the largest."""
    if not holds(_WIDEST):
        return None
    low, high = -_WIDEST - 1, _WIDEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return float(_ratio(high))
