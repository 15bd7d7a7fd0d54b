"""A cohort's records in memory: what the analysis tower works on."""

import dataclasses

import numpy as np
import numpy.typing as npt

from lab.specs import CohortSpec
from lab.words import Metric, Outcome


@dataclasses.dataclass(frozen=True)
class Curves:
    """Learning curves in long form, a row for each evaluation a member lived to see.

    Rows are sorted by member, then evaluation. `evaluation` counts from 1; the step of evaluation e
    is e * eval_every. A member that ended early has no rows past its end.
    """

    member: npt.NDArray[np.int64]
    evaluation: npt.NDArray[np.int64]
    metrics: dict[Metric, npt.NDArray[np.float64]]


@dataclasses.dataclass(frozen=True)
class CohortRecords:
    """All members of one cohort that have ended (N of them, K thresholds), sorted by member.

    `hit[i, k]` is the evaluation of member i's first hit of threshold k, and means something only
    where `reached[i, k]`; it lies in (previous evaluation, this one]. `ended` is the member's last
    evaluation. `outcome[i]` speaks of the hardest threshold.
    """

    spec: CohortSpec
    parameters: int
    flops_per_step: float
    member: npt.NDArray[np.int64]
    outcome: tuple[Outcome, ...]
    hit: npt.NDArray[np.int64]
    reached: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.int64]
    curves: Curves

    @property
    def complete(self) -> bool:
        """Whether every member of the spec has ended."""
        return len(self.member) == self.spec.members
