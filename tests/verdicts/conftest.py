"""Cohort records made up from the evaluations at which members hit."""

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from lab.records.cohort import CohortRecords, Curves
from lab.records.costs import SoloSeconds
from lab.specs import (
    AdamSpec,
    CohortSpec,
    ContrastSpec,
    DataSpec,
    Margins,
    StudySpec,
    TargetSpec,
    UNetSpec,
)
from lab.verdicts.judge import StudyVerdict, judge
from lab.words import Metric, Outcome, Task

Hits = Sequence[int | None]
SPEC = CohortSpec(
    name="small",
    data=DataSpec("digits_on_photographs", Task.SEGMENTATION),
    model=UNetSpec(width=0.25),
    optimizer=AdamSpec(0.003),
    target=TargetSpec(Metric.IOU, (0.6, 0.75), sustain=2),
    batch_size=8,
    budget_steps=1000,
    eval_every=10,
    members=64,
    seed=7,
)


@dataclasses.dataclass(frozen=True)
class Made:
    """A cohort to be made: hits of the hardest target; the easier one falls at half of them."""

    hits: Hits
    parameters: int = 2903
    flops_per_step: float | Fraction = 1e6
    diverged: int = 0
    missing: int = 0
    learning_rate: float = 0.003
    step: tuple[float, float, float] | None = None  # solo seconds: estimate, lower, upper

    def records(self, name: str) -> CohortRecords:
        count = len(self.hits)
        hardest = np.array([hit or 0 for hit in self.hits], np.int64)
        reached = hardest > 0
        others = [Outcome.DIVERGED] * self.diverged + [Outcome.EXHAUSTED] * count
        spec = dataclasses.replace(
            SPEC,
            name=name,
            members=max(count + self.missing, 1),
            optimizer=AdamSpec(self.learning_rate),
        )
        return CohortRecords(
            spec=spec,
            parameters=self.parameters,
            flops_per_step=self.flops_per_step,
            planned=spec.members,
            member=np.arange(count),
            seed_ids={},
            outcome=tuple(Outcome.REACHED if hit else others.pop(0) for hit in self.hits),
            hit=np.stack([np.where(reached, (hardest + 1) // 2, 70), hardest], -1),
            reached=np.stack([reached | (np.arange(count) % 2 == 0), reached], -1),
            ended=np.where(reached, hardest + 1, 100),
            curves=Curves(np.zeros(0, np.int64), np.zeros(0, np.int64), {}),
            solo_seconds=None if self.step is None else timed(*self.step),
        )


def timed(estimate: float, lower: float, upper: float) -> SoloSeconds:
    return SoloSeconds(estimate, lower, upper, 0.985, 15, 100, 2.5, "cpu")


@pytest.fixture(name="made")
def made_fixture() -> type[Made]:
    return Made


@pytest.fixture
def judged() -> Callable[..., StudyVerdict]:
    """Judges cohorts by name; contrasts are each earlier one against each later one."""

    def run(margins: Margins | None = None, **cohorts: Made) -> StudyVerdict:
        records = {name: made.records(name) for name, made in cohorts.items()}
        names = list(records)
        study = StudySpec(
            question="Do smaller nets always converge faster?",
            cohorts=tuple(each.spec for each in records.values()),
            contrasts=tuple(
                ContrastSpec(one, other) for i, one in enumerate(names) for other in names[i + 1 :]
            ),
            margins=margins or Margins(),
        )
        return judge(study.comparison, records)

    return run
