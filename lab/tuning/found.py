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
from lab.verdicts.clocks import clock_times, last_start
from lab.words import Clock, Hyperparameter, Search


@dataclasses.dataclass(frozen=True, slots=True)
class TrialFound:
    """A trial with all members that it had.

    `criterion` is their mean steps, never as the cohort's own budget.
    """

    rate: float
    beside: tuple[Setting, ...]
    criterion: float
    members: int
    reached: int
    diverged: int


@dataclasses.dataclass(frozen=True, slots=True)
class CommonCurve:
    """A cohort's curve where all members are followed to `horizon` steps, never as these."""

    horizon: int
    expected: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class CohortTuning:
    """A cohort's search: its trials by rate, what was chosen, what it took.

    `asked` trials were its effort: one that was given members again counts twice. `curve[n - 1]` is
    the expected criterion of the best among n trials of the first round, in steps; later ones were
    placed by what those had shown. It has never as the cohort's own budget, so that it can stand
    beside no other: for that there are `common_curves`, one for each horizon that the cohort
    shares with one that it is contrasted with. `flops` are those of `member_steps`. `converges_in`
    is the mean of the fresh members, never as the cohort's own budget; `total_flops` is what a
    single such member takes with the search counted in, its `source`'s too. None while members of
    the study are missing.
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
    common_curves: tuple[CommonCurve, ...] = ()

    def at(self, horizon: int) -> tuple[float, ...] | None:
        """The curve with never as that horizon, if there is one."""
        return next((one.expected for one in self.common_curves if one.horizon == horizon), None)


@dataclasses.dataclass(frozen=True, slots=True)
class BestOf:
    """The curves of two cohorts beside each other, for n = 1 to `trials`.

    Both have never as `horizon`, in steps: the budgets' common part, where one is the shorter. It
    is None in verdicts of before, whose curves had the budget of each cohort for it.
    `lead_changes` are the n at which the one ahead is another than before; `ahead` is who leads at
    every n, if anyone does.
    """

    smaller: str
    larger: str
    trials: int
    lead_changes: tuple[int, ...]
    ahead: str | None
    horizon: int | None = None


def tuning_found(
    root: Path, study: StudySpec, records: Mapping[str, CohortRecords]
) -> tuple[CohortTuning, ...]:
    """Of each tuned cohort whose searches lie below the run folder; `records` are the study's."""
    tuned = {one.name: one.tuned for one in study.cohorts if one.tuned is not None}
    rounds = read_rounds(root, {name: one.search for name, one in tuned.items()})
    shared = {name: _horizons(study, name) for name in tuned}
    found = {
        name: _cohort(study.cohort(name), one, rounds[name], records[name], shared[name])
        for name, one in tuned.items()
        if rounds[name]
    }
    return tuple(_with_source(one, found) for one in found.values())


def best_of(study: StudySpec, tuning: Sequence[CohortTuning]) -> tuple[BestOf, ...]:
    """Of each contrast both of whose cohorts have a curve, of equally many trials."""
    by_name = {one.cohort: one for one in tuning}
    pairs = dict.fromkeys((one.smaller, one.larger) for one in study.contrasts)
    found = []
    for smaller, larger in pairs:
        if {smaller, larger} <= by_name.keys():
            horizon = _common_horizon(study, smaller, larger)
            first, second = (by_name[name].at(horizon) for name in (smaller, larger))
            if first and second and len(first) == len(second):
                found.append(_beside(smaller, larger, np.array(first), np.array(second), horizon))
    return tuple(found)


def _beside(smaller: str, larger: str, first_n: Floats, second_n: Floats, horizon: int) -> BestOf:
    ahead = None
    if (first_n < second_n).all():
        ahead = smaller
    elif (second_n < first_n).all():
        ahead = larger
    changes = lead_changes(first_n, second_n)
    return BestOf(smaller, larger, len(first_n), changes, ahead, horizon)


def _common_horizon(study: StudySpec, *names: str) -> int:
    """Steps to which all of them are followed; a target that is sustained ends the sooner."""
    specs = [study.cohort(name) for name in names]
    return min(one.grid[last_start(one) - 1] for one in specs)


def _horizons(study: StudySpec, name: str) -> list[int]:
    """All that the cohort shares with one that it is contrasted with, each once."""
    pairs = [(one.smaller, one.larger) for one in study.contrasts]
    return sorted({_common_horizon(study, *pair) for pair in pairs if name in pair})


def _cohort(
    spec: CohortSpec,
    tuned: TunedSpec,
    rounds: Sequence[Round],
    records: CohortRecords,
    horizons: Sequence[int],
) -> CohortTuning:
    if records.flops_per_step is None:
        raise ValueError(f"cohort {spec.name!r} has no known cost")
    results = pooled(rounds)
    steps = sum(one.member_steps for one in rounds)
    (rate,) = spec.values(Hyperparameter.LEARNING_RATE)
    beside = [one.hyperparameter for one in tuned.search.also]
    per_step = float(records.flops_per_step)
    flops = steps * per_step
    mean = _mean_steps(records)
    found_here = tuned.source in (None, spec.name)
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
        curve=_curve(rounds[0]) if found_here else (),
        member_steps=steps,
        flops=flops,
        converges_in=mean,
        total_flops=None if mean is None else flops + mean * per_step,
        common_curves=tuple(CommonCurve(one, _curve(rounds[0], one)) for one in horizons)
        if found_here
        else (),
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


def _curve(first: Round, horizon: float = np.inf) -> tuple[float, ...]:
    """Never as the horizon, or as the cohort's own budget where that ends before it.

    Who had not arrived by the horizon counts with it, whether or not they did later: the best is
    picked anew at each horizon, as one who had no more steps would.
    """
    restricted_NxR = np.stack([one.restricted_R for one in first.results])
    return tuple(map(float, cross_fitted(np.minimum(restricted_NxR, horizon))))


def _with_source(one: CohortTuning, found: Mapping[str, CohortTuning]) -> CohortTuning:
    """What a transferred rate took includes the search that it is from."""
    if one.source in (None, one.cohort) or one.total_flops is None or one.source not in found:
        return one
    return dataclasses.replace(one, total_flops=one.total_flops + found[one.source].flops)
