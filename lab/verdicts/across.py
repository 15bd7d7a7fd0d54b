"""All runs together: cells, and what they say of 'always' (STATISTICS, section 3).

A cell is one contrast on one clock at its hardest target. Each clock is a family of its own; Holm
corrects over all cells of a family, whatever run or cause they are from.
"""

import dataclasses
import enum
from collections.abc import Sequence

from lab.errors import UsageError
from lab.specs import ContrastSpec, StudySpec
from lab.statistics.intervals import Interval
from lab.statistics.multiplicity import benjamini_hochberg, holm
from lab.verdicts import language
from lab.verdicts.judge import ContrastVerdict, StudyVerdict
from lab.verdicts.reading import DIRECTED
from lab.verdicts.twins import agree, training
from lab.verdicts.words import Modifier, Verdict
from lab.words import Cause, Clock


class Licence(enum.Enum):
    """How the nets of a contrast came by their rates, as far as a claim about size goes."""

    TUNED = "tuned"
    TRANSFERRED = "transferred"
    UNTUNED = "untuned"


_LICENCES = {Modifier.TUNED: Licence.TUNED, Modifier.TRANSFERRED: Licence.TRANSFERRED}
_OF_RATES = (
    Modifier.ONE_SHARED_RATE,
    Modifier.AS_CONFIGURED,
    Modifier.TRAINED_ELSEWHERE,
    Modifier.TUNING_INCOMPLETE,
    *_LICENCES,
)


def licence(modifiers: Sequence[Modifier]) -> Licence:
    """A search left incomplete licenses nothing (STATISTICS, section 2)."""
    if Modifier.TUNING_INCOMPLETE in modifiers:
        return Licence.UNTUNED
    found = [kind for modifier, kind in _LICENCES.items() if modifier in modifiers]
    return found[0] if found else Licence.UNTUNED


class Always(enum.Enum):
    """Whether one net is always faster than the other, in the tested set."""

    ALWAYS = "always, in the tested set"
    NOT_ALWAYS = "not always"
    OPEN = "not settled"


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its name among the others, what it asked and what it found."""

    name: str
    study: StudySpec
    verdict: StudyVerdict


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One contrast of one run, on one clock, at its hardest target; names are the study's.

    `cost` is a step of the larger net over one of the smaller, on that clock; None where nobody
    knows. Cells with one `nets` compare the same two nets, trained alike but for how rates came.
    """

    run: str
    cause: Cause | None
    level: str
    smaller: str
    larger: str
    clock: Clock
    goal: str
    verdict: Verdict
    win: Interval
    time_ratio: Interval
    sparse: bool
    p_value: float
    alpha: float
    members: int
    licence: Licence
    licence_words: tuple[str, ...]
    cost: float | None
    nets: str
    adjusted_p_value: float = 1.0
    stands: bool = False
    """Whether its direction is left where the share of false ones is held to alpha."""

    @property
    def about_size(self) -> bool:
        """Whether "smaller" means anything: not where counts are equal but for the rounding."""
        return self.cause is not Cause.ARCHITECTURE

    @property
    def refutes(self) -> bool:
        """Whether its direction survives Holm's correction over the whole family."""
        return self.verdict in DIRECTED and self.adjusted_p_value <= self.alpha


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """All cells of one clock."""

    clock: Clock
    cells: tuple[Cell, ...]

    def always(self, faster: Verdict) -> Always:
        """Of 'the smaller is always faster', or of the larger."""
        return always(self.cells, faster)

    @property
    def about_size(self) -> tuple[Cell, ...]:
        """The cells that count for or against."""
        return tuple(one for one in self.cells if one.about_size)

    def twins(self, one: Cell) -> list[Cell]:
        """Those of the same nets whose rates came the other way: transferred for tuned, and back.

        Also where their tuning is incomplete, which licenses nothing.
        """
        others = {Licence.TUNED: Modifier.TRANSFERRED, Licence.TRANSFERRED: Modifier.TUNED}
        wanted = others.get(one.licence)
        return [
            other
            for other in self.cells
            if wanted is not None and other.nets == one.nets and wanted.value in other.licence_words
        ]

    def counter_examples(self, faster: Verdict) -> list[Cell]:
        """To 'always': cells with the other direction after Holm, tuned ones first, the strongest.

        By the end of the win probability's interval that is nearest to one half.
        """
        larger = faster is Verdict.SMALLER_FASTER
        against = [
            one for one in self.about_size if one.verdict is opposite(faster) and one.refutes
        ]
        return sorted(
            against,
            key=lambda one: (
                one.licence is Licence.UNTUNED,
                one.win.upper if larger else -one.win.lower,
            ),
        )


def always(cells: Sequence[Cell], faster: Verdict) -> Always:
    """Every cell has the direction, each at its level; or one has the other after Holm.

    Of cells that compare sizes.
    """
    cells = [one for one in cells if one.about_size]
    if cells and all(one.verdict is faster for one in cells):
        return Always.ALWAYS
    if any(one.verdict is opposite(faster) and one.refutes for one in cells):
        return Always.NOT_ALWAYS
    return Always.OPEN


def opposite(faster: Verdict) -> Verdict:
    """Of two directions the other."""
    return DIRECTED[1 - DIRECTED.index(faster)]


def families(runs: Sequence[Run]) -> list[Family]:
    """One a clock, in the clocks' order, with p-values adjusted over each."""
    cells = [cell for run in runs for cell in cells_of(run)]
    by_clock = [[one for one in cells if one.clock is clock] for clock in Clock]
    return [_family(found) for found in by_clock if found]


def _family(cells: Sequence[Cell]) -> Family:
    adjusted = holm([one.p_value for one in cells])
    bounded = benjamini_hochberg([one.p_value for one in cells])
    return Family(
        cells[0].clock,
        tuple(
            dataclasses.replace(
                one,
                adjusted_p_value=strict,
                stands=one.verdict in DIRECTED and mild <= one.alpha,
            )
            for one, strict, mild in zip(cells, adjusted, bounded, strict=True)
        ),
    )


def cells_of(run: Run) -> list[Cell]:
    """The hardest target's; examples that repeat steps are left out."""
    hardest: dict[tuple[str, str, str, Clock], ContrastVerdict] = {}
    for one in run.verdict.contrasts:
        if Modifier.SAME_AS_STEPS not in one.decision.modifiers:
            hardest[(one.level, one.smaller, one.larger, one.clock)] = one
    names = dict.fromkeys(key[:3] for key in hardest)
    if len(names) != len(run.study.contrasts):
        raise UsageError(f"the verdict of {run.name} has other contrasts than its study")
    asked = dict(zip(names, run.study.contrasts, strict=True))
    return [_cell(run, one, asked[key[:3]]) for key, one in hardest.items()]


def _cell(run: Run, one: ContrastVerdict, asked: ContrastSpec) -> Cell:
    decision = one.decision
    declared = run.study.cohort(asked.smaller).target
    chance = decision.win_probability
    return Cell(
        run=run.name,
        cause=run.study.cause,
        level=one.level,
        smaller=asked.smaller,
        larger=asked.larger,
        clock=one.clock,
        goal=language.goal(declared, one.target),
        verdict=decision.verdict,
        win=Interval(chance.estimate, chance.lower, chance.upper, chance.level),
        time_ratio=decision.rmst_ratio,
        sparse=decision.sparse,
        p_value=decision.p_value,
        alpha=run.verdict.margins.alpha_win,
        members=decision.members,
        licence=licence(decision.modifiers),
        licence_words=tuple(each.value for each in decision.modifiers if each in _OF_RATES),
        cost=_cost(run, one, asked),
        nets=_nets(run.study, asked),
    )


def _cost(run: Run, one: ContrastVerdict, asked: ContrastSpec) -> float | None:
    """Known without any flip too: none are told where tuning is incomplete."""
    summaries = {each.name: each for each in run.verdict.cohorts}
    pair = summaries[one.smaller], summaries[one.larger]
    match one.clock:
        case Clock.STEPS:
            costs: list[float | None] = [1.0, 1.0]
        case Clock.EXAMPLES:
            sides = asked.smaller, asked.larger
            costs = [run.study.cohort(each).batch_size for each in sides]
        case Clock.FLOPS:
            costs = [each.flops_per_step for each in pair]
        case _:
            costs = [each.solo_seconds_per_step for each in pair]
    return None if costs[0] is None or costs[1] is None else costs[1] / costs[0]


def _nets(study: StudySpec, asked: ContrastSpec) -> str:
    """What two contrasts have in common that compare the same trainings, however tuned."""
    pair = study.cohort(asked.smaller), study.cohort(asked.larger)
    return repr([training(one, asked.at) for one in pair])


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """A size contrast that was measured both with rates tuned and with rates transferred."""

    tuned: Cell
    transferred: Cell

    @property
    def agree(self) -> bool:
        """Whether both name one direction, which a claim about size takes."""
        return agree(self.tuned.verdict, self.transferred.verdict)


def agreements(family: Family) -> list[Agreement]:
    """Of every two cells that compare the same nets."""
    return [
        Agreement(one, other)
        for one in family.cells
        for other in family.cells
        if one.nets == other.nets
        and one.licence is Licence.TUNED
        and other.licence is Licence.TRANSFERRED
    ]
