"""Rows of learning curves to the records of cohorts, each with one grid and one budget."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import UsageError
from lab.records.cohort import CohortRecords, Curves, Precision
from lab.records.imported.detection import first_hits
from lab.records.imported.reading import Rows
from lab.specs import ImportedSpec, TargetSpec
from lab.words import Outcome

Integers = npt.NDArray[np.int64]


class Short(enum.Enum):
    """What a run is that ends early, neither at the target nor by a number that is not finite."""

    CENSOR = "censor"
    """It was stopped, and nobody knows what came after: right-censored where it ends."""
    REFUSE = "refuse"
    """A mistake to be mended."""
    NEVER = "never"
    """It died: it counts as never, as one that diverged."""
    HORIZON = "horizon"
    """It was stopped: all runs of its cohort are followed as far as the shortest of these."""


class Grid(enum.Enum):
    """At which steps the runs of a cohort are compared."""

    SAME = "same"
    """All must have been evaluated at the same steps, up to their own ends."""
    COMMON = "common"
    """Those that all have; the others are left out."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """How curves are read, as declared.

    After `budget` steps no evaluation counts, and runs that reached the target, diverged or died
    are known up to there however soon their rows end; None: to any time.
    """

    target: TargetSpec
    short: Short
    grid: Grid
    budget: int | None
    batch_sizes: Mapping[str, int]
    parameters: Mapping[str, int]
    flops_per_step: Mapping[str, Fraction]


@dataclasses.dataclass(frozen=True)
class _Runs:
    """One cohort: runs in alphabetical order, and their rows sorted by run, then step.

    Values are numbers of `precision`: where files hold them in several, of the coarsest.
    """

    cohort: str
    source: str
    names: tuple[str, ...]
    run: Integers
    step: Integers
    value: npt.NDArray[np.float64]
    precision: Precision


def cohorts(files: Sequence[Rows], rules: Rules) -> tuple[dict[str, CohortRecords], list[str]]:
    """The records of every cohort in the files, in the order of their names, and what to know.

    UsageError names file, row or run, what was found and what is needed.
    """
    names = pc.unique(pa.chunked_array([rows.cohort for rows in files])).to_pylist()
    notes: list[str] = []
    found = {name: _records(_runs(files, name), files, rules, notes) for name in sorted(names)}
    return found, notes


def _records(runs: _Runs, files: Sequence[Rows], rules: Rules, notes: list[str]) -> CohortRecords:
    runs = _without_start(runs, rules.target, notes)
    if rules.budget is not None:
        runs = _kept(runs, runs.step <= rules.budget)
    grid, runs = _gridded(runs, rules.grid, notes)
    values_NxE, ended_N = _matrix(runs, grid)
    grid, values_NxE, ended_N, short_N = _followed(runs, rules, grid, values_NxE, ended_N, notes)
    hit_NxK, reached_NxK = first_hits(values_NxE, rules.target, runs.precision)
    _note_near_misses(runs, hit_NxK, first_hits(values_NxE, rules.target, np.float32)[0], notes)
    broken_N = np.isnan(values_NxE[np.arange(len(ended_N)), ended_N - 1])
    gone_N = broken_N | (short_N if rules.short is Short.NEVER else np.zeros_like(short_N))
    outcome = tuple(map(_outcome, reached_NxK[:, -1].tolist(), gone_N.tolist(), short_N.tolist()))
    lived = np.arange(1, len(grid) + 1) <= ended_N[:, None]
    member, evaluation = np.nonzero(lived)
    spec = ImportedSpec(
        name=runs.cohort,
        target=rules.target,
        grid=tuple(grid.tolist()),
        members=len(runs.names),
        batch_size=rules.batch_sizes.get(runs.cohort),
        source=runs.source,
        declared=rules.budget,
    )
    return CohortRecords(
        spec=spec,
        parameters=rules.parameters.get(runs.cohort) or _parameters(files, runs.cohort),
        flops_per_step=rules.flops_per_step.get(runs.cohort),
        planned=spec.members,
        member=np.arange(len(runs.names)),
        seed_ids={},
        outcome=outcome,
        hit=hit_NxK,
        reached=reached_NxK,
        ended=ended_N,
        curves=Curves(
            member, evaluation + 1, {rules.target.metric: values_NxE[lived]}, runs.precision
        ),
    )


def _outcome(reached: bool, gone: bool, short: bool) -> Outcome:
    if reached:
        return Outcome.REACHED
    if gone:
        return Outcome.DIVERGED
    return Outcome.STOPPED if short else Outcome.EXHAUSTED


def _note_near_misses(
    runs: _Runs, hit_NxK: Integers, single_NxK: Integers, notes: list[str]
) -> None:
    """Doubles that would meet the target sooner as float32 may have been float32 once."""
    sooner_NxK = (single_NxK > 0) & ((hit_NxK == 0) | (single_NxK < hit_NxK))
    count = int(sooner_NxK.any(axis=1).sum())
    if runs.precision is np.float64 and count:
        notes.append(
            f"{runs.cohort}: {count} runs miss the target somewhere by less than float32 tells "
            "apart: if their values were float32 once, in which 0.7 is 0.699999988, give them as a "
            "float32 column of a Parquet file, or pass a --target just short of this one"
        )


def _runs(files: Sequence[Rows], cohort: str) -> _Runs:
    """All rows of a cohort, sorted; a row that is there twice counts once."""
    parts = [(rows, pc.equal(rows.cohort, cohort).to_numpy(zero_copy_only=False)) for rows in files]
    names = pa.chunked_array([rows.run.filter(pa.array(mask)) for rows, mask in parts])
    encoded = names.combine_chunks().dictionary_encode()
    labels = encoded.dictionary.to_pylist()
    order = sorted(range(len(labels)), key=labels.__getitem__)
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels))
    run = rank[encoded.indices.to_numpy()]
    step = np.concatenate([rows.step[mask] for rows, mask in parts])
    value = np.concatenate([rows.value[mask] for rows, mask in parts])
    at = np.lexsort((step, run))
    run, step, value = run[at], step[at], value[at]
    twice = np.flatnonzero((np.diff(run) == 0) & (np.diff(step) == 0))
    if len(twice):
        other = ~((value[twice] == value[twice + 1]) | np.isnan(value[twice] + value[twice + 1]))
        if other.any():
            first = int(twice[other][0])
            lines = [
                f"{rows.file}, row {line}"
                for rows, mask in parts
                for line in rows.line[mask][
                    (rows.step[mask] == step[first])
                    & pc.equal(rows.run.filter(pa.array(mask)), labels[order[run[first]]]).to_numpy(
                        zero_copy_only=False
                    )
                ]
            ]
            raise UsageError(
                f"{' and '.join(lines[:2])}: run {labels[order[run[first]]]!r} of cohort "
                f"{cohort!r} has two values at step {step[first]}; keep one"
            )
        keep = np.ones(len(run), bool)
        keep[twice + 1] = False
        run, step, value = run[keep], step[keep], value[keep]
    sources = ", ".join(str(rows.file) for rows, mask in parts if mask.any())
    precision = min(
        (rows.precision for rows, mask in parts if mask.any()),
        key=lambda one: np.dtype(one).itemsize,
    )
    return _Runs(cohort, sources, tuple(sorted(labels)), run, step, value, precision)


def _kept(runs: _Runs, rows: npt.NDArray[np.bool_]) -> _Runs:
    kept = dataclasses.replace(
        runs, run=runs.run[rows], step=runs.step[rows], value=runs.value[rows]
    )
    gone = np.setdiff1d(np.arange(len(runs.names)), kept.run)
    if len(gone):
        raise UsageError(
            f"run {runs.names[gone[0]]!r} of cohort {runs.cohort!r} has no evaluation that counts; "
            "each run needs at least one after step 0, within --budget: leave it out or mend it"
        )
    return kept


def _without_start(runs: _Runs, target: TargetSpec, notes: list[str]) -> _Runs:
    """Step 0 is before training: there is no time in which the target could have been reached."""
    start = runs.step == 0
    if not start.any():
        return runs
    single = dataclasses.replace(target, sustain=1, smoothing=1)
    met = first_hits(runs.value[start][:, None], single, runs.precision)[1][:, -1]
    if met.any() and target.sustain == 1:
        name = runs.names[runs.run[start][met][0]]
        raise UsageError(
            f"run {name!r} of cohort {runs.cohort!r} meets the target at step 0, before any "
            "training: pass a harder --target"
        )
    notes.append(f"{runs.cohort}: evaluations at step 0, before training, are left out")
    return _kept(runs, ~start)


def _gridded(runs: _Runs, rule: Grid, notes: list[str]) -> tuple[Integers, _Runs]:
    """The steps at which the cohort's runs were evaluated."""
    grid, times = np.unique(runs.step, return_counts=True)
    last = np.zeros(len(runs.names), np.int64)
    np.maximum.at(last, runs.run, runs.step)
    expected = len(last) - np.searchsorted(np.sort(last), grid, side="left")
    lacking = np.flatnonzero(times != expected)
    if not len(lacking):
        return grid, runs
    if rule is Grid.SAME:
        step = grid[lacking[0]]
        has = set(runs.run[runs.step == step].tolist())
        who = next(run for run in range(len(last)) if last[run] >= step and run not in has)
        raise UsageError(
            f"run {runs.names[who]!r} of cohort {runs.cohort!r} has no evaluation at step {step}, "
            "where others have one; all runs of a cohort must be evaluated at the same steps: pass "
            "--grid=common to keep those that all have"
        )
    kept = np.setdiff1d(grid, grid[lacking])
    notes.append(f"{runs.cohort}: {len(lacking)} of {len(grid)} steps, not in all runs, left out")
    return kept, _kept(runs, np.isin(runs.step, kept))


def _matrix(runs: _Runs, grid: Integers) -> tuple[npt.NDArray[np.float64], Integers]:
    """Values [N, E], NaN past a run's end, and its last evaluation [N]; a number that is not finite
    ends a run."""
    column = np.searchsorted(grid, runs.step)
    values_NxE = np.full((len(runs.names), len(grid)), np.nan)
    values_NxE[runs.run, column] = runs.value
    ended_N = np.zeros(len(runs.names), np.int64)
    np.maximum.at(ended_N, runs.run, column + 1)
    broken_NxE = np.isnan(values_NxE) & (np.arange(len(grid)) < ended_N[:, None])
    first = np.where(broken_NxE.any(axis=1), broken_NxE.argmax(axis=1) + 1, len(grid))
    ended_N = np.minimum(ended_N, first)
    values_NxE[np.arange(len(grid)) >= ended_N[:, None]] = np.nan
    return values_NxE, ended_N


def _followed(
    runs: _Runs,
    rules: Rules,
    grid: Integers,
    values_NxE: npt.NDArray[np.float64],
    ended_N: Integers,
    notes: list[str],
) -> tuple[Integers, npt.NDArray[np.float64], Integers, npt.NDArray[np.bool_]]:
    """The grid to the common budget, and which runs ended before it, unresolved."""
    reached_N = first_hits(values_NxE, rules.target, runs.precision)[1][:, -1]
    broken_N = np.isnan(values_NxE[np.arange(len(ended_N)), ended_N - 1])
    short_N = (ended_N < _whole(grid, rules.budget)) & ~reached_N & ~broken_N
    if not short_N.any():
        if (
            rules.short is not Short.CENSOR
            and rules.budget is None
            and not np.all(reached_N | broken_N)
        ):
            notes.append(
                f"{runs.cohort}: no run is seen to end early; pass --budget to say how far runs "
                "were to go"
            )
        return grid, values_NxE, ended_N, short_N
    whole = f"step {grid[-1]}" if rules.budget is None else f"the budget of {rules.budget} steps"
    count = f"{short_N.sum()} of {len(short_N)} runs"
    if rules.short is Short.NEVER:
        notes.append(f"{runs.cohort}: {count} ended early and count as never")
        return grid, values_NxE, ended_N, short_N
    if rules.short is Short.CENSOR:
        notes.append(
            f"{runs.cohort}: {count} end before {whole} without the target; what came after is "
            "unknown (pass --short=never if they died, --short=horizon to compare all "
            "only as far as the shortest)"
        )
        return grid, values_NxE, ended_N, short_N
    who = int(np.flatnonzero(short_N)[np.argmin(ended_N[short_N])])
    end = int(ended_N[who])
    if rules.short is Short.REFUSE:
        raise UsageError(
            f"run {runs.names[who]!r} of cohort {runs.cohort!r} ends at step {grid[end - 1]} "
            f"without the target, before {whole}: pass --short=never if it died, or "
            "--short=horizon to compare all only up to there"
        )
    notes.append(f"{runs.cohort}: followed to step {grid[end - 1]}, where a run was stopped")
    return grid[:end], values_NxE[:, :end], np.minimum(ended_N, end), np.zeros_like(short_N)


def _whole(grid: Integers, budget: int | None) -> int:
    """How many evaluations a run has that was not stopped, as far as anybody can tell.

    Those of the longest run; one more than there are where a budget was declared that holds
    another, as far after the last one as that is after the one before.
    """
    if budget is None:
        return len(grid)
    stretch = int(np.diff(grid, prepend=0)[-1])
    return len(grid) + (int(grid[-1]) + stretch <= budget)


def _parameters(files: Sequence[Rows], cohort: str) -> int | None:
    found: set[float] = set()
    for rows in files:
        if rows.parameters is not None:
            own = pc.equal(rows.cohort, cohort).to_numpy(zero_copy_only=False)
            found |= {float(one) for one in np.unique(rows.parameters[own]) if np.isfinite(one)}
    if len(found) > 1:
        counts = " and ".join(f"{one:g}" for one in sorted(found))
        raise UsageError(
            f"cohort {cohort!r} has {counts} parameters; its runs are of one network: mend the "
            "column parameters"
        )
    return int(found.pop()) if found else None
