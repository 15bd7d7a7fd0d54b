"""Searches as they are run: members apart, one program a round, resumed as if never interrupted."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from toys import DIGITS, easy_images, mlp_cohort

from lab.errors import UsageError
from lab.records.reader import read_records, read_study
from lab.records.store import RunFolder
from lab.searches import require_searchable, tune_study
from lab.specs import (
    ContrastSpec,
    InitialSpec,
    MLPSpec,
    SearchSpec,
    SGDSpec,
    StudySpec,
    Varied,
)
from lab.studies import How, run_study
from lab.training import cohort_run
from lab.training.runner import Stopped
from lab.verdicts.document import from_json
from lab.words import Hyperparameter, Parametrisation, Tune

DATA = {DIGITS: easy_images()}
SMALL = SearchSpec(trials=3, repeats=2, decades=2.0, extensions=0)


def quiet(*_: object, **__: object) -> None:
    """Says nothing."""


QUIET = How(say=quiet)


def study(*widths: int, **changes) -> StudySpec:
    cohorts = tuple(
        mlp_cohort(name=f"width-{width}", model=MLPSpec(width, 1), seed=3 + index, **changes)
        for index, width in enumerate(widths)
    )
    names = [one.name for one in cohorts]
    return StudySpec("?", cohorts, tuple(map(ContrastSpec, names[:-1], names[1:])))


def tuned(declared, root, how=Tune.GRID, search=SMALL, session=QUIET):
    requests = {cohort.name: how for cohort in declared.cohorts}
    return tune_study(declared, requests, search, DATA, root, session)


def rates(of: StudySpec) -> list[float]:
    return [one.values(Hyperparameter.LEARNING_RATE)[0] for one in of.cohorts]


def test_members_that_choose_are_not_those_that_are_measured(tmp_path: Path, monkeypatch) -> None:
    compiled = []
    begin = cohort_run.CohortRun.__init__

    def counted(self, plan, *arguments):
        compiled.append((plan.cohort.name, len(plan.cohort.values(Hyperparameter.LEARNING_RATE))))
        begin(self, plan, *arguments)

    monkeypatch.setattr(cohort_run.CohortRun, "__init__", counted)
    declared, root = study(4, 8), tmp_path / "run"
    found = tuned(declared, root)
    # All trials of a cohort are lanes of one program.
    assert sorted(compiled) == [("width-4", 3), ("width-8", 3)]
    searched = read_study(root / "tuning/round-1")
    assert searched.search
    for before, after in zip(declared.cohorts, found.cohorts, strict=True):
        trial = searched.cohort(before.name)
        assert after.seed == before.seed
        assert trial.seed != before.seed
        assert after.tuned.seed not in (before.seed, trial.seed)
        assert trial.members == 6
        assert rates(found)[found.cohorts.index(after)] in trial.values(
            Hyperparameter.LEARNING_RATE
        )
    # The centre follows the width: Adam's rate of the wider is half that of the narrower.
    narrow, wide = (searched.cohort(name).vary[0].values for name in ("width-4", "width-8"))
    np.testing.assert_allclose(np.array(narrow) / np.array(wide), 2)
    with pytest.raises(UsageError, match="has the seed 3 of the members that chose"):
        dataclasses.replace(
            found.cohorts[0], tuned=dataclasses.replace(found.cohorts[0].tuned, seed=3)
        )
    with pytest.raises(UsageError, match="cannot be judged by"):
        dataclasses.replace(searched, contrasts=declared.contrasts)

    document = run_study(found, DATA, root, QUIET)
    verdict = from_json((root / "verdict.json").read_text())
    (narrow, wide) = verdict.tuning
    assert narrow.cohort == "width-4"
    assert [one.members for one in narrow.trials] == [2, 2, 2]
    assert len(narrow.curve) == 3
    records = read_records(root / "tuning/round-1")["width-4"]
    assert narrow.member_steps == records.ended.sum() * 4
    assert narrow.flops == narrow.member_steps * records.flops_per_step
    assert narrow.total_flops == narrow.flops + narrow.converges_in * records.flops_per_step
    assert document["best_of"][0]["trials"] == 3
    assert (root / "tables/tuning.csv").read_text().count("\n") == 7
    page = (root / "report.html").read_text()
    assert "How the learning rates were found" in page


@contextlib.contextmanager
def at_once():
    """Asks to stop as soon as there is something to stop."""
    yield lambda: True


def test_a_search_that_was_stopped_goes_on_to_the_same_study(tmp_path: Path) -> None:
    declared = study(8)
    search = dataclasses.replace(SMALL, extensions=1)
    whole = tuned(declared, tmp_path / "whole", search=search)
    assert (tmp_path / "whole/tuning/round-2").exists()
    with pytest.raises(Stopped):
        tuned(declared, tmp_path / "parts", search=search, session=QUIET._replace(stop=at_once))
    assert not (tmp_path / "parts/tuning/round-2").exists()
    again = tuned(declared, tmp_path / "parts", search=search)
    assert again == whole
    assert tuned(declared, tmp_path / "parts", search=search) == whole
    for number in (1, 2):
        one, other = (
            read_records(tmp_path / which / f"tuning/round-{number}")["width-8"]
            for which in ("whole", "parts")
        )
        np.testing.assert_array_equal(one.hit, other.hit)
        np.testing.assert_array_equal(one.ended, other.ended)
    with pytest.raises(UsageError, match="more rounds of a search than 1, which"):
        tuned(declared, tmp_path / "parts", search=SMALL)
    with pytest.raises(UsageError, match="round-1 holds another study"):
        tuned(declared, tmp_path / "parts", search=dataclasses.replace(search, decades=1.0))
    with pytest.raises(UsageError, match=r"not empty and holds no study\.json"):
        RunFolder.open(tmp_path / "parts", declared)


OTHERWISE = {
    "extensions": ({"extensions": 3}, r"\(extensions 0 there, 3 asked\).*another --out"),
    "repeats": ({"repeats": 4, "trials": 4}, "trials 3 there, 4 asked; repeats 2 there, 4 asked"),
    "also": (
        {"also": (Varied(Hyperparameter.DROPOUT, (0.0, 0.1)),)},
        r"also nothing there, dropout of \[0.0, 0.1\] asked",
    ),
}


def test_a_finished_study_is_given_no_further_round(tmp_path: Path) -> None:
    declared, root = study(8), tmp_path / "run"
    found = tuned(declared, root)
    RunFolder.open(root, found).close()
    there = sorted(root.rglob("*"))
    for changes, words in OTHERWISE.values():
        with pytest.raises(UsageError, match=words) as refusal:
            tuned(declared, root, search=dataclasses.replace(SMALL, **changes))
        assert "\n" not in str(refusal.value)
    with pytest.raises(UsageError, match="method grid there, random asked"):
        tuned(declared, root, Tune.RANDOM)
    with pytest.raises(UsageError, match="without a search for cohort 'width-16'"):
        tuned(study(8, 16), root)
    assert sorted(root.rglob("*")) == there
    assert tuned(declared, root) == found


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    declared = study(4, 8)
    RunFolder.open(tmp_path / "run", declared).close()
    with pytest.raises(UsageError, match="were not searched for: pass another --out"):
        tuned(declared, tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").touch()
    with pytest.raises(UsageError, match="no run folder"):
        tuned(declared, tmp_path / "other")
    assert not list(tmp_path.glob("*/tuning"))


def test_rates_without_a_search(tmp_path: Path) -> None:
    declared = study(4, 8, 16)
    assert tuned(declared, tmp_path, Tune.NONE) == declared
    assert rates(tuned(declared, tmp_path, Tune.DEFAULT)) == [0.01, 0.005, 0.0025]
    descent = study(4, 8, optimizer=SGDSpec(0.1))
    assert rates(tuned(descent, tmp_path, Tune.DEFAULT)) == [0.1, 0.1]
    mup = InitialSpec(parametrisation=Parametrisation.MUP, base_width=4)
    assert rates(tuned(study(4, 8, initial=mup), tmp_path, Tune.DEFAULT)) == [0.01, 0.01]
    deeper = dataclasses.replace(declared.cohorts[1], model=MLPSpec(8, 3))
    other = dataclasses.replace(
        declared, cohorts=(declared.cohorts[0], deeper, declared.cohorts[2])
    )
    assert rates(tuned(other, tmp_path, Tune.DEFAULT)) == [0.01, 0.01, 0.01]
    assert not list(tmp_path.iterdir())


def test_only_those_that_are_compared_follow_each_other(tmp_path: Path) -> None:
    declared = study(4, 8)
    apart = dataclasses.replace(declared, contrasts=())
    assert rates(tuned(apart, tmp_path, Tune.DEFAULT)) == [0.01, 0.01]


REFUSED = {
    "other members": (
        {"vary": (Varied(Hyperparameter.DROPOUT, (0.0, 0.1)),)},
        Tune.GRID,
        SMALL,
        "vary in dropout.*pass --tune=none",
    ),
    "no decay": (
        {},
        Tune.RANDOM,
        dataclasses.replace(SMALL, also=(Varied(Hyperparameter.WEIGHT_DECAY, (0.0, 0.1)),)),
        "tune_also.*AdamSpec has none",
    ),
    "mup of LAMB": ({"optimizer": "lamb"}, Tune.MUP, SMALL, "muP has no rule"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_tuned_is_refused(name: str, tmp_path: Path) -> None:
    changes, how, search, words = REFUSED[name]
    if "optimizer" in changes:
        from lab.specs import LAMBSpec

        changes = {"optimizer": LAMBSpec(0.01)}
    declared = study(4, 8, **changes)
    with pytest.raises(UsageError, match=words):
        require_searchable(declared, {one.name: how for one in declared.cohorts}, search)
    with pytest.raises(UsageError, match=words):
        tuned(declared, tmp_path / "run", how, search)
    assert not (tmp_path / "run").exists()


def test_mup_is_over_the_width_alone(tmp_path: Path) -> None:
    declared = study(4, 8)
    deeper = dataclasses.replace(declared.cohorts[1], model=MLPSpec(8, 3))
    other = dataclasses.replace(declared, cohorts=(declared.cohorts[0], deeper))
    with pytest.raises(UsageError, match="differ in more"):
        tuned(other, tmp_path / "run", Tune.MUP)


def test_members_whose_own_rates_vary_stay_as_they_are(tmp_path: Path) -> None:
    vary = (Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.01)),)
    declared = study(4, 8, vary=vary, members=12)
    assert tuned(declared, tmp_path / "run") == declared
