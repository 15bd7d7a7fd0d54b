"""Where a probability measured at a few values of something passes one half."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

from lab.statistics.intervals import Interval


@dataclasses.dataclass(frozen=True, slots=True)
class Band:
    """A probability with its interval, at one value."""

    lower: float
    estimate: float
    upper: float


def crossing(values: Sequence[float], bands: Sequence[Band], level: float) -> Interval | None:
    """Where straight lines between the estimates first pass 1/2, between rising values.

    Lines in the logarithm of the values where all are above 0. The interval holds every value at
    which the straight lines between the ends leave 1/2 possible: pointwise, as if the truth were
    straight between the values. None where the first and the last interval are not on two sides of
    1/2.
    """
    ends = bands[0], bands[-1]
    rising = ends[0].upper < 0.5 < ends[1].lower
    if not rising and not ends[1].upper < 0.5 < ends[0].lower:
        return None
    logs = min(values) > 0
    at = [math.log(value) for value in values] if logs else list(values)
    sign = 1 if rising else -1
    middle = [sign * (one.estimate - 0.5) for one in bands]
    best = [(one.upper - 0.5) if rising else (0.5 - one.lower) for one in bands]
    worst = [(one.lower - 0.5) if rising else (0.5 - one.upper) for one in bands]
    # The most favourable line passes first, and the least favourable last for the last time.
    found = _first_up(at, middle), _first_up(at, best), _last_up(at, worst)
    estimate, lower, upper = (math.exp(one) if logs else one for one in found)
    return Interval(estimate, lower, upper, level)


def _first_up(at: Sequence[float], heights: Sequence[float]) -> float:
    """Where the line through the points is first at 0 or above."""
    lines = itertools.pairwise(zip(at, heights, strict=True))
    return next(_zero(left, right) for left, right in lines if right[1] >= 0)


def _last_up(at: Sequence[float], heights: Sequence[float]) -> float:
    """Where it is last at 0 or below."""
    lines = list(itertools.pairwise(zip(at, heights, strict=True)))
    return next(_zero(left, right) for left, right in reversed(lines) if left[1] <= 0)


def _zero(left: tuple[float, float], right: tuple[float, float]) -> float:
    return left[0] - left[1] * (right[0] - left[0]) / (right[1] - left[1])
