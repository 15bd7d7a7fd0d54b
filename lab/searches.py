"""From a study to the same study with hyperparameters found: searches first, on members apart."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.records.paths import RunPaths
from lab.records.store import read_study_file, require_tunable
from lab.reports import tuning_text
from lab.specs import AnyDataSpec, CohortSpec, SearchSpec, StudySpec, holding
from lab.specs.rules import require
from lab.specs.settings import Setting
from lab.studies import PLAIN, How, gather
from lab.tuning.placing import rounded
from lab.tuning.plan import Histories, Seeker, chosen, next_round, tuned_spec
from lab.tuning.rounds import round_study, rounds_of, tuning_seed
from lab.tuning.transfer import groups, transferred_rates, under_mup
from lab.tuning.trials import Round
from lab.watching import Say
from lab.words import Hyperparameter, Search, Tune

DEFAULT_SEARCH = SearchSpec()
_METHODS = {Tune.GRID: Search.GRID, Tune.RANDOM: Search.RANDOM, Tune.HALVING: Search.HALVING}


def require_searchable(study: StudySpec, requests: Mapping[str, Tune], search: SearchSpec) -> None:
    """UsageError where a cohort cannot be tuned so, before data are loaded; nothing is made."""
    _begin(study, requests, search)


class _Begun(NamedTuple):
    """The study with its cohorts at their centres, and the searches to be made."""

    study: StudySpec
    seekers: tuple[Seeker, ...]


def tune_study(
    study: StudySpec,
    requests: Mapping[str, Tune],
    search: SearchSpec,
    data: Mapping[AnyDataSpec, DataArrays],
    root: Path,
    how: How = PLAIN,
) -> StudySpec:
    """The study with the hyperparameters found for the cohorts that `requests` names.

    Each round of the searches is a run folder below `root`/tuning, whose members have other seeds
    than those that the study measures; rounds that are recorded are read back. Cohorts that are not
    named, or whose members vary the rate themselves, stay as they are. Cohorts that contrasts
    connect are searched with equal effort.

    Raises:
        UsageError: a cohort cannot be tuned so, or the folder holds something else.
        lab.training.runner.Stopped: `how.stop` asked to; training is saved.
    """
    begun = _begin(study, requests, search)
    if not begun.seekers:
        return begun.study
    require_tunable(root)
    _require_same_searches(root, begun.seekers)
    seekers = {one.name: one for one in begun.seekers}
    specs = {name: one.search for name, one in seekers.items()}
    histories: dict[str, list[Round]] = {}
    number = 1
    while asked := next_round(begun.seekers, histories):
        how.say(tuning_text.opening(number, asked))
        records = gather(
            round_study(begun.study, seekers, asked, number),
            data,
            RunPaths(root).tuning_round(number),
            how,
            laid_out_for={cohort.name: cohort.members for cohort in study.cohorts},
        )
        for name, found in rounds_of(records, specs).items():
            histories.setdefault(name, []).append(found)
            how.say(tuning_text.round_lines(name, found))
        number += 1
    require(
        not RunPaths(root).tuning_round(number).exists(),
        f"{root} holds more rounds of a search than {number - 1}, which is what these flags make: "
        "pass those that it was begun with, or another --out",
    )
    return _ended(begun, histories, how.say)


def _require_same_searches(root: Path, seekers: Sequence[Seeker]) -> None:
    """Where the searches of a study ended, one that asks for more would add rounds to theirs."""
    path = RunPaths(root).study
    if not path.exists():
        return
    there = {one.name: one.tuned for one in read_study_file(path).cohorts}
    for one in seekers:
        tuned = there.get(one.name)
        if tuned is None:
            raise UsageError(
                f"{root} holds another study, without a search for cohort {one.name!r}: pass "
                "another --out"
            )
        differing = [
            f"{field.name} {_told(getattr(tuned.search, field.name))} there, "
            f"{_told(getattr(one.search, field.name))} asked"
            for field in dataclasses.fields(SearchSpec)
            if getattr(tuned.search, field.name) != getattr(one.search, field.name)
        ]
        require(
            not differing,
            f"{root} holds a study whose cohort {one.name!r} was searched for otherwise "
            f"({'; '.join(differing)}), and a search that has ended is not gone on with: pass "
            "another --out, or the same flags as before",
        )


def _told(value: object) -> str:
    match value:
        case Search():
            return value.value
        case tuple():
            told = [f"{one.hyperparameter.value} of {list(one.values)}" for one in value]
            return ", ".join(told) or "nothing"
        case _:
            return f"{value}"


def _ended(begun: _Begun, histories: Histories, say: Say) -> StudySpec:
    found: dict[str, CohortSpec] = {}
    for one in begun.seekers:
        trial = chosen(one, histories)
        tuned = tuned_spec(one, histories)
        cohort = holding(begun.study.cohort(one.name), trial.settings)
        found[one.name] = dataclasses.replace(cohort, tuned=tuned)
        say(tuning_text.choice_line(one.name, trial, tuned))
    return _with_cohorts(begun.study, found)


def _begin(study: StudySpec, requests: Mapping[str, Tune], search: SearchSpec) -> _Begun:
    changed: dict[str, CohortSpec] = {}
    seekers: list[Seeker] = []
    for number, group in enumerate(groups(study)):
        open_ = [one for one in group if not _varies_rate(one)]
        told = {one.name: requests.get(one.name, Tune.NONE) for one in open_}
        rates = transferred_rates(open_) if open_ else {}
        for one in open_:
            if told[one.name] not in (Tune.NONE, Tune.MUP):
                rate = Setting(Hyperparameter.LEARNING_RATE, rounded(rates[one.name]))
                changed[one.name] = holding(one, [rate])
        searched = [changed[name] for name, how in told.items() if how in _METHODS]
        seekers += [
            _seeker(one, dataclasses.replace(search, method=_METHODS[told[one.name]]), number)
            for one in searched
        ]
        mup = [one for one in open_ if told[one.name] is Tune.MUP]
        if mup:
            ordered = under_mup(mup)
            changed |= {one.name: one for one in ordered}
            grid = dataclasses.replace(search, method=Search.GRID)
            seekers += [_seeker(one, grid, number, ordered[0].name) for one in ordered]
    return _Begun(_with_cohorts(study, changed), tuple(seekers))


def _seeker(
    cohort: CohortSpec, search: SearchSpec, group: int, source: str | None = None
) -> Seeker:
    _require_searchable(cohort, search)
    (centre,) = cohort.values(Hyperparameter.LEARNING_RATE)
    return Seeker(cohort.name, search, centre, tuning_seed(cohort.seed), group, source)


def _require_searchable(cohort: CohortSpec, search: SearchSpec) -> None:
    require(
        not cohort.vary,
        f"members of cohort {cohort.name!r} vary in "
        f"{', '.join(one.hyperparameter.value for one in cohort.vary)}, so that no rate is the "
        "best for all of them: drop --vary, or pass --tune=none",
    )
    for one in search.also:
        for value in one.values:
            try:
                holding(cohort, [Setting(one.hyperparameter, value)])
            except UsageError as error:
                raise UsageError(f"tune_also cannot be: {error}") from error


def _varies_rate(cohort: CohortSpec) -> bool:
    return any(one.hyperparameter is Hyperparameter.LEARNING_RATE for one in cohort.vary)


def _with_cohorts(study: StudySpec, changed: Mapping[str, CohortSpec]) -> StudySpec:
    return dataclasses.replace(
        study, cohorts=tuple(changed.get(one.name, one) for one in study.cohorts)
    )
