"""A cohort's records as times: when its members reached a target, and what that costs on a clock.

Verdicts and reports both measure with these, so a picture cannot contradict its verdict.
"""

from fractions import Fraction

import numpy as np

from lab.records.cohort import CohortRecords
from lab.records.costs import exact_cost
from lab.specs import AnyCohortSpec, ImportedSpec
from lab.statistics import follow_up
from lab.statistics.times import ClockTimes, Times
from lab.words import Clock, Outcome


def last_start(spec: AnyCohortSpec) -> int:
    """The last evaluation at which a success can start: the next ones have to sustain it."""
    return spec.evaluations - spec.target.sustain + 1


def times_to(records: CohortRecords, threshold: int = -1) -> Times:
    """The cohort's times to one of its thresholds, the hardest by default.

    Up to the last evaluation to which they can be told: where runs were stopped, that is where the
    last of those still followed was.
    """
    return _told(records, threshold)[0]


def clock_times(records: CohortRecords, clock: Clock, threshold: int = -1) -> ClockTimes:
    """The cohort's times to one of its thresholds on a clock."""
    times, open_ended = _told(records, threshold)
    steps = np.array(records.spec.grid[: times.last], dtype=np.int64)
    declared = records.spec.declared if isinstance(records.spec, ImportedSpec) else None
    return ClockTimes(
        times,
        steps,
        cost_per_step(records, clock),
        known_to=declared if open_ended else None,
        open_ended=open_ended and declared is None,
    )


def _told(records: CohortRecords, threshold: int) -> tuple[Times, bool]:
    """Times to a threshold, and whether what comes after their last evaluation is known too."""
    spec, reached = records.spec, records.reached[:, threshold]
    last = last_start(spec)
    if not isinstance(spec, ImportedSpec):
        return Times(records.hit[:, threshold], reached, last), False
    gone, stopped = (
        np.array([each is outcome for each in records.outcome], np.bool_)
        for outcome in (Outcome.DIVERGED, Outcome.STOPPED)
    )
    # The last evaluation at which a success could have been seen to start.
    seen = np.clip(records.ended - spec.target.sustain + 1, 0, last)
    followed = np.where(gone | stopped, seen, last)
    times = Times(records.hit[:, threshold], reached, last, followed, gone)
    living = ~times.never
    hits = np.where(reached, times.evaluation, followed)[living]
    end = follow_up.end(hits, reached[living])
    if end is not None:
        return times.until(max(end, 1)), False
    # How long rows were kept after the last member was settled must change nothing.
    settled = int(np.where(reached, times.evaluation, followed).max(initial=1))
    return times.until(max(settled, 1)), True


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
