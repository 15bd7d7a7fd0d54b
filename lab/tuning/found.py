"""What the searches below a run folder found, and what they cost: the part of verdict.json."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lab.records.cohort import CohortRecords
from lab.specs import CohortSpec, Setting, StudySpec, TunedSpec
from lab.statistics.best_of import Floats, cross_fitted, lead_changes
from lab.tuning.rounds import read_rounds
from lab.tuning.trials import Result, Round, pooled
from lab.verdicts.clocks import clock_times
from lab.words import Clock, Hyperparameter, Search


@dataclasses.dataclass(frozen=True, slots=True)
class TrialFound:
    """A trial with all members that it had; `criterion` is their mean steps, never the budget."""

    rate: float
    beside: tuple[Setting, ...]
    criterion: float
    members: int
    reached: int
    diverged: int


@dataclasses.dataclass(frozen=True, slots=True)
class CohortTuning:
    """A cohort's search: its trials by rate, what was chosen, what it took.

    `asked` trials were its effort: one that was given members again counts twice. `curve[n - 1]` is
    the expected criterion of the best among n trials of the first round, in steps; later ones were
    placed by what those had shown. `flops` are those of `member_steps`. `converges_in` is the mean
    of the fresh members, never as the budget; `total_flops` is what a single such member takes with
    the search counted in, its `source`'s too. None while members of the study are missing.
    """

    cohort: str
    method: Search
    source: str | None
    rate: float
    beside: tuple[Setting, ...]
    complete: bool
    lowest: float
    highest: float
    rounds: int
    asked: int
    trials: tuple[TrialFound, ...]
    curve: tuple[float, ...]
    member_steps: int
    flops: float
    converges_in: float | None
    total_flops: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class BestOf:
    """The curves of two cohorts beside each other, for n = 1 to `trials`.

    `lead_changes` are the n at which the one ahead is another than before; `ahead` is who leads at
    every n, if anyone does.
    """

    smaller: str
    larger: str
    trials: int
    lead_changes: tuple[int, ...]
    ahead: str | None


def tuning_found(
    root: Path, study: StudySpec, records: Mapping[str, CohortRecords]
) -> tuple[CohortTuning, ...]:
    """Of each tuned cohort whose searches lie below the run folder; `records` are the study's."""
    tuned = {one.name: one.tuned for one in study.cohorts if one.tuned is not None}
    rounds = read_rounds(root, {name: one.search for name, one in tuned.items()})
    found = {
        name: _cohort(study.cohort(name), one, rounds[name], records[name])
        for name, one in tuned.items()
        if rounds[name]
    }
    return tuple(_with_source(one, found) for one in found.values())


def best_of(study: StudySpec, tuning: Sequence[CohortTuning]) -> tuple[BestOf, ...]:
    """Of each contrast both of whose cohorts have a curve, of equally many trials."""
    curves = {one.cohort: np.array(one.curve) for one in tuning if one.curve}
    pairs = dict.fromkeys((one.smaller, one.larger) for one in study.contrasts)
    return tuple(
        _beside(smaller, larger, curves[smaller], curves[larger])
        for smaller, larger in pairs
        if {smaller, larger} <= curves.keys() and len(curves[smaller]) == len(curves[larger])
    )


def _beside(smaller: str, larger: str, first_n: Floats, second_n: Floats) -> BestOf:
    ahead = None
    if (first_n < second_n).all():
        ahead = smaller
    elif (second_n < first_n).all():
        ahead = larger
    return BestOf(smaller, larger, len(first_n), lead_changes(first_n, second_n), ahead)


def _cohort(
    spec: CohortSpec, tuned: TunedSpec, rounds: Sequence[Round], records: CohortRecords
) -> CohortTuning:
    if records.flops_per_step is None:
        raise ValueError(f"cohort {spec.name!r} has no known cost")
    results = pooled(rounds)
    steps = sum(one.member_steps for one in rounds)
    (rate,) = spec.values(Hyperparameter.LEARNING_RATE)
    beside = [one.hyperparameter for one in tuned.search.also]
    flops = steps * records.flops_per_step
    mean = _mean_steps(records)
    return CohortTuning(
        cohort=spec.name,
        method=tuned.search.method,
        source=tuned.source,
        rate=rate,
        beside=tuple(Setting(one, spec.values(one)[0]) for one in beside),
        complete=tuned.complete,
        lowest=tuned.lowest,
        highest=tuned.highest,
        rounds=len(rounds),
        asked=tuned.trials,
        trials=tuple(map(_trial, results)),
        curve=() if tuned.source not in (None, spec.name) else _curve(rounds[0]),
        member_steps=steps,
        flops=flops,
        converges_in=mean,
        total_flops=None if mean is None else flops + mean * records.flops_per_step,
    )


def _mean_steps(records: CohortRecords) -> float | None:
    if not records.complete:
        return None
    clock = clock_times(records, Clock.STEPS)
    return float(clock.restricted(clock.budget).mean())


def _trial(one: Result) -> TrialFound:
    return TrialFound(
        rate=one.trial.rate,
        beside=one.trial.beside,
        criterion=one.criterion,
        members=one.members,
        reached=one.reached,
        diverged=one.diverged,
    )


def _curve(first: Round) -> tuple[float, ...]:
    scores_NxR = np.stack([one.restricted_R for one in first.results])
    return tuple(map(float, cross_fitted(scores_NxR)))


def _with_source(one: CohortTuning, found: Mapping[str, CohortTuning]) -> CohortTuning:
    """What a transferred rate took includes the search that it is from."""
    if one.source in (None, one.cohort) or one.total_flops is None or one.source not in found:
        return one
    return dataclasses.replace(one, total_flops=one.total_flops + found[one.source].flops)
