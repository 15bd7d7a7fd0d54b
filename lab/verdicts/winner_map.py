"""Who is first, over targets and budgets: one map for each contrast and clock.

Exploratory: the targets between the declared ones are chosen from the range of the curves, and the
maps are corrected for their own cells (Holm 1979), not for each other.
"""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from lab.records.cohort import AnyMetric, CohortRecords
from lab.specs import Comparison, ContrastSpec
from lab.statistics.intervals import Interval
from lab.statistics.multiplicity import holm
from lab.verdicts.clocks import is_known
from lab.verdicts.deciding import SEED, Issue, meet
from lab.verdicts.easier import targets, watched
from lab.verdicts.first import First, Standing, agreed, standing
from lab.verdicts.landmarks import landmark_times
from lab.verdicts.licence import is_tuned_through
from lab.verdicts.meeting import Meeting
from lab.verdicts.timing import readings
from lab.words import Clock

SHARES = tuple(Fraction(mille, 1000) for mille in (10, 25, 50, 100, 200, 350, 600, 1000))
"""Of the horizon: the budgets of a map, closer together where most members converge."""


@dataclasses.dataclass(frozen=True, slots=True)
class MapCell:
    """Who is first to `target` by `budget` (clock units); the p-value is Holm's over the map."""

    target: float
    budget: float
    win_probability: Interval
    adjusted_p_value: float
    first: First


@dataclasses.dataclass(frozen=True, slots=True)
class WinnerMap:
    """One contrast on one clock: targets from the easiest to the hardest, budgets rising.

    `cells` go target by target. `declared` are the targets that were fixed before the run.
    """

    smaller: str
    larger: str
    level: str
    clock: Clock
    metric: AnyMetric
    targets: tuple[float, ...]
    declared: tuple[float, ...]
    budgets: tuple[float, ...]
    cells: tuple[MapCell, ...]

    def row(self, target: float) -> tuple[MapCell, ...]:
        """The cells of one target, by rising budget."""
        return tuple(one for one in self.cells if one.target == target)


def winner_maps(
    comparison: Comparison, records: Mapping[str, CohortRecords]
) -> tuple[WinnerMap, ...]:
    """For each contrast, on each clock that asks a question of its own; all members must be there.

    None of a contrast whose rates may not be the best, for a map names directions.
    Cohorts that were trained to one target are looked at on the same ones.
    """
    together: dict[object, list[CohortRecords]] = {}
    for one in records.values():
        together.setdefault(one.spec.target, []).append(one)
    wanted = {target: targets(cohorts) for target, cohorts in together.items()}
    seen = {name: watched(one, wanted[one.spec.target]) for name, one in records.items()}
    return tuple(
        _map(contrast, clock, comparison.margins.alpha_win, seen, records)
        for contrast in comparison.contrasts
        if may_be_told(contrast, records)
        for clock in clocks_of_their_own(comparison, records, contrast)
    )


def may_be_told(contrast: ContrastSpec, records: Mapping[str, CohortRecords]) -> bool:
    """Whether a direction may be named: no search for a rate of either was left without an end."""
    return all(is_tuned_through(records[one].spec) for one in (contrast.smaller, contrast.larger))


def clocks_of_their_own(
    comparison: Comparison, records: Mapping[str, CohortRecords], contrast: ContrastSpec
) -> list[Clock]:
    """Those of a comparison that are known; without examples where they ask what steps ask."""
    pair = records[contrast.smaller], records[contrast.larger]
    repeats = (
        Clock.STEPS in comparison.clocks and pair[0].spec.batch_size == pair[1].spec.batch_size
    )
    return [
        one
        for one in comparison.clocks
        if not (repeats and one is Clock.EXAMPLES) and all(is_known(each, one) for each in pair)
    ]


def _map(
    contrast: ContrastSpec,
    clock: Clock,
    alpha: float,
    seen: Mapping[str, CohortRecords],
    records: Mapping[str, CohortRecords],
) -> WinnerMap:
    pair = seen[contrast.smaller], seen[contrast.larger]
    values = pair[0].spec.target.thresholds
    # A cost that is measured has an interval, and a winner must be one at both of its ends.
    pairs = readings(pair) if clock is Clock.SECONDS else (pair,)
    met = [
        [meet(each, Issue(contrast, clock, index)) for each in pairs]
        for index in range(len(values))
    ]
    first = met[-1][0]
    budgets = landmark_times(first.smaller.clock, first.larger.clock, first.horizon, SHARES)
    # So many draws that Holm's smallest level can be met.
    draws = int(np.ceil(2 * len(values) * len(budgets) / alpha))
    found = [
        (value, budget, agreed([_standing(one, budget, alpha, draws) for one in meetings]))
        for value, meetings in zip(values, met, strict=True)
        for budget in budgets
    ]
    adjusted = holm([one.p_value for *_, one in found])
    return WinnerMap(
        smaller=contrast.smaller,
        larger=contrast.larger,
        level=contrast.level,
        clock=clock,
        metric=pair[0].spec.target.metric,
        targets=values,
        declared=records[contrast.smaller].spec.target.thresholds,
        budgets=tuple(map(float, budgets)),
        cells=tuple(
            _cell(*one, p_value, alpha) for one, p_value in zip(found, adjusted, strict=True)
        ),
    )


def _standing(meeting: Meeting, budget: Fraction, alpha: float, draws: int) -> Standing:
    """As far as both were followed, which at another cost may be less far."""
    return standing(meeting, min(budget, meeting.horizon), alpha, SEED, draws)


def _cell(
    target: float, budget: Fraction, found: Standing, p_value: float, alpha: float
) -> MapCell:
    chance = found.win
    return MapCell(
        target=target,
        budget=float(budget),
        win_probability=Interval(chance.estimate, chance.lower, chance.upper, chance.level),
        adjusted_p_value=p_value,
        first=found.first(p_value, alpha),
    )
