import csv
import dataclasses
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import cohort, study

from lab.quantities import flops, percent
from lab.records.paths import RunPaths
from lab.records.reader import read_records, read_study
from lab.records.store import read_environment, read_json
from lab.reports import formatting, tables, text
from lab.specs import DataSpec, SGDSpec
from lab.statistics.quantiles import QuantileTime
from lab.words import Task


@pytest.fixture(scope="module")
def told(run):
    return read_study(run), read_records(run), read_json(RunPaths(run).verdict)


def test_opening_declares_everything(run, told):
    opening = text.opening(told[0], read_environment(RunPaths(run))["cohorts"])
    for word in (
        "Do smaller U-Nets converge faster?",
        "digits_on_photographs",
        "IoU 0.6 or more",
        "2 evaluations in a row",
        "600 steps",
        "until step 590",
        "every 10 steps of 8 examples",
        "2,904 parameters",
        "2.1 MFLOPs a step",
        "16 members",
        "Adam, rate 0.003",
        "seed 8",
        "unet-2.9k against unet-5k",
        "0.075",
        "shares are compared at about 10, 20, 35, 50, 70 and 100% of the time compared",
    ):
        assert word in " ".join(opening.split())
    assert max(map(len, opening.splitlines())) <= 100


def test_opening_tells_groups_apart():
    other = cohort("b", data=DataSpec("mnist", Task.SEGMENTATION), optimizer=SGDSpec(0.1))
    plain = study(cohort("a"), question="?")
    one = type(plain)(question="?", cohorts=(cohort("a"), other), contrasts=())
    opening = text.opening(one, {})
    assert "a: digits_on_photographs" in opening
    assert "b: mnist" in opening
    assert "SGD, rate 0.1, momentum 0.9" in opening


def test_plan_names_the_splits_that_were_read():
    plain = DataSpec("mnist", Task.SEGMENTATION)
    split = dataclasses.replace(plain, train_split="train[:85%]", validation_split="train[85%:]")
    told = dict(text.plan(cohort(data=split)))["Data"]
    assert "trained on train[:85%], measured on train[85%:]" in told
    assert "train[85%:]" not in dict(text.plan(cohort(data=plain)))["Data"]


def test_examples_repeat_no_sentence():
    told = [{"sentence": "One. Two.", "modifiers": [word]} for word in ("sparse", "same as steps")]
    repeated = {"sentence": "Again.", "modifiers": ["same hypothesis as steps"]}
    assert text.sentences([*told, repeated]) == [("One.", "Two.")] * 2


def test_closing_gives_answer_and_tables(told):
    closing = text.closing(*told)
    assert closing.startswith(told[2]["answer"][:40])
    for word in ("not by budget", "smaller first", "time ratio", "FLOPs", "examples", "In steps,"):
        assert word in closing
    assert "not finished" not in closing
    assert max(map(len, closing.splitlines())) <= 100


def test_unfinished_run_says_so(make_run):
    run = make_run(keep=5)
    closing = text.closing(read_study(run), read_records(run), read_json(RunPaths(run).verdict))
    assert "only 5 of 16 of unet-2.9k and 5 of 16 of unet-5k have ended" in " ".join(
        closing.split()
    )


def test_tables_agree_with_the_document(told):
    document = told[2]
    cohorts = list(csv.DictReader(io.StringIO(tables.cohorts_csv(document))))
    for row, one in zip(cohorts, document["cohorts"], strict=True):
        assert row["name"] == one["name"]
        assert int(row["reached"]) == one["reached"]
        assert int(row["reached"]) + int(row["diverged"]) + int(row["exhausted"]) == 16
    contrasts = list(csv.DictReader(io.StringIO(tables.contrasts_csv(document))))
    for row, one in zip(contrasts, document["contrasts"], strict=True):
        assert float(row["win_probability"]) == one["win_probability"]["estimate"]
        assert float(row["rmst_ratio_upper"]) == one["rmst_ratio"]["upper"]
        assert row["modifiers"].split("; ") == one["modifiers"]


def test_medians_of_the_table_are_those_of_the_verdict(told):
    _, records, document = told
    shown = tables.cohort_table(document, records).rows
    for row, one in zip(shown, document["cohorts"], strict=True):
        median = one["median_steps"]
        assert row[-1].startswith("beyond" if median is None else f"{median:,.0f} (")


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(words, words), max_size=5))
def test_any_words_survive_a_csv(names):
    document = {
        "contrasts": [
            {"smaller": a, "larger": b, "clock": "steps", "target": 0.5, "horizon": 1.0}
            | {"members": 3, "verdict": "undecided", "modifiers": [b]}
            for a, b in names
        ]
    }
    rows = list(csv.DictReader(io.StringIO(tables.contrasts_csv(document), newline="")))
    assert [(row["smaller"], row["larger"]) for row in rows] == names


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(words, st.integers(0, 10**9)), max_size=6))
def test_columns_are_aligned(rows):
    table = tables.Table(
        ("name", "count"),
        tuple((name.replace("\u2028", ""), f"{count:,}") for name, count in rows),
        frozenset({1}),
    )
    lines = table.text().split("\n")
    assert len(lines) == len(rows) + 1
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0.0, "0%"), (0.001, "<1%"), (0.5, "50%"), (0.999, ">99%"), (1.0, "100%")],
)
def test_percent_never_rounds_to_certainty(number, shown):
    assert percent(number) == shown


@pytest.mark.parametrize(
    ("estimate", "lower", "upper", "shown"),
    [
        (28.0, 22.0, 32.0, "280 (220 to 320)"),
        (50.0, 43.0, None, "500 (430 to beyond 590)"),
        (None, 43.0, None, "beyond 590 (from 430)"),
        (None, None, None, "beyond 590"),
    ],
)
def test_medians_that_were_not_reached(estimate, lower, upper, shown):
    time = QuantileTime(0.5, estimate, lower, upper, 0.95)
    assert formatting.median(time, 10, 59) == shown


@pytest.mark.parametrize(("number", "shown"), [(12.0, "12 FLOPs"), (1.239e9, "1.24 GFLOPs")])
def test_flops(number, shown):
    assert flops(number) == shown


def test_missing_estimates_are_dashes():
    assert formatting.share(None) == formatting.ratio({"estimate": None}) == "–"
