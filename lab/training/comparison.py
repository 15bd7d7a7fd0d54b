"""What a run recorded of one member, and whether a replay says the same."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import UsageError
from lab.records.parts import joined, same_rows
from lab.records.paths import RunPaths
from lab.records.rows import curve_parts, member_parts
from lab.records.schema import MEMBERS, curves_schema, members_table
from lab.specs import CohortSpec
from lab.training.member import MemberInfo, outcome_of
from lab.words import Outcome


@dataclasses.dataclass(frozen=True)
class MemberRecord:
    """One member's rows: MEMBERS (one) and its cohort's curves (by evaluation)."""

    row: pa.Table
    curve: pa.Table

    @property
    def evaluations(self) -> int:
        return int(self.row["ended_evaluation"][0].as_py())

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.row["outcome"][0].as_py())

    @property
    def step(self) -> int:
        """Of the hit of the hardest threshold, of the divergence, or of the end of the budget."""
        match self.outcome:
            case Outcome.REACHED:
                return int(self.row["hit_step"][0].as_py()[-1])
            case Outcome.DIVERGED:
                return int(self.row["diverged_at_step"][0].as_py())
            case Outcome.EXHAUSTED | Outcome.STOPPED:
                return int(self.row["ended_step"][0].as_py())


def read_member(paths: RunPaths, spec: CohortSpec, member: int) -> MemberRecord:
    """The member's rows, each once; UsageError where it has not ended, or is none of the cohort."""
    if not 0 <= member < spec.members:
        raise UsageError(
            f"cohort {spec.name!r} has no member {member}: pass one from 0 to {spec.members - 1}"
        )
    folder = paths.cohort(spec.name)
    row = _rows_of(member, member_parts(folder, spec), MEMBERS)
    if not row.num_rows:
        raise UsageError(
            f"member {member} of cohort {spec.name!r} has not ended in this run: finish the run "
            "first, or pass another --member"
        )
    schema = curves_schema(spec.metrics)
    curve = _rows_of(member, curve_parts(folder, spec), schema).sort_by("evaluation")
    evaluations = curve["evaluation"].to_numpy()
    curve = curve.take(np.unique(evaluations, return_index=True)[1])  # Once, if recorded twice.
    ended = int(row["ended_evaluation"][0].as_py())
    if not np.array_equal(curve["evaluation"].to_numpy(), np.arange(1, ended + 1)):
        raise UsageError(
            f"the curve of member {member} of cohort {spec.name!r} is not whole: is a curves file "
            "missing?"
        )
    return MemberRecord(row.slice(0, 1), curve)


def _rows_of(member: int, tables: Iterator[pa.Table], schema: pa.Schema) -> pa.Table:
    return joined((table.filter(pc.field("member") == member) for table in tables), schema)


def require_steps_taken(
    spec: CohortSpec, record: MemberRecord, member: int, steps: Collection[int]
) -> None:
    """UsageError for a step past the member's end; steps count from 0, before the first."""
    taken = record.evaluations * spec.eval_every
    for step in steps:
        if not 0 <= step < taken:
            raise UsageError(
                f"step {step} was never taken: member {member} of cohort {spec.name!r} took steps "
                f"0 to {taken - 1}: pass --steps among them"
            )


def compare(
    spec: CohortSpec, record: MemberRecord, infos: Sequence[MemberInfo]
) -> tuple[int, str | None]:
    """How many evaluations agree before the first that differs, and that one in words."""
    for index, info in enumerate(infos):
        for metric, now in zip(spec.metrics, info.metrics_M, strict=True):
            then = np.float32(record.curve[metric.value][index].as_py())
            if then != now and not (np.isnan(then) and np.isnan(now)):
                return index, (
                    f"evaluation {index + 1} (step {(index + 1) * spec.eval_every}): "
                    f"{metric.value} {then!s} in the record, {now!s} now"
                )
    last = infos[-1]
    if len(infos) < record.evaluations or not last.ended:
        ended = f"at evaluation {len(infos)}" if last.ended else "later"
        return len(infos), f"it ended at evaluation {record.evaluations} then, and {ended} now"
    row = members_table(
        spec,
        member=last.member[None],
        outcome=[outcome_of(np.asarray(last.reached_K), np.bool_(last.diverged))],
        hit=last.hit_K[None],
        reached=last.reached_K[None],
        ended=last.evaluation[None],
        diverged_at_step=last.diverged_at[None],
    )
    differing = [
        f"{name} {record.row[name][0]} in the record, {row[name][0]} now"
        for name in row.column_names
        if not same_rows(record.row.select([name]), row.select([name]))
    ]
    return len(infos), "; ".join(differing) or None
