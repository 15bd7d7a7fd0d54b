"""A cohort's records as times: when its members reached a target, and what that costs on a clock.

Verdicts and reports both measure with these, so a picture cannot contradict its verdict.
"""

from fractions import Fraction

from lab.records.cohort import CohortRecords
from lab.specs import CohortSpec
from lab.statistics.times import Times
from lab.words import Clock


def last_start(spec: CohortSpec) -> int:
    """The last evaluation at which a success can start: the next ones have to sustain it."""
    return spec.evaluations - spec.target.sustain + 1


def times_to(records: CohortRecords, threshold: int = -1) -> Times:
    """The cohort's times to one of its thresholds, the hardest by default."""
    return Times(
        evaluation=records.hit[:, threshold],
        reached=records.reached[:, threshold],
        last=last_start(records.spec),
    )


def cost_per_evaluation(records: CohortRecords, clock: Clock) -> Fraction:
    """What training from one evaluation to the next costs on a clock; exact.

    FLOPs are those of training steps; evaluations are no part of convergence and cost nothing.
    """
    spec = records.spec
    match clock:
        case Clock.STEPS:
            return Fraction(spec.eval_every)
        case Clock.EXAMPLES:
            return Fraction(spec.eval_every * spec.batch_size)
        case Clock.FLOPS:
            return spec.eval_every * Fraction(records.flops_per_step)
