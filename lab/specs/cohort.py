"""All that one compiled program needs."""

import dataclasses
import math
import re

import numpy as np

from lab.specs.data import DataSpec
from lab.specs.models import ModelSpec
from lab.specs.optimizers import OptimizerSpec
from lab.specs.rules import require, require_positive
from lab.specs.target import TargetSpec
from lab.words import TASK_METRICS, Metric

_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

MAX_EXAMPLES = 2**31 - 1
"""Positions in a member's stream of examples are int32 on the device."""
MAX_MEMBERS = 2**30
"""Member indices are int32 on the device, with room for those past the last."""


@dataclasses.dataclass(frozen=True, slots=True)
class CohortSpec:
    """All that one compiled program needs: members differ by their index alone.

    `seed` is the root of every random draw of the cohort; member i of a cohort is the same whatever
    `members` is.
    """

    name: str
    data: DataSpec
    model: ModelSpec
    optimizer: OptimizerSpec
    target: TargetSpec
    batch_size: int
    budget_steps: int
    eval_every: int
    members: int
    seed: int

    def __post_init__(self) -> None:
        require(
            _FOLDER_NAME.fullmatch(self.name) is not None,
            f"cohort name {self.name!r} cannot name a folder; use letters, digits, -, _ and .",
        )
        require_positive(self, "batch_size", "budget_steps", "eval_every", "members")
        require(
            self.members <= MAX_MEMBERS,
            f"members is {self.members}; at most {MAX_MEMBERS}: pass a smaller --members",
        )
        require(0 <= self.seed < 2**32, f"seed is {self.seed}; it must lie in [0, 2**32)")
        require(
            self.target.metric in TASK_METRICS[self.data.task],
            f"metric {self.target.metric.value} is not measured in {self.data.task.value}; use one "
            f"of {', '.join(metric.value for metric in TASK_METRICS[self.data.task])}",
        )
        require(
            self.budget_steps % self.eval_every == 0,
            f"budget_steps {self.budget_steps} is not a multiple of eval_every {self.eval_every}: "
            f"pass --budget_steps={self._next_budget()}",
        )
        require(
            self.evaluations >= self.target.sustain,
            f"a budget of {self.evaluations} evaluations cannot hold {self.target.sustain} in a "
            "row: pass a larger --budget_steps or a smaller --eval_every or --sustain",
        )
        require(
            self.budget_steps * self.batch_size <= MAX_EXAMPLES,
            f"{self.budget_steps} steps of {self.batch_size} examples exceed {MAX_EXAMPLES}: "
            "pass a smaller --budget_steps or --batch_size",
        )

    def _next_budget(self) -> int:
        return math.ceil(self.budget_steps / self.eval_every) * self.eval_every

    @property
    def evaluations(self) -> int:
        """How many evaluations the budget holds; the first comes after `eval_every` steps."""
        return self.budget_steps // self.eval_every

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured at every evaluation, in this order."""
        return TASK_METRICS[self.data.task]


def cohort_seeds(root: int, count: int) -> tuple[int, ...]:
    """`count` seeds for the cohorts of a study, independent of each other, from one root."""
    require(0 <= root < 2**32, f"seed is {root}; it must lie in [0, 2**32): pass another --seed")
    return tuple(int(seed) for seed in np.random.SeedSequence(root).generate_state(count))
