"""Searches in the report: made-up ones, of which every figure is known."""

import csv
import dataclasses
import io
import json

import cattrs
import pytest

from lab.records.paths import RunPaths
from lab.reports import tuning_figure, tuning_text
from lab.reports.report import write_report
from lab.specs import Setting
from lab.tuning.found import BestOf, CohortTuning, CommonCurve, TrialFound
from lab.verdicts import document
from lab.words import Hyperparameter, Search

DECAY = Setting(Hyperparameter.WEIGHT_DECAY, 0.1)


def tuning(cohort: str, **changes) -> CohortTuning:
    trials = tuple(
        TrialFound(rate, (DECAY,), criterion, members=8, reached=8 - index, diverged=0)
        for index, (rate, criterion) in enumerate(((0.001, 400.0), (0.01, 200.0), (0.1, 590.0)))
    )
    plain = CohortTuning(
        cohort=cohort,
        method=Search.GRID,
        source=None,
        rate=0.01,
        beside=(DECAY,),
        complete=True,
        lowest=0.001,
        highest=0.1,
        rounds=1,
        asked=3,
        trials=trials,
        curve=(396.7, 260.0, 210.0),
        member_steps=9520,
        flops=9520 * 2.1e6,
        converges_in=230.0,
        total_flops=9750 * 2.1e6,
    )
    return dataclasses.replace(plain, **changes)


SMALL, LARGE = "unet-2.9k", "unet-5k"
OPEN = tuning(LARGE, complete=False, rate=0.1, converges_in=None, total_flops=None)
CARRIED = tuning(LARGE, source=SMALL, curve=())


def told(*found: CohortTuning, best_of: tuple[BestOf, ...] = ()) -> dict:
    """As it stands in verdict.json."""
    plain = cattrs.unstructure({"tuning": found, "best_of": best_of})
    return json.loads(json.dumps(plain))


def test_table_says_what_was_found_and_what_it_took():
    lines = tuning_text.table(told(tuning(SMALL), OPEN)).text().splitlines()
    for words in ("0.01, weight decay 0.1", "0.001 to 0.1", "yes", "20 GFLOPs", "230", "20.5 GF"):
        assert words in lines[1]
    assert "not shown" in lines[2]
    assert "–" in lines[2]
    assert "transfer holds (unet-2.9k)" in tuning_text.table(told(tuning(SMALL), CARRIED)).text()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (BestOf(SMALL, LARGE, 7, (), SMALL), "unet-2.9k is ahead for every tuning budget up to 7"),
        (BestOf(SMALL, LARGE, 7, (2, 5), None), "the lead changes at 2 and 5 of 7 trials"),
        (BestOf(SMALL, LARGE, 7, (), None), "at some they are level"),
    ],
)
def test_which_tuning_budget_turns_the_lead(found, words):
    assert words in tuning_text.explained(told(tuning(SMALL), best_of=(found,)))[-1]


def test_curves_of_a_pair_are_told_with_their_common_budget():
    found = BestOf(SMALL, LARGE, 3, (), SMALL, horizon=1010)
    words = tuning_text.explained(told(tuning(SMALL), best_of=(found,)))[-1]
    assert "never as the common budget of 1,010 steps" in words


def test_a_verdict_of_before_says_that_its_budgets_were_each_cohorts_own():
    document = told(tuning(SMALL), OPEN, best_of=(BestOf(SMALL, LARGE, 3, (2,), None),))
    del document["best_of"][0]["horizon"]
    for one in document["tuning"]:
        del one["common_curves"]
    assert "never as each cohort's own budget" in tuning_text.explained(document)[-1]
    assert len(tuning_figure.draw(document)) == 1


def drawn(document: dict) -> list[tuple[int | None, list[float]]]:
    """Horizon and curve of each line of the right panel."""
    hues = {one["cohort"]: one["cohort"] for one in document["tuning"]}
    return [(one.horizon, list(one.expected)) for one in tuning_figure._curves(document, hues)]


def test_the_picture_has_pairs_cut_at_their_common_budget():
    cut = (CommonCurve(500, (390.0, 255.0, 210.0)),)
    small, large = tuning(SMALL, common_curves=cut), tuning(LARGE, common_curves=cut)
    pair = BestOf(SMALL, LARGE, 3, (), None, horizon=500)
    alone = tuning("alone")
    assert drawn(told(small, large, alone, best_of=(pair,))) == [
        (500, [390.0, 255.0, 210.0]),
        (500, [390.0, 255.0, 210.0]),
        (None, [396.7, 260.0, 210.0]),
    ]
    assert len(tuning_figure.draw(told(small, large, alone, best_of=(pair,)))) == 1


def test_a_row_a_trial():
    rows = list(csv.DictReader(io.StringIO(tuning_text.tuning_csv(told(tuning(SMALL), OPEN)))))
    assert len(rows) == 6
    assert [row["rate"] for row in rows if row["chosen"] == "True"] == ["0.01", "0.1"]
    assert {row["weight_decay"] for row in rows} == {"0.1"}


def test_the_picture_has_every_cohort():
    (picture,) = tuning_figure.draw(told(tuning(SMALL), OPEN, CARRIED))
    assert picture.name == "tuning"
    assert "0.01 for unet-2.9k" in picture.alt
    assert tuning_figure.draw(told()) == ()


def test_report_of_a_tuned_run(make_run):
    root = make_run()
    paths = RunPaths(root)
    verdict = document.from_json(paths.verdict.read_text())
    tuned = dataclasses.replace(
        verdict, tuning=(tuning(SMALL), OPEN), best_of=(BestOf(SMALL, LARGE, 3, (2,), None),)
    )
    paths.verdict.write_text(document.to_json(tuned))
    assert document.from_json(paths.verdict.read_text()) == tuned
    page = write_report(root).read_text()
    for words in ("How the learning rates were found", "the lead changes at 2 of 3 trials"):
        assert words in page
    assert (paths.tables / "tuning.csv").exists()
    assert (paths.figures / "tuning.svg").exists()
