"""Trials of hyperparameters, and what their members came to."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from lab.records.cohort import CohortRecords
from lab.specs import CohortSpec, Setting, Varied, holding
from lab.verdicts.clocks import clock_times
from lab.words import Clock, Hyperparameter, Outcome

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A learning rate, and values of what is searched for beside it."""

    rate: float
    beside: tuple[Setting, ...] = ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All of it, the rate first."""
        return (Setting(Hyperparameter.LEARNING_RATE, self.rate), *self.beside)

    @property
    def label(self) -> str:
        """`0.003`, or `0.003, weight decay 0.01`."""
        told = (f"{one.hyperparameter.label} {one.value:g}" for one in self.beside)
        return ", ".join([f"{self.rate:g}", *told])


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What the R members of a trial came to: min(T, budget) of each in steps, and counts.

    A member that never reached the target, diverged ones among them, has the cohort's own budget
    (STATISTICS, section 2: the criterion of a search is the estimand itself). Beside a cohort of
    another budget, cut both at the shorter.
    """

    trial: Trial
    restricted_R: Floats
    reached: int
    diverged: int

    @property
    def criterion(self) -> float:
        """The restricted mean in steps; less is better."""
        return float(self.restricted_R.mean())

    @property
    def members(self) -> int:
        """R."""
        return len(self.restricted_R)


@dataclasses.dataclass(frozen=True, eq=False)
class Round:
    """What a cohort's members of one round came to, all of which took `member_steps`."""

    results: tuple[Result, ...]
    member_steps: int

    @property
    def trials(self) -> tuple[Trial, ...]:
        """In the order in which members have them in turn."""
        return tuple(one.trial for one in self.results)


def with_trials(cohort: CohortSpec, trials: Sequence[Trial]) -> CohortSpec:
    """The cohort whose member i has trial i % len(trials)."""
    by_setting = list(zip(*(trial.settings for trial in trials), strict=True))
    held = [one[0] for one in by_setting if len(set(one)) == 1]
    varied = tuple(
        Varied(one[0].hyperparameter, tuple(setting.value for setting in one))
        for one in by_setting
        if len(set(one)) > 1
    )
    return dataclasses.replace(holding(cohort, held), vary=varied)


def trials_of(cohort: CohortSpec, beside: Iterable[Hyperparameter]) -> tuple[Trial, ...]:
    """What `with_trials` gave the members in turn; `beside` is searched for besides the rate."""
    count = max((len(one.values) for one in cohort.vary), default=1)
    columns = {one: cohort.values(one) for one in (Hyperparameter.LEARNING_RATE, *beside)}
    return tuple(
        Trial(
            columns[Hyperparameter.LEARNING_RATE][
                index % len(columns[Hyperparameter.LEARNING_RATE])
            ],
            tuple(Setting(one, columns[one][index % len(columns[one])]) for one in beside),
        )
        for index in range(count)
    )


def round_of(records: CohortRecords, beside: Iterable[Hyperparameter]) -> Round:
    """From the records of a round in which all members have ended."""
    spec = records.spec
    if not isinstance(spec, CohortSpec) or not records.complete:
        raise ValueError(f"cohort {spec.name!r} is no finished round of a search")
    trials = trials_of(spec, tuple(beside))
    clock = clock_times(records, Clock.STEPS)
    restricted_N = clock.restricted(clock.budget)
    results = []
    for index, trial in enumerate(trials):
        own_N = records.member % len(trials) == index
        results.append(
            Result(
                trial=trial,
                restricted_R=restricted_N[own_N],
                reached=int(records.reached[own_N, -1].sum()),
                diverged=sum(
                    one is Outcome.DIVERGED for one in itertools.compress(records.outcome, own_N)
                ),
            )
        )
    return Round(tuple(results), int(records.ended.sum()) * spec.eval_every)


def pooled(rounds: Iterable[Round]) -> tuple[Result, ...]:
    """A result a trial, by rate, of the members of all rounds together."""
    found: dict[Trial, Result] = {}
    for one in (result for each in rounds for result in each.results):
        before = found.get(one.trial)
        found[one.trial] = (
            one
            if before is None
            else Result(
                one.trial,
                np.concatenate([before.restricted_R, one.restricted_R]),
                before.reached + one.reached,
                before.diverged + one.diverged,
            )
        )
    return tuple(
        sorted(found.values(), key=lambda one: (one.trial.rate, *map(_value, one.trial.beside)))
    )


def _value(setting: Setting) -> float:
    return setting.value
