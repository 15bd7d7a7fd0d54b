"""The run folder, from the side of the one who reads it: nothing is written, nothing locked."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import UsageError
from lab.records.cohort import CohortRecords, Curves
from lab.records.costs import SoloSeconds
from lab.records.environment import cohort_facts, read_environment
from lab.records.imported.detection import first_hits
from lab.records.parts import RecordConflict, joined, same_rows
from lab.records.paths import RunPaths
from lab.records.rows import curve_parts, hits, member_parts
from lab.records.schema import MEMBERS, SEED_COLUMNS, curves_schema
from lab.records.store import read_study_file
from lab.specs import CohortSpec, StudySpec
from lab.words import Direction, Outcome, Rule

_ROUNDING = 1e-6
"""How far apart two ways of rounding a mean of float32 may lie, as a share of it."""


def read_study(root: str | Path) -> StudySpec:
    """The study of a run folder; UsageError when the folder is none."""
    paths = RunPaths(Path(root))
    if not paths.study.is_file():
        raise UsageError(
            f"{paths.root} is no run folder (it holds no {paths.study.name}): pass one"
        )
    return read_study_file(paths.study)


def read_cohort(root: str | Path, name: str) -> CohortRecords:
    """All members of a cohort that have ended, with their curves.

    A row recorded twice counts once; RecordConflict when its two copies differ. UsageError when a
    file is corrupt or missing, or its rows are not those that the study makes.
    """
    paths = RunPaths(Path(root))
    spec = _cohort_spec(paths, name)
    costs = cohort_facts(paths, read_environment(paths), name)
    folder = paths.cohort(name)
    members = _once(joined(member_parts(folder, spec), MEMBERS), ("member",), folder)
    curves = _once(
        joined(curve_parts(folder, spec), curves_schema(spec.metrics)),
        ("member", "evaluation"),
        folder,
    )
    records = cohort_records(
        spec, costs["parameters"], float(costs["flops_per_step"]), members, curves
    )
    solo = SoloSeconds.of_facts(costs.get("solo_seconds"))
    return dataclasses.replace(records, solo_seconds=solo)


def read_records(root: str | Path) -> dict[str, CohortRecords]:
    """Every cohort of the study, by name, in the study's order."""
    return {cohort.name: read_cohort(root, cohort.name) for cohort in read_study(root).cohorts}


def cohort_records(
    spec: CohortSpec, parameters: int, flops_per_step: float, members: pa.Table, curves: pa.Table
) -> CohortRecords:
    """Records from tables of schema.py that hold no row twice, in any order.

    Curves of members that have not ended are left out. UsageError when the tables contradict the
    study or each other: a member it does not have, a curve with an evaluation missing.
    """
    members = members.sort_by("member")
    member_N = members["member"].to_numpy()
    hit_NxK, reached_NxK = hits(members["hit_evaluation"], len(spec.target.thresholds))
    ended_N = members["ended_evaluation"].to_numpy().astype(np.int64)
    outcome = tuple(Outcome(value) for value in members["outcome"].to_pylist())
    _require_sound(spec, member_N, outcome, reached_NxK, ended_N)
    kept = curves.filter(pc.is_in(curves["member"], pa.array(member_N)))
    kept = kept.sort_by([("member", "ascending"), ("evaluation", "ascending")])
    result = Curves(
        member=kept["member"].to_numpy(),
        evaluation=kept["evaluation"].to_numpy().astype(np.int64),
        metrics={one: kept[one.value].to_numpy().astype(np.float64) for one in spec.metrics},
    )
    _require_whole(spec.name, member_N, ended_N, result)
    records = CohortRecords(
        spec=spec,
        parameters=parameters,
        flops_per_step=flops_per_step,
        planned=spec.members,
        member=member_N,
        seed_ids={
            factor: members[column].to_numpy()
            for factor, column in SEED_COLUMNS.items()
            if members[column].null_count == 0
        },
        outcome=outcome,
        hit=hit_NxK,
        reached=reached_NxK,
        ended=ended_N,
        curves=result,
    )
    _require_hits_of_curves(records, spec)
    return records


def _cohort_spec(paths: RunPaths, name: str) -> CohortSpec:
    study = read_study(paths.root)
    names = [cohort.name for cohort in study.cohorts]
    if name not in names:
        raise UsageError(f"{paths.root} has no cohort {name!r}; pass one of {', '.join(names)}")
    return study.cohort(name)


def _once(table: pa.Table, keys: tuple[str, ...], folder: Path) -> pa.Table:
    """The table without the second copies of rows, which must equal the first."""
    columns = [table[key].to_numpy() for key in keys]
    order = np.lexsort(columns[::-1])  # Stable: copies stay in the order of the dispatches.
    second = np.zeros(len(order), np.bool_)
    second[1:] = np.logical_and.reduce([np.diff(column[order]) == 0 for column in columns])
    if not second.any():
        return table
    copies = np.flatnonzero(second)
    if not same_rows(table.take(order[copies]), table.take(order[copies - 1])):
        raise RecordConflict(f"{folder} holds a {' and '.join(keys)} twice, with different values")
    return table.take(order[~second])


def _require_sound(
    spec: CohortSpec,
    member_N: npt.NDArray[np.int64],
    outcome: tuple[Outcome, ...],
    reached_NxK: npt.NDArray[np.bool_],
    ended_N: npt.NDArray[np.int64],
) -> None:
    said_N = np.array([one is Outcome.REACHED for one in outcome], np.bool_)
    sound = (
        ((member_N >= 0) & (member_N < spec.members)).all()
        and (said_N == reached_NxK[:, -1]).all()
        and ((ended_N >= 1) & (ended_N <= spec.evaluations)).all()
    )
    if not sound:
        raise UsageError(
            f"the members of cohort {spec.name!r} contradict the study (index, outcome or length): "
            "was study.json edited?"
        )


def _require_whole(
    name: str, member_N: npt.NDArray[np.int64], ended_N: npt.NDArray[np.int64], curves: Curves
) -> None:
    expected_R = np.repeat(member_N, ended_N)
    starts_R = np.repeat(np.cumsum(ended_N) - ended_N, ended_N)
    evaluation_R = np.arange(len(expected_R)) - starts_R + 1
    if not (
        np.array_equal(curves.member, expected_R)
        and np.array_equal(curves.evaluation, evaluation_R)
    ):
        raise UsageError(
            f"cohort {name!r} has members whose curves are not whole: is a curves file missing?"
        )


def _require_hits_of_curves(records: CohortRecords, spec: CohortSpec) -> None:
    """A member hits where its curve does: else the target is another than it was trained to.

    Where means are compared their last digit may be rounded either way, so a hit may lie anywhere
    between those of curves a little better and a little worse; of a plateau nothing bounds it.
    """
    target = spec.target
    if not len(records.member) or (target.rule is Rule.PLATEAU and target.smoothing > 1):
        return
    values_NxE = np.full((len(records.member), spec.evaluations), np.nan)
    row_R = np.searchsorted(records.member, records.curves.member)
    values_NxE[row_R, records.curves.evaluation - 1] = records.curves.metrics[target.metric]
    better = 1 if target.direction is Direction.MAXIMIZE else -1
    rounding = better * _ROUNDING if target.smoothing > 1 else 0.0
    slack_NxE = np.nan_to_num(np.abs(values_NxE), posinf=0.0) * rounding
    never = spec.evaluations + 1
    recorded_NxK = np.where(records.reached, records.hit, never)
    earliest_NxK, latest_NxK = (
        np.where(reached_NxK, hit_NxK, never)
        for hit_NxK, reached_NxK in (
            first_hits(values_NxE + slack_NxE, target, records.curves.precision),
            first_hits(values_NxE - slack_NxE, target, records.curves.precision),
        )
    )
    wrong_NxK = (recorded_NxK < earliest_NxK) | (recorded_NxK > latest_NxK)
    if wrong_NxK.any():
        row, threshold = np.argwhere(wrong_NxK)[0]
        said, seen = (
            "never" if one[row, threshold] == never else f"at evaluation {one[row, threshold]}"
            for one in (recorded_NxK, earliest_NxK)
        )
        raise UsageError(
            f"member {records.member[row]} of cohort {spec.name!r} is recorded to reach "
            f"{target.metric.value} {target.thresholds[threshold]:g} {said}, and its curve does "
            f"{seen}: was the target in study.json edited? Restore it, or pass another run"
        )
