"""A cohort that was trained elsewhere: what is known of it besides its curves."""

import dataclasses
import itertools

from lab.specs.rules import require, require_positive, require_printable
from lab.specs.target import NamedMetric, TargetSpec
from lab.words import Metric


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedSpec:
    """Curves from elsewhere, measured at the steps of `grid`; how they were trained nobody said.

    `declared` is the budget in steps that somebody declared, after which no evaluation counts; else
    it is the last of those steps. `source` says where the curves came from.
    """

    name: str
    target: TargetSpec
    grid: tuple[int, ...]
    members: int
    batch_size: int | None
    source: str
    declared: int | None = None

    def __post_init__(self) -> None:
        require_printable("cohort name", self.name)
        require_positive(self, "members")
        require(
            self.declared is None or self.declared >= max(self.grid, default=0),
            f"cohort {self.name!r} was evaluated after its budget of {self.declared} steps: pass a "
            "larger --budget",
        )
        rising = all(before < after for before, after in itertools.pairwise((0, *self.grid)))
        require(
            bool(self.grid) and rising,
            f"the evaluations of cohort {self.name!r} must lie at increasing steps above 0",
        )
        needed = self.target.sustain + self.target.smoothing - 1
        require(
            self.evaluations >= needed,
            f"cohort {self.name!r} has {self.evaluations} evaluations; the target takes {needed} "
            "in a row: pass a smaller --sustain or --smoothing",
        )

    @property
    def evaluations(self) -> int:
        """How many evaluations the budget holds."""
        return len(self.grid)

    @property
    def budget_steps(self) -> int:
        """The most steps a member took, or could have taken."""
        return self.grid[-1] if self.declared is None else self.declared

    @property
    def metrics(self) -> tuple[Metric | NamedMetric, ...]:
        """The target's alone."""
        return (self.target.metric,)
