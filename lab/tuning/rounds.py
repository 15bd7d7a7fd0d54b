"""Rounds of a search as studies, each in a run folder of its own below the study they are for."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.records.cohort import CohortRecords
from lab.records.paths import RunPaths
from lab.records.reader import read_records
from lab.specs import CohortSpec, SearchSpec, SeedsSpec, StudySpec
from lab.tuning.plan import Asked, Seeker
from lab.tuning.trials import Round, round_of, with_trials
from lab.words import Clock

TUNING = 0x7E57
"""Part of the address of every draw of a search; part of every recorded run: never change it."""


def tuning_seed(measured: int) -> int:
    """The root of a cohort's searches, from that of the members it is measured by."""
    return _other_than(measured, TUNING, measured)


def round_study(
    study: StudySpec, seekers: Mapping[str, Seeker], asked: Mapping[str, Asked], number: int
) -> StudySpec:
    """What round `number` trains: cohorts of the study's names, whose members have the trials."""
    return StudySpec(
        question="Which hyperparameters let each network converge first?",
        cohorts=tuple(
            _round_cohort(study.cohort(name), seekers[name].seed, one, number)
            for name, one in asked.items()
        ),
        contrasts=(),
        clocks=(Clock.STEPS,),
        search=True,
    )


def _round_cohort(cohort: CohortSpec, root: int, asked: Asked, number: int) -> CohortSpec:
    """On seeds of the round's own, of which each member has one.

    Crossed levels come in turn over the members, as trials do, so that the two would be one. Only
    the one order of data that are streamed has to stay.
    """
    apart = dataclasses.replace(
        cohort,
        members=len(asked.trials) * asked.repeats,
        seed=_other_than(cohort.seed, root, number),
        seeds=SeedsSpec(order=1) if cohort.seeds.order == 1 else SeedsSpec(),
    )
    return with_trials(apart, asked.trials)


def _other_than(measured: int, *address: int) -> int:
    """The seed of that address; whoever is measured must not have been tuned on (section 2)."""
    first, second = np.random.SeedSequence(address).generate_state(2)
    return int(second if int(first) == measured else first)


def rounds_of(
    records: Mapping[str, CohortRecords], search: Mapping[str, SearchSpec]
) -> dict[str, Round]:
    """A finished round's results by cohort; `search` is what each was searched by."""
    return {
        name: round_of(one, [each.hyperparameter for each in search[name].also])
        for name, one in records.items()
    }


def read_rounds(root: Path, search: Mapping[str, SearchSpec]) -> dict[str, list[Round]]:
    """All rounds that lie below a run folder, by cohort, in their order."""
    found: dict[str, list[Round]] = {name: [] for name in search}
    paths, number = RunPaths(root), 1
    while paths.tuning_round(number).exists():
        for name, one in rounds_of(read_records(paths.tuning_round(number)), search).items():
            found[name].append(one)
        number += 1
    return found
