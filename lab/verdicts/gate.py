"""The gate before every verdict: each cohort against itself, and its members against each other."""

import collections
import dataclasses

import numpy as np

from lab.records.cohort import CohortRecords
from lab.statistics.splitting import SplitCheck, split_check
from lab.verdicts.clocks import times_to

COPIED_SHARE = 0.02
FEWEST_EVALUATIONS = 5
"""Shorter curves may agree by chance: an accuracy on 200 examples has 201 values."""


@dataclasses.dataclass(frozen=True, slots=True)
class CohortCheck:
    """What was found of one cohort; `copies` counts members with another's very curve."""

    cohort: str
    split: SplitCheck
    copies: int
    members: int

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, in words; nothing as a rule."""
        found = []
        if self.split.uneven and self.split.rejected is not None:
            found.append(
                f"{100 * self.split.rejected[0]:.1f}% of random halves of it differ at the 3% "
                "level, so that p-values and intervals promise too much here"
            )
        if self.split.drifts:
            found.append(
                f"its earlier members differ from its later ones (p = "
                f"{self.split.drift_p_value:.2g}), as if they were not of one kind"
            )
        if self.copies > max(1, COPIED_SHARE * self.members):
            found.append(
                f"{self.copies} of its {self.members} members have the very curve of another: are "
                "they runs of one seed?"
            )
        return tuple(found)


def check(records: CohortRecords, generator: np.random.Generator) -> CohortCheck:
    """At the hardest target; members whose seeds are crossed differ along their order by plan."""
    times = times_to(records)
    # Of a run that was stopped early the cell is unknown: the others are split without it.
    known = ~times.lost
    cell = np.where(times.reached, times.evaluation - 1, times.last)[known]
    shared = any(len(np.unique(ids)) < len(ids) for ids in records.seed_ids.values())
    split = split_check(cell, times.last + 1, generator)
    return CohortCheck(
        cohort=records.spec.name,
        split=dataclasses.replace(split, drift_p_value=None) if shared else split,
        copies=_copies(records),
        members=times.members,
    )


def _copies(records: CohortRecords) -> int:
    """Members whose whole curve, of FEWEST_EVALUATIONS or more, an earlier member has too."""
    values = records.curves.metrics.get(records.spec.target.metric)
    if values is None:
        return 0
    ends = np.cumsum(np.unique(records.curves.member, return_counts=True)[1])
    curves = [
        one.tobytes() for one in np.split(values, ends[:-1]) if len(one) >= FEWEST_EVALUATIONS
    ]
    return sum(count - 1 for count in collections.Counter(curves).values())
