"""A cohort's records in memory: what the analysis tower works on."""

import dataclasses
import itertools
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lab.records.costs import SoloSeconds
from lab.specs import CohortSpec, ImportedSpec, NamedMetric
from lab.words import Factor, Metric, Outcome

AnyMetric = Metric | NamedMetric
Precision = type[np.float16] | type[np.float32] | type[np.float64]


@dataclasses.dataclass(frozen=True)
class Curves:
    """Learning curves in long form, a row for each evaluation a member lived to see.

    Rows are sorted by member, then evaluation. `evaluation` counts from 1; its step is the spec's
    `grid[evaluation - 1]`. A member that ended early has no rows past its end. Metrics are numbers
    of `precision`, held as doubles: float32 where the lab measured them.
    """

    member: npt.NDArray[np.int64]
    evaluation: npt.NDArray[np.int64]
    metrics: dict[AnyMetric, npt.NDArray[np.float64]]
    precision: Precision = np.float32


@dataclasses.dataclass(frozen=True)
class CohortRecords:
    """All members of one cohort that have ended (N of them, K thresholds), sorted by member.

    `hit[i, k]` is the evaluation of member i's first hit of threshold k, and means something only
    where `reached[i, k]`; it lies in (previous evaluation, this one]. `ended` is the member's last
    evaluation. `outcome[i]` speaks of the hardest threshold. `planned` members were to be counted.
    `seed_ids` are the levels of what chance entered by [N]: members with one id had the same;
    without them every member had its own. Of cohorts trained elsewhere size and cost may be
    unknown, as are the seconds of a step where they were not measured; a cost that somebody wrote
    is a Fraction, as exact as it was written (`lab.records.costs.exact_cost`).
    """

    spec: CohortSpec | ImportedSpec
    parameters: int | None
    flops_per_step: float | Fraction | None
    planned: int
    member: npt.NDArray[np.int64]
    seed_ids: Mapping[Factor, npt.NDArray[np.int64]]
    outcome: tuple[Outcome, ...]
    hit: npt.NDArray[np.int64]
    reached: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.int64]
    curves: Curves
    solo_seconds: SoloSeconds | None = None

    @property
    def complete(self) -> bool:
        """Whether every member that was planned has ended."""
        return len(self.member) == self.planned

    def renamed(self, name: str) -> "CohortRecords":
        """The same under another name."""
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, name=name))

    def part(self, start: int, stop: int) -> "CohortRecords":
        """The same cohort as if only its members from `start` to before `stop` were planned."""
        return self.those((start <= self.member) & (self.member < stop), planned=stop - start)

    def those(self, kept_N: npt.NDArray[np.bool_], planned: int) -> "CohortRecords":
        """The same cohort as if only `planned` members were, of whom these have ended."""
        member = self.member[kept_N]
        kept_R = np.isin(self.curves.member, member)
        curves = dataclasses.replace(
            self.curves,
            member=self.curves.member[kept_R],
            evaluation=self.curves.evaluation[kept_R],
            metrics={one: values[kept_R] for one, values in self.curves.metrics.items()},
        )
        return dataclasses.replace(
            self,
            planned=planned,
            member=member,
            seed_ids={factor: ids[kept_N] for factor, ids in self.seed_ids.items()},
            outcome=tuple(itertools.compress(self.outcome, kept_N)),
            hit=self.hit[kept_N],
            reached=self.reached[kept_N],
            ended=self.ended[kept_N],
            curves=curves,
        )
