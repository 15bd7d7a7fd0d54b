import csv
import dataclasses
import io
import json
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import cohort, realistic, study
from made_up import tables as tables_of

from lab.quantities import flops, in_turn, percent
from lab.records.environment import read_environment
from lab.records.paths import RunPaths
from lab.records.reader import cohort_records, read_records, read_study
from lab.records.store import read_json
from lab.reports import captions, explanations, formatting, recipes, tables, text
from lab.reports.figures import draw_all
from lab.specs import (
    CosineSchedule,
    DataSpec,
    DifficultySpec,
    LionSpec,
    MLPSpec,
    OptimizerSpec,
    RecipeSpec,
    SeedsSpec,
    SGDSpec,
    TargetSpec,
    TextSpec,
    UNetSpec,
    Varied,
)
from lab.statistics.quantiles import QuantileTime
from lab.verdicts.document import to_json
from lab.verdicts.judge import judge
from lab.words import Clock, Hyperparameter, Metric, Precision, Residence, Rule, Task


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


def test_opening_says_what_varies_and_all_that_is_done():
    varied = cohort(
        "v",
        model=MLPSpec(8),
        data=DataSpec("mnist", Task.CLASSIFICATION),
        target=TargetSpec(Metric.ACCURACY, (0.5,), smoothing=3),
        optimizer=LionSpec(0.1),
        recipe=RecipeSpec(CosineSchedule(90), warmup_steps=5, dropout=0.5),
        vary=(
            Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.2, 0.3)),
            Varied(Hyperparameter.LABEL_SMOOTHING, (0.0, 0.1)),
        ),
        divergence_factor=10.0,
        precision=Precision.BFLOAT16,
    )
    opening = " ".join(text.opening(study(varied), {}).split())
    for word in (
        "Lion, rate 0.1, 0.2 and 0.3 in turn over the members, warm-up steps 5, dropout 0.5, "
        "label smoothing 0 and 0.1 in turn over the members",
        "down a cosine to 0 of itself at step 90",
        "bfloat16",
        "above 10 times the first batch's loss",
        "each evaluation counts as the mean of the last 3",
    ):
        assert word in opening


@pytest.mark.parametrize("spec", typing.get_args(OptimizerSpec))
def test_every_optimizer_has_a_name(spec):
    assert recipes.recipe(cohort(model=MLPSpec(4), optimizer=spec(0.25))).endswith(
        "rate 0.25"
    ) or "rate 0.25," in (recipes.recipe(cohort(model=MLPSpec(4), optimizer=spec(0.25))))


def test_many_values_are_told_by_their_range():
    assert in_turn(tuple(i / 100 for i in range(1, 11))) == (
        "0.01 to 0.1 (10 values in turn over the members)"
    )


def test_a_plateau_is_told_as_one():
    """In the plan, the verdict, the captions and the limits; nowhere as a level."""
    target = TargetSpec(Metric.IOU, (0.2, 0.05), sustain=3, rule=Rule.PLATEAU)
    plain = {"target": target, "members": 16, "budget_steps": 600}
    one = study(cohort("a", **plain), cohort("b", model=UNetSpec(width=0.35), seed=8, **plain))
    records = {
        spec.name: cohort_records(spec, 2900, 1e6, *tables_of(spec, realistic(spec, speed, 0.7)))
        for spec, speed in zip(one.cohorts, (260, 190), strict=True)
    }
    document = json.loads(to_json(judge(one.comparison, records)))
    goal = "a plateau (IoU within 0.05 of a member's own best)"
    assert goal in " ".join(text.opening(one, {}).split())
    closing = " ".join(text.closing(records, document, text.incomplete_line(one, records)).split())
    assert f"{goal} first" in closing
    sentence = document["contrasts"][1]["sentence"]
    assert "A plateau is 3 evaluations in a row within the tolerance" in sentence
    assert "or more" not in captions.incidence(list(records.values()), [Clock.STEPS]).caption
    assert "dot" not in captions.fan(list(records.values()), 5).caption
    assert any("stopped improving" in limit for limit in explanations.limits(one, document))
    (_, fan) = draw_all(records, (Clock.STEPS,))
    assert "best IoU so far" in fan.svg.decode()
    assert "target" not in fan.svg.decode()


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
    closing = text.closing(*told[1:])
    assert closing.startswith(told[2]["answer"][:40])
    for word in ("not by budget", "smaller first", "time ratio", "FLOPs", "examples", "In steps,"):
        assert word in closing
    assert "not finished" not in closing
    assert max(map(len, closing.splitlines())) <= 100


def test_one_data_order_is_told_before_and_after(told):
    asked, records, document = told
    data = dataclasses.replace(asked.cohorts[0].data, residence=Residence.STREAM)
    shared = [
        dataclasses.replace(one, data=data, seed=8, seeds=SeedsSpec(order=1))
        for one in asked.cohorts
    ]
    streamed = dataclasses.replace(asked, cohorts=tuple(shared))
    said = "streamed: all see them in one order"
    assert said in " ".join(text.opening(streamed, {}).split())
    assert said not in " ".join(text.opening(asked, {}).split())
    marked = [one | {"modifiers": ["one data order"]} for one in document["contrasts"]]
    closing = " ".join(text.closing(records, document | {"contrasts": marked}).split())
    assert "All members saw the data in one order" in closing
    assert "in one order" not in text.closing(records, document)


def test_unfinished_run_says_so(make_run):
    run = make_run(keep=5)
    records = read_records(run)
    unfinished = text.incomplete_line(read_study(run), records)
    closing = text.closing(records, read_json(RunPaths(run).verdict), unfinished)
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
        (280.0, 220.0, 320.0, "280 (220 to 320)"),
        (500.0, 430.0, None, "500 (430 to beyond 590)"),
        (None, 430.0, None, "beyond 590 (from 430)"),
        (None, None, None, "beyond 590"),
    ],
)
def test_medians_that_were_not_reached(estimate, lower, upper, shown):
    time = QuantileTime(0.5, estimate, lower, upper, 0.95)
    assert formatting.median(time, 590) == shown


@pytest.mark.parametrize(("number", "shown"), [(12.0, "12 FLOPs"), (1.239e9, "1.24 GFLOPs")])
def test_flops(number, shown):
    assert flops(number) == shown


def test_missing_estimates_are_dashes():
    assert formatting.share(None) == formatting.ratio({"estimate": None}) == "–"


def test_what_was_made_of_the_data_is_declared() -> None:
    hard = DataSpec(
        "sklearn_digits",
        Task.CLASSIFICATION,
        difficulty=DifficultySpec(train_fraction=0.1, label_noise=0.2),
    )
    target = TargetSpec(Metric.LOSS, (0.5,))
    plain = dataclasses.replace(cohort("a"), data=hard, target=target, train_share=0.5)
    declared = dict(text.plan(plain))["Data"]
    assert "10% of the training examples; 20% of the training labels wrong" in declared
    assert "each member on 50% of the training examples" in text.cohort_line(plain, {})
    prose = DataSpec("python_documentation", Task.LANGUAGE, text=TextSpec(window=32))
    told = dict(text.plan(dataclasses.replace(plain, data=prose)))["Data"]
    assert "characters in windows of 32" in told
