"""Cohorts of the lab's own run folders, at their own target or at an easier one."""

import dataclasses
from pathlib import Path

import numpy as np

from lab.errors import UsageError
from lab.records.cohort import CohortRecords
from lab.records.imported.detection import first_hits
from lab.records.reader import read_records, read_study
from lab.specs import TargetSpec
from lab.words import Direction, Outcome


def cohorts(root: Path, target: TargetSpec | None) -> dict[str, CohortRecords]:
    """All of them; UsageError of a search's round, or for a target that was not watched."""
    require_measured(root)
    records = read_records(root)
    return {
        name: one if target is None else _at(root, one, target) for name, one in records.items()
    }


def require_measured(root: Path) -> None:
    """UsageError if the members chose hyperparameters: doing well by chance is what chose them."""
    if read_study(root).search:
        raise UsageError(
            f"{root} is a round of a search: its members chose the hyperparameters, so nothing may "
            "be judged by them: pass the run folder above it"
        )


def require_whole(root: Path, records: dict[str, CohortRecords]) -> None:
    """UsageError if members are missing: those that end first are the quick ones."""
    for name, one in records.items():
        if not one.complete:
            raise UsageError(
                f"{root} is not finished: cohort {name!r} has {len(one.member)} of "
                f"{one.planned} members; give its command again to finish it"
            )


def _at(root: Path, records: CohortRecords, target: TargetSpec) -> CohortRecords:
    own = records.spec.target
    if target == own:
        return records
    if dataclasses.replace(target, thresholds=own.thresholds) != own:
        raise UsageError(
            f"{root} was trained to {own.metric.value}, sustained {own.sustain} and smoothed "
            f"{own.smoothing}: its members stopped by that, so pass the same --metric, "
            f"--sustain={own.sustain} and --smoothing={own.smoothing}"
        )
    sign = 1 if own.direction is Direction.MAXIMIZE else -1
    if sign * target.thresholds[-1] > sign * own.thresholds[-1]:
        raise UsageError(
            f"{root} was trained to {own.metric.value} {own.thresholds[-1]:g}, where its members "
            f"stopped: a harder target than that cannot be seen; pass --target of at most that"
        )
    return with_target(records, target)


def with_target(records: CohortRecords, target: TargetSpec) -> CohortRecords:
    """As if members had been watched for an easier target of the same metric and rules."""
    values_NxE = np.full((len(records.member), records.spec.evaluations), np.nan)
    row = np.searchsorted(records.member, records.curves.member)
    values_NxE[row, records.curves.evaluation - 1] = records.curves.metrics[target.metric]
    hit_NxK, reached_NxK = first_hits(values_NxE, target, records.curves.precision)
    outcome = tuple(
        Outcome.REACHED if reached else before
        for reached, before in zip(reached_NxK[:, -1], records.outcome, strict=True)
    )
    return dataclasses.replace(
        records,
        spec=dataclasses.replace(records.spec, target=target),
        hit=hit_NxK,
        reached=reached_NxK,
        outcome=outcome,
    )
