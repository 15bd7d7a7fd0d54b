"""A cohort's rows as its folder holds them, each compared with what the study says of its member.

Everything in a members row but how the member fared follows from the study and the member's index,
so the row is made anew from those and compared. A row that differs belongs to another cohort, as
after two folders were swapped, or to another study.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import UsageError
from lab.records.parts import part_paths, read_part
from lab.records.schema import COHORT_KEY, MEMBERS, curves_schema, members_table
from lab.specs import CohortSpec
from lab.words import Outcome

_REMEDY = (
    "was study.json edited, or a cohort's folder swapped? Restore what was there, or run the study "
    "again with another --out"
)
_OUTCOMES = {one.value: one for one in Outcome}


def member_parts(folder: Path, cohort: CohortSpec) -> Iterator[pa.Table]:
    """The members of one part after another, in the order of the dispatches.

    UsageError, naming file and row, for a member whom the study would not make so.
    """
    for path in part_paths(folder, "members"):
        table = read_part(path, MEMBERS)
        _require_own(path, table, cohort)
        _require_members(path, table, cohort)
        yield table


def curve_parts(folder: Path, cohort: CohortSpec) -> Iterator[pa.Table]:
    """The evaluations of one part after another, in the order of the dispatches.

    UsageError, naming file and row, for an evaluation that is not on the study's grid.
    """
    for path in part_paths(folder, "curves"):
        table = read_part(path, curves_schema(cohort.metrics))
        _require_own(path, table, cohort)
        _require_evaluations(path, table, cohort)
        yield table


def hits(
    column: pa.ChunkedArray, thresholds: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """`hit_evaluation` as [N, K] arrays: the evaluation (0 for never), and whether reached."""
    items = pc.list_flatten(column)
    shape = (len(column), thresholds)
    hit_NxK = pc.fill_null(items, 0).to_numpy().astype(np.int64).reshape(shape)
    return hit_NxK, pc.is_valid(items).to_numpy().astype(np.bool_).reshape(shape)


def _require_own(path: Path, table: pa.Table, cohort: CohortSpec) -> None:
    said = (table.schema.metadata or {}).get(COHORT_KEY, cohort.name.encode()).decode()
    if said != cohort.name:
        raise UsageError(
            f"{path} holds rows of cohort {said!r}, not of {cohort.name!r}: put it back where it "
            "was, or restore the run from a copy"
        )


def _require_members(path: Path, table: pa.Table, cohort: CohortSpec) -> None:
    member_N = table["member"].to_numpy()
    _require(path, table, "member", (member_N >= 0) & (member_N < cohort.members), _of(cohort))
    thresholds = len(cohort.target.thresholds)
    for column in ("hit_evaluation", "hit_step", "before_hit_step"):
        lengths = pc.list_value_length(table[column]).to_numpy()
        _require(path, table, column, lengths == thresholds, f"a list of {thresholds}")
    known = np.isin(table["outcome"].to_numpy(zero_copy_only=False), list(_OUTCOMES))
    _require(path, table, "outcome", known, f"one of {', '.join(_OUTCOMES)}")
    outcome = [_OUTCOMES[value] for value in table["outcome"].to_pylist()]
    ended_N = table["ended_evaluation"].to_numpy().astype(np.int64)
    hit_NxK, reached_NxK = hits(table["hit_evaluation"], thresholds)
    _require_course(path, table, cohort, outcome, hit_NxK, reached_NxK, ended_N)
    made = members_table(
        cohort,
        member=member_N,
        outcome=outcome,
        hit=hit_NxK,
        reached=reached_NxK,
        ended=ended_N,
        diverged_at_step=pc.fill_null(table["diverged_at_step"], 0).to_numpy(),
    )
    for name in MEMBERS.names:
        if not table[name].equals(made[name]):
            pairs = zip(table[name].to_pylist(), made[name].to_pylist(), strict=True)
            row, wanted = next((i, want) for i, (got, want) in enumerate(pairs) if got != want)
            _refuse(path, table, row, name, str(wanted))


def _require_course(
    path: Path,
    table: pa.Table,
    cohort: CohortSpec,
    outcome: list[Outcome],
    hit_NxK: npt.NDArray[np.int64],
    reached_NxK: npt.NDArray[np.bool_],
    ended_N: npt.NDArray[np.int64],
) -> None:
    """Hits, outcome and end agree with each other, with the target and with the budget."""
    said = {one: np.array([each is one for each in outcome], np.bool_) for one in Outcome}
    sustain, budget = cohort.target.sustain, cohort.evaluations
    # Whoever is at a harder target is at the easier ones, so hits come in order, and so do nevers.
    time_NxK = np.where(reached_NxK, hit_NxK, budget + 1)
    last_N = ended_N - sustain + 1
    in_order_N = (np.diff(time_NxK, axis=1) >= 0).all(axis=1)
    inside_N = (~reached_NxK | ((hit_NxK >= 1) & (hit_NxK <= last_N[:, None]))).all(axis=1)
    at_N = pc.fill_null(table["diverged_at_step"], 0).to_numpy()
    every = cohort.eval_every
    within_N = (at_N > (ended_N - 1) * every) & (at_N <= ended_N * every)
    rules = (
        ("ended_evaluation", (ended_N >= 1) & (ended_N <= budget), f"one from 1 to {budget}"),
        ("hit_evaluation", in_order_N, "hits from the easiest target to the hardest"),
        ("hit_evaluation", inside_N, f"hits from 1 to {sustain - 1} before the member's end"),
        ("outcome", said[Outcome.REACHED] == reached_NxK[:, -1], "what the last hit says"),
        (
            "ended_evaluation",
            ~said[Outcome.REACHED] | (hit_NxK[:, -1] == last_N),
            "where the hardest target was held for long enough",
        ),
        (
            "ended_evaluation",
            ~said[Outcome.EXHAUSTED] | (ended_N == budget),
            f"{budget}, the last of the budget",
        ),
        (
            "diverged_at_step",
            ~said[Outcome.DIVERGED] | within_N,
            "a step after the evaluation before the last",
        ),
    )
    for column, sound_N, rule in rules:
        _require(path, table, column, sound_N, rule)


def _require_evaluations(path: Path, table: pa.Table, cohort: CohortSpec) -> None:
    member_R = table["member"].to_numpy()
    evaluation_R = table["evaluation"].to_numpy().astype(np.int64)
    step_R = table["step"].to_numpy()
    budget = cohort.evaluations
    rules = (
        ("member", (member_R >= 0) & (member_R < cohort.members), _of(cohort)),
        (
            "evaluation",
            (evaluation_R >= 1) & (evaluation_R <= budget),
            f"one from 1 to {budget}",
        ),
        (
            "step",
            step_R == evaluation_R * cohort.eval_every,
            f"{cohort.eval_every} times its evaluation",
        ),
    )
    for column, sound_R, rule in rules:
        _require(path, table, column, sound_R, rule)


def _of(cohort: CohortSpec) -> str:
    return f"one from 0 to {cohort.members - 1}"


def _require(path: Path, table: pa.Table, column: str, sound_N: npt.ArrayLike, rule: str) -> None:
    if not np.all(sound_N):
        _refuse(path, table, int(np.argmin(sound_N)), column, rule)


def _refuse(path: Path, table: pa.Table, row: int, column: str, rule: str) -> NoReturn:
    got, member = table[column][row].as_py(), table["member"][row].as_py()
    raise UsageError(
        f"{path}, row {row + 1} (member {member}): {column} is {got}, and by study.json it is "
        f"{rule}: {_REMEDY}"
    )
