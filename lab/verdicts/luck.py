"""How much of a cohort's convergence time is chance, what to do about it, and where a run lies."""

import bisect
import dataclasses
import json
from fractions import Fraction

import cattrs
import numpy as np

from lab.records.cohort import CohortRecords
from lab.specs import TargetSpec
from lab.statistics.components import Components, components
from lab.statistics.placing import Placed, Run, State, place
from lab.statistics.quantiles import QuantileTime, quantile_time
from lab.statistics.restarts import Restarts, best_restart
from lab.statistics.times import ClockTimes
from lab.verdicts.clocks import clock_times
from lab.words import Clock, Outcome

LEVEL = 0.95
QUANTILES = (0.1, 0.5, 0.9)
_SEED = 0
"""Of the bootstrap: the same records give the same numbers."""


@dataclasses.dataclass(frozen=True, slots=True)
class OwnRun:
    """A run of the reader's: reached at `step`, running and not there at `step`, or never."""

    state: State
    step: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Luck:
    """One cohort and one of its targets; times in steps.

    `horizon` is the last step at which a success can start. `declared` members were to be trained
    and `members` have ended. `components` are there where members share seeds, `placed` where a
    run was given; `restarts` where anybody reached.
    """

    cohort: str
    goal: TargetSpec
    target: float
    declared: int
    members: int
    reached: int
    diverged: int
    horizon: int
    quantiles: tuple[QuantileTime, ...]
    restarts: Restarts | None
    components: Components | None
    own: OwnRun | None
    placed: Placed | None


def luck(records: CohortRecords, own: OwnRun | None = None, threshold: int = -1) -> Luck:
    """Of the cohort's members that have ended; diverged ones never reach."""
    clock = clock_times(records, Clock.STEPS, threshold)
    times, horizon = clock.times, Fraction(int(clock.positions[-1]))
    generator = np.random.default_rng(_SEED)
    return Luck(
        cohort=records.spec.name,
        goal=records.spec.target,
        target=records.spec.target.thresholds[threshold],
        declared=records.planned,
        members=times.members,
        reached=int(times.reached.sum()),
        diverged=records.outcome.count(Outcome.DIVERGED),
        horizon=int(horizon),
        quantiles=tuple(
            quantile_time(times, share, LEVEL).on(clock, horizon) for share in QUANTILES
        ),
        restarts=best_restart(clock, LEVEL, generator),
        components=_components(records, clock, horizon, generator),
        own=own,
        placed=None if own is None else place(_on_grid(own, clock), times, LEVEL),
    )


def to_json(found: tuple[Luck, ...]) -> str:
    """Indented JSON, a cohort an item; ValueError if a number is not finite."""
    document = {"schema": 1, "cohorts": cattrs.unstructure(found)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _components(
    records: CohortRecords, clock: ClockTimes, horizon: Fraction, generator: np.random.Generator
) -> Components | None:
    levels = {factor.value: ids for factor, ids in records.seed_ids.items()}
    if not any(1 < len(np.unique(ids)) < len(ids) for ids in levels.values()):
        return None
    return components(clock, levels, horizon, LEVEL, generator)


def _on_grid(own: OwnRun, clock: ClockTimes) -> Run:
    """At the cohort's evaluations: a time between two of them is seen at the later."""
    positions = clock.positions.tolist()
    if own.state is State.REACHED and own.step <= positions[-1]:
        return Run(State.REACHED, bisect.bisect_left(positions, own.step) + 1)
    if own.state is State.RUNNING and own.step < positions[-1]:
        return Run(State.RUNNING, bisect.bisect_right(positions, own.step))
    return Run(State.NEVER)
