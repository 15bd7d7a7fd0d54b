"""What was found for one contrast on one clock at one target: facts, before any words."""

import dataclasses

from lab.records.costs import SoloSeconds
from lab.specs import AnyCohortSpec, CohortSpec, Margins, TargetSpec, TunedSpec
from lab.verdicts.decision import Decision
from lab.verdicts.gate import CohortCheck
from lab.words import Clock, Hyperparameter


@dataclasses.dataclass(frozen=True, slots=True)
class CohortSummary:
    """A cohort's figures at its hardest target; the counts speak of members that have ended.

    `median_steps` is None where fewer than half of the members reached the target, and a size or a
    cost where nobody knows it. `stopped` members ended early, for no reason that is known.
    """

    name: str
    parameters: int | None
    members: int
    reached: int
    diverged: int
    exhausted: int
    median_steps: float | None
    flops_per_step: float | None
    solo_seconds_per_step: float | None
    solo_seconds: SoloSeconds | None = None
    stopped: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Entrant:
    """One side of a contrast: its summary, and what was declared of it."""

    summary: CohortSummary
    spec: AnyCohortSpec
    planned: int
    check: CohortCheck

    @property
    def training(self) -> tuple[object, ...] | None:
        """How its members were trained, whatever they are; None where it was elsewhere."""
        if not isinstance(self.spec, CohortSpec):
            return None
        return self.spec.optimizer, self.spec.recipe, self.spec.vary, self.spec.precision

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """Those of its members in turn; none where nobody said."""
        if not isinstance(self.spec, CohortSpec):
            return ()
        return self.spec.values(Hyperparameter.LEARNING_RATE)

    @property
    def tuned(self) -> TunedSpec | None:
        """The search that its hyperparameters are from, where they are."""
        return self.spec.tuned if isinstance(self.spec, CohortSpec) else None

    @property
    def unfinished(self) -> int:
        """Members of the plan that have not ended."""
        return self.planned - self.summary.members


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A decision with what it is about: one threshold, `target`, of the `declared` ones.

    `cell` is what the costlier net spends between two evaluations, in clock units. `level` is what
    both have of the study's cause, where it has one.
    """

    smaller: Entrant
    larger: Entrant
    clock: Clock
    declared: TargetSpec
    target: float
    cell: float
    margins: Margins
    decision: Decision
    level: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the members of either cohort; nothing as a rule."""
        sides = dict.fromkeys((self.smaller, self.larger))
        return tuple(
            f"cohort {side.check.cohort}: {fault}" for side in sides for fault in side.check.faults
        )

    @property
    def trained_elsewhere(self) -> bool:
        """Whether nobody said how one of the two was trained."""
        return self.smaller.training is None or self.larger.training is None

    @property
    def rates_shared(self) -> bool:
        """Whether both cohorts are known to be trained in the very same way."""
        return not self.trained_elsewhere and self.smaller.training == self.larger.training
