"""A cohort's records as times: when its members reached a target, and what that costs on a clock.

Verdicts and reports both measure with these, so a picture cannot contradict its verdict.
"""

from fractions import Fraction

import numpy as np

from lab.records.cohort import CohortRecords
from lab.records.costs import exact_cost
from lab.specs import AnyCohortSpec
from lab.statistics.times import ClockTimes, Times
from lab.words import Clock


def last_start(spec: AnyCohortSpec) -> int:
    """The last evaluation at which a success can start: the next ones have to sustain it."""
    return spec.evaluations - spec.target.sustain + 1


def times_to(records: CohortRecords, threshold: int = -1) -> Times:
    """The cohort's times to one of its thresholds, the hardest by default."""
    return Times(
        evaluation=records.hit[:, threshold],
        reached=records.reached[:, threshold],
        last=last_start(records.spec),
    )


def clock_times(records: CohortRecords, clock: Clock, threshold: int = -1) -> ClockTimes:
    """The same on a clock."""
    times = times_to(records, threshold)
    steps = np.array(records.spec.grid[: times.last], dtype=np.int64)
    return ClockTimes(times, steps, cost_per_step(records, clock))


def is_known(records: CohortRecords, clock: Clock) -> bool:
    """Whether there is an answer in seconds; what the other clocks need is asked of who declares.

    Members of before there was the clock, or trained elsewhere, were not timed.
    """
    return clock is not Clock.SECONDS or records.solo_seconds is not None


def cost_per_step(records: CohortRecords, clock: Clock) -> Fraction:
    """What a training step costs on a clock, exactly; ValueError where nobody knows.

    The costs of two cohorts are multiples of each other if the numbers that were given are
    (`exact_cost`, whose UsageError is for what no step can cost). FLOPs are those of training
    steps; evaluations are no part of convergence and cost nothing.
    """
    match clock:
        case Clock.STEPS:
            return Fraction(1)
        case Clock.EXAMPLES if records.spec.batch_size is not None:
            return Fraction(records.spec.batch_size)
        case Clock.FLOPS if records.flops_per_step is not None:
            return exact_cost(records.flops_per_step)
        case Clock.SECONDS if records.solo_seconds is not None:
            return exact_cost(records.solo_seconds.estimate)
        case _:
            raise ValueError(f"cohort {records.spec.name!r} has no known cost in {clock.label}")
