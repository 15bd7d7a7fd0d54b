"""A study that asks one question at several levels of a cause."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.errors import UsageError
from lab.specs import CohortSpec, ContrastSpec, SequentialSpec, Setting, StudySpec
from lab.words import Cause, Tune


class Level(NamedTuple):
    """What is compared under one condition: cohorts, each against the next larger one.

    Levels may share cohorts; `at` then says which of their members are meant. With `tune` cohorts
    come by their rates in that way, whatever the study's others do.
    """

    name: str
    cohorts: tuple[CohortSpec, ...]
    at: tuple[Setting, ...] = ()
    tune: Tune | None = None


def cause_study(
    cause: Cause,
    question: str,
    levels: Sequence[Level],
    baseline: str,
    sequential: SequentialSpec | None = None,
) -> StudySpec:
    """The study of these levels; `baseline` is the one that the others are held against.

    UsageError where two levels or two cohorts go by one name.
    """
    names = [level.name for level in levels]
    if len(set(names)) < len(names):
        raise UsageError(f"the levels {', '.join(names)} are not distinct: name each once")
    cohorts: dict[str, CohortSpec] = {}
    for cohort in (each for level in levels for each in level.cohorts):
        if cohorts.setdefault(cohort.name, cohort) != cohort:
            raise UsageError(f"two levels have different cohorts {cohort.name!r}: rename one")
    return StudySpec(
        question=question,
        cohorts=tuple(cohorts.values()),
        contrasts=tuple(
            ContrastSpec(smaller.name, larger.name, level.name, level.at)
            for level in levels
            for smaller, larger in zip(level.cohorts, level.cohorts[1:], strict=False)
        ),
        sequential=sequential,
        cause=cause,
        baseline=baseline,
    )


def requests(levels: Sequence[Level], otherwise: Tune) -> dict[str, Tune]:
    """How each cohort comes by its rate, by its name."""
    return {
        cohort.name: otherwise if level.tune is None else level.tune
        for level in levels
        for cohort in level.cohorts
    }
