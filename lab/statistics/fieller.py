"""The ratio of two estimates that are normal about their truths, and may depend on each other."""

import dataclasses
import math

from lab.statistics import intervals
from lab.statistics.intervals import Interval


@dataclasses.dataclass(frozen=True, slots=True)
class Estimates:
    """Two estimates with their sampling variances (SE squared) and the covariance between them.

    `degrees` are those of Student's t, whatever the variances were estimated from.
    """

    first: float
    second: float
    variance_first: float
    variance_second: float
    covariance: float = 0.0
    degrees: float = math.inf


def ratio(of: Estimates, level: float) -> Interval | None:
    """First over second, by Fieller's theorem; None where the interval has no end.

    The ratios r that a test of first - r second = 0 does not reject (Fieller 1954, JRSS B 16:175).
    They are an interval exactly where the second is told apart from 0 at that level.
    """
    square = float(intervals.t_quantile(level, of.degrees)) ** 2
    leading = of.second**2 - square * of.variance_second
    if leading <= 0:
        return None
    middle = of.first * of.second - square * of.covariance
    constant = of.first**2 - square * of.variance_first
    # Rounding alone can make it negative: at r = first/second the test never rejects.
    reach = math.sqrt(max(middle**2 - leading * constant, 0.0))
    estimate = of.first / of.second
    return Interval(estimate, (middle - reach) / leading, (middle + reach) / leading, level)
