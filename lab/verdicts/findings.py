"""What was found for one contrast on one clock at one target: facts, before any words."""

import dataclasses

from lab.specs import Margins, OptimizerSpec
from lab.verdicts.decision import Decision
from lab.words import Clock, Metric


@dataclasses.dataclass(frozen=True, slots=True)
class CohortSummary:
    """A cohort's figures at its hardest target; the counts speak of members that have ended.

    `median_steps` is None where fewer than half of the members reached the target, and
    `solo_seconds_per_step` where it was not measured.
    """

    name: str
    parameters: int
    members: int
    reached: int
    diverged: int
    exhausted: int
    median_steps: float | None
    flops_per_step: float
    solo_seconds_per_step: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Entrant:
    """One side of a contrast: its summary, its optimizer, and how many members were planned."""

    summary: CohortSummary
    optimizer: OptimizerSpec
    planned: int

    @property
    def unfinished(self) -> int:
        """Members of the plan that have not ended."""
        return self.planned - self.summary.members


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A decision with what it is about.

    `cell` is what the costlier net spends between two evaluations, in clock units.
    """

    smaller: Entrant
    larger: Entrant
    clock: Clock
    metric: Metric
    target: float
    sustain: int
    cell: float
    margins: Margins
    decision: Decision

    @property
    def rates_shared(self) -> bool:
        """Whether both cohorts were trained with the very same optimizer."""
        return self.smaller.optimizer == self.larger.optimizer
