"""A cohort's records as times: when its members reached a target, and what that costs on a clock.

Verdicts and reports both measure with these, so a picture cannot contradict its verdict.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lab.records.cohort import CohortRecords
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
    times = Times(records.hit[:, threshold], reached, last_start(spec), _followed(records))
    if not isinstance(spec, ImportedSpec):
        return times, False
    living = np.array([one is not Outcome.DIVERGED for one in records.outcome], np.bool_) | reached
    seen = np.where(reached, times.evaluation, times.follow_up)[living]
    end = follow_up.end(seen, reached[living])
    return (times, True) if end is None else (times.until(max(end, 1)), False)


def _followed(records: CohortRecords) -> npt.NDArray[np.int64] | None:
    """Last evaluation at which a success of each member could have been seen to start [N].

    None where no run was stopped before the budget was spent.
    """
    stopped = np.array([one is Outcome.STOPPED for one in records.outcome], np.bool_)
    if not stopped.any():
        return None
    seen = np.maximum(records.ended - records.spec.target.sustain + 1, 0)
    return np.where(stopped, seen, last_start(records.spec))


def is_known(records: CohortRecords, clock: Clock) -> bool:
    """Whether there is an answer in seconds; what the other clocks need is asked of who declares.

    Members of before there was the clock, or trained elsewhere, were not timed.
    """
    return clock is not Clock.SECONDS or records.solo_seconds is not None


def cost_per_step(records: CohortRecords, clock: Clock) -> Fraction:
    """What a training step costs on a clock, exactly; ValueError where nobody knows.

    FLOPs are those of training steps; evaluations are no part of convergence and cost nothing.
    """
    match clock:
        case Clock.STEPS:
            return Fraction(1)
        case Clock.EXAMPLES if records.spec.batch_size is not None:
            return Fraction(records.spec.batch_size)
        case Clock.FLOPS if records.flops_per_step is not None:
            return Fraction(records.flops_per_step)
        case Clock.SECONDS if records.solo_seconds is not None:
            return Fraction(records.solo_seconds.estimate)
        case _:
            raise ValueError(f"cohort {records.spec.name!r} has no known cost in {clock.label}")
