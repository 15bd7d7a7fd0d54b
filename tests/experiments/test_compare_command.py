"""scripts/compare as a user calls it: files of many kinds in, a verdict or one line out."""

import dataclasses
import json
import os
import subprocess
import sys
from fractions import Fraction

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from lab.records.imported.detection import first_hits
from lab.records.store import RunFolder
from lab.specs import Margins, TargetSpec
from lab.statistics.tables import tabulate
from lab.statistics.times import ClockTimes, Times, common_horizon
from lab.statistics.win import certain_win
from lab.words import Metric

EVERY, EVALUATIONS, RUNS = 20, 30, 24
ASK = ("--metric=accuracy", "--target=0.8", "--smaller=small")


def compare(tmp_path, *arguments, out="result"):
    command = [sys.executable, "-m", "experiments._compare", *map(str, arguments)]
    return subprocess.run(
        [*command, f"--out={tmp_path / out}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def verdict(tmp_path, out="result"):
    return json.loads((tmp_path / out / "verdict.json").read_text())


def curves(centre, seed):
    """Accuracies [runs, evaluations] that saturate, each at its own pace."""
    generator = np.random.default_rng(seed)
    pace = centre * np.exp(generator.normal(0, 0.4, RUNS))
    rise = 1 - np.exp(-np.arange(1, EVALUATIONS + 1) / pace[:, None])
    return np.round(rise, 5)


CURVES = {"small": curves(6.0, 1), "large": curves(3.0, 2)}


def rows(changes=None):
    """Long form, a list a column."""
    found = {"cohort": [], "run": [], "step": [], "accuracy": []}
    for name, values in CURVES.items():
        for run, curve in enumerate(values):
            for index, value in enumerate(curve):
                found["cohort"].append(name)
                found["run"].append(f"r{run}")
                found["step"].append(str(EVERY * (index + 1)))
                found["accuracy"].append(str(value))
    for row, column, value in changes or ():
        found[column][row - 2] = value  # Rows as a spreadsheet counts: the header is 1.
    return found


def write(tmp_path, name="curves.csv", changes=None, drop=(), **renamed):
    table = pa.table(rows(changes))
    table = table.take([i for i in range(len(table)) if i + 2 not in drop])
    table = table.rename_columns([renamed.get(one, one) for one in table.column_names])
    pa.csv.write_csv(table, tmp_path / name, pa.csv.WriteOptions(quoting_style="none"))
    return tmp_path / name


def contrast(tmp_path, out="result"):
    (one,) = [each for each in verdict(tmp_path, out)["contrasts"] if each["clock"] == "steps"]
    return one


def by_definition():
    """Win probability in plain loops over all pairs, from the definition of a hit."""
    last = EVALUATIONS - 1
    times = {
        name: [
            next((e for e in range(last) if curve[e] >= 0.8 and curve[e + 1] >= 0.8), last)
            for curve in values
        ]
        for name, values in CURVES.items()
    }
    score = [(a < b) + (a == b) / 2 for a in times["small"] for b in times["large"]]
    return float(np.mean(score))


def test_csv_in_long_form(tmp_path):
    done = compare(tmp_path, write(tmp_path), *ASK)
    assert done.returncode == 0, done.stderr
    found = contrast(tmp_path)
    assert found["win_probability"]["estimate"] == pytest.approx(by_definition(), abs=1e-12)
    assert found["verdict"] == "larger faster"
    assert "trained elsewhere" in found["modifiers"]
    assert "no claim about size in general" in " ".join(done.stdout.split())
    made = {str(one.relative_to(tmp_path / "result")) for one in (tmp_path / "result").rglob("*.*")}
    assert made >= {
        "verdict.json",
        "tables/cohorts.csv",
        "tables/cohorts.md",
        "tables/cohorts.tex",
        "tables/contrasts.csv",
        "tables/small-large.md",
        "tables/small-large.tex",
        "figures/incidence.svg",
        "figures/fan.png",
    }


@pytest.mark.parametrize("kind", ["parquet", "shuffled", "renamed", "repeated", "mapped"])
def test_same_curves_in_other_dress_get_the_same_verdict(tmp_path, kind):
    assert compare(tmp_path, write(tmp_path), *ASK, out="plain").returncode == 0
    extra = ()
    if kind == "parquet":
        columns = rows()
        columns |= {name: np.array(columns[name], float) for name in ("step", "accuracy")}
        pa.parquet.write_table(pa.table(columns), tmp_path / "other.parquet")
        inputs = tmp_path / "other.parquet"
    elif kind == "shuffled":
        table = pa.csv.read_csv(tmp_path / "curves.csv")
        order = np.random.default_rng(0).permutation(len(table))
        inputs = tmp_path / "other.csv"
        pa.csv.write_csv(table.take(order), inputs)
    elif kind == "renamed":
        inputs = write(tmp_path, "other.csv", step="_step", cohort="group", run="name")
    elif kind == "mapped":
        inputs = write(tmp_path, "other.csv", step="iteration", cohort="net")
        extra = ("--columns=step=iteration,cohort=net",)
    else:
        text = (tmp_path / "curves.csv").read_text()
        inputs = tmp_path / "other.csv"
        inputs.write_text(text + text.split("\n", 1)[1])
    done = compare(tmp_path, inputs, *ASK, *extra, out="other")
    assert done.returncode == 0, done.stderr
    assert verdict(tmp_path, "other") == verdict(tmp_path, "plain")


def test_exports_of_tensorboard_and_of_weights_and_biases(tmp_path):
    for name, values in CURVES.items():
        wide = {"Step": [EVERY * (i + 1) for i in range(EVALUATIONS)]}
        for run, curve in enumerate(values):
            wide[f"r{run} - accuracy"] = curve
            wide[f"r{run} - accuracy__MIN"] = curve - 1
            board = {"Wall time": np.arange(EVALUATIONS) / 7, "Step": wide["Step"], "Value": curve}
            pa.csv.write_csv(pa.table(board), tmp_path / f"{name}-r{run}.csv")
        pa.csv.write_csv(pa.table(wide), tmp_path / f"wandb_{name}.csv")
    assert compare(tmp_path, write(tmp_path), *ASK, out="plain").returncode == 0
    for out, pattern in (("board", "{}-r*.csv"), ("wandb", "wandb_{}.csv")):
        inputs = [f"{name}={tmp_path / pattern.format(name)}" for name in CURVES]
        done = compare(tmp_path, *inputs, *ASK, out=out)
        assert done.returncode == 0, done.stderr
        assert verdict(tmp_path, out)["contrasts"] == verdict(tmp_path, "plain")["contrasts"]


def test_names_of_cohorts_lead_nowhere(tmp_path):
    columns = rows()
    columns["cohort"] = [one.replace("large", "../a/b") for one in columns["cohort"]]
    pa.csv.write_csv(pa.table(columns), tmp_path / "slash.csv")
    done = compare(tmp_path, tmp_path / "slash.csv", *ASK)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result" / "tables" / "small-.._a_b.md").is_file()


def test_diverged_run_counts_as_never(tmp_path):
    row = 2 + 5 * EVALUATIONS + 1  # Early in run r5 of small.
    inputs = write(tmp_path, changes=[(row, "accuracy", "nan")])
    done = compare(tmp_path, inputs, *ASK)
    assert done.returncode == 0, done.stderr
    (small,) = [one for one in verdict(tmp_path)["cohorts"] if one["name"] == "small"]
    assert (small["members"], small["diverged"]) == (RUNS, 1)
    assert contrast(tmp_path)["members"] == RUNS


def settled_sides(small, large):
    """Times of CURVES, all of whose runs get there, where a step costs so much, a whole number."""
    target, sides = TargetSpec(Metric.ACCURACY, (0.8,)), []
    for name, cost in (("small", small), ("large", large)):
        hit, reached = first_hits(CURVES[name], target, np.float64)
        assert reached.all()
        last = int(hit.max())
        steps = np.arange(1, last + 1) * EVERY
        times = Times(hit[:, 0], reached[:, 0], last)
        sides.append(ClockTimes(times, steps, Fraction(cost), open_ended=True))
    return sides


def test_sizes_and_costs_open_more_clocks(tmp_path):
    costs = ("--flops_per_step=small:0.1,large:0.3", "--batch_size=small:8,large:8")
    sizes = "--parameters=small:100,large:400"
    done = compare(tmp_path, write(tmp_path), *ASK[:2], *costs, sizes)
    assert done.returncode == 0, done.stderr
    clocks = {one["clock"]: one for one in verdict(tmp_path)["contrasts"]}
    assert set(clocks) == {"steps", "examples", "flops"}
    sides = settled_sides(1, 3)
    horizon = common_horizon(*sides)
    # All runs of both get there: they are compared up to the last one's hit.
    assert horizon == max(one.steps().max() * one.cost for one in sides)
    assert clocks["flops"]["horizon"] == pytest.approx(float(horizon) / 10)
    wanted = certain_win(tabulate(*sides, horizon), 1 - Margins().alpha_win)
    assert clocks["flops"]["win_probability"] == dataclasses.asdict(wanted)
    assert {one["parameters"] for one in verdict(tmp_path)["cohorts"]} == {100, 400}


@pytest.mark.parametrize("short", ["censor", "never", "horizon", "refuse"])
def test_run_that_ends_early_is_what_it_is_said_to_be(tmp_path, short):
    start = 2 + 3 * EVALUATIONS  # Run r3 of small, left with its first 4 evaluations.
    inputs = write(tmp_path, drop=range(start + 4, start + EVALUATIONS))
    done = compare(tmp_path, inputs, *ASK, *([] if short == "censor" else [f"--short={short}"]))
    if short == "refuse":
        assert done.returncode == 2
        assert "run 'r3' of cohort 'small' ends at step 80" in done.stderr
        assert "--short=never" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "note: small:" in done.stdout
    target = TargetSpec(Metric.ACCURACY, (0.8,))
    settled = EVERY * max(
        int(first_hits(one, target, np.float64)[0].max()) for one in CURVES.values()
    )
    found = contrast(tmp_path)
    assert found["horizon"] == {"censor": settled, "never": settled, "horizon": 80 - EVERY}[short]
    (small,) = [one for one in verdict(tmp_path)["cohorts"] if one["name"] == "small"]
    assert small["stopped"] == (1 if short == "censor" else 0)
    assert ("runs stopped early" in found["modifiers"]) == (short == "censor")
    if short == "censor":
        assert found["follow_up"]["stopped_smaller"] == 1
        assert "stopped early" in done.stdout
        assert "assumes that they were stopped for reasons" in found["sentence"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(9, "step", "12x")], "row 9: step is '12x'; it must be a number"),
        ([(9, "step", "-20")], "row 9: step is '-20'; it must be a whole number"),
        ([(9, "step", "2.5")], "row 9: step is '2.5'; it must be a whole number"),
        ([(9, "accuracy", "good")], "row 9: accuracy is 'good'; it must be a number"),
        ([(9, "run", "")], "row 9: run is empty; name the run"),
        ([(9, "cohort", "")], "row 9: cohort is empty; name the cohort"),
        ([(9, "step", "140")], "two values at step 140; keep one"),
        ([(9, "step", "165")], "--grid=common"),
        ([(9, "step", "1e300")], "row 9: step is '1e300'; it must be a whole number"),
        ([(2, "step", "0"), (3, "step", "20")], "--grid=common"),
    ],
)
def test_malformed_row_is_named(tmp_path, changes, words):
    done = compare(tmp_path, write(tmp_path, changes=changes), *ASK)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to compare"),
        (("nowhere.csv",), "there is no nowhere.csv"),
        (("curves.csv", "--metric=f1", "--target=0.8"), "--direction=maximize"),
        (("curves.csv", "--metric=accuracy"), "no target was given"),
        (("curves.csv", "--target=0.8"), "no metric was given"),
        (("curves.csv", *ASK[:2]), "--smaller=NAME"),
        (("curves.csv", *ASK[:2], "--smaller=tiny"), "the cohorts are large, small"),
        (("curves.csv", "--metric=accuracy", "--target=1.5"), "cannot be taken by accuracy"),
        (("curves.csv", *ASK, "--direction=minimize"), "drop --direction"),
        (("curves.csv", "--metric=loss", "--target=0.8"), "has no column 'loss'"),
        (("empty.csv", *ASK), "cannot be read"),
        (("header.csv", *ASK), "holds no value of 'accuracy'"),
        (("single.csv", *ASK), "the target takes 2 in a row"),
        (("curves.csv", *ASK, "--parameters=small:9,large:4"), "more than its 9 parameters"),
        (("bytes.csv", *ASK), "not UTF-8"),
        (("bytes.parquet", *ASK), "cannot be read"),
        (("curves.csv", *ASK, "--parameters=small"), "must be NAME:VALUE"),
        (("curves.csv", *ASK, "--budget=10"), "has no evaluation that counts"),
        (("curves.csv", *ASK, "--flops_per_step=small:0,large:9"), "a number above 0"),
        (("curves.csv", *ASK, "--flops_per_step=small:1e-300,large:1e300"), "(1e-30 to 1e+30,"),
        (("curves.csv", *ASK, "--batch_size=small:9,large:" + 400 * "9"), "at most 1e+15"),
        (("curves.csv", *ASK, "--flops_per_step=small:3,larg:9"), "flops_per_step names 'larg'"),
        (("curves.csv", *ASK, "--columns=metric=acc"), "it can name cohort, run, step"),
        (("semicolons.csv", *ASK), "separated by commas"),
        (("sizes.csv", *ASK), "row 2: parameters is '10.5'; it must be a whole number"),
    ],
)
def test_mistake_ends_in_one_line(tmp_path, arguments, words):
    write(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("cohort,run,step,accuracy\n")
    (tmp_path / "single.csv").write_text(
        "cohort,run,step,accuracy\nsmall,a,10,0.9\nlarge,b,10,0.9\n"
    )
    (tmp_path / "semicolons.csv").write_text("cohort;run;step;accuracy\nsmall;a;10;0.9\n")
    (tmp_path / "sizes.csv").write_text(
        "cohort,run,step,accuracy,parameters\nsmall,a,10,0.9,10.5\nlarge,b,10,0.9,20\n"
    )
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00,b\n1,2\n")
    (tmp_path / "bytes.parquet").write_bytes(b"no parquet")
    done = compare(tmp_path, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_who_goes_away_costs_nothing_but_the_words(tmp_path):
    """As behind `| head`; and columns whose names have blanks around them are found."""
    inputs = write(tmp_path, cohort=" cohort", accuracy=" accuracy ")
    command = [sys.executable, "-m", "experiments._compare", str(inputs), *ASK]
    gone, nobody = os.pipe()
    os.close(gone)
    done = subprocess.run(
        [*command, f"--out={tmp_path / 'result'}"],
        stdout=nobody,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(nobody)
    assert (done.returncode, done.stderr) == (0, "")
    assert contrast(tmp_path)["verdict"] == "larger faster"


def test_cohorts_that_were_looked_at_unequally_often_are_noted(tmp_path):
    inputs = write(tmp_path)
    lines = inputs.read_text().splitlines()
    every_other = [
        line
        for line in lines
        if not line.startswith("large") or int(line.split(",")[2]) % (2 * EVERY) == 0
    ]
    inputs.write_text("\n".join(every_other) + "\n")
    done = compare(tmp_path, inputs, *ASK)
    assert done.returncode == 0, done.stderr
    assert "note: large, small were not evaluated at the same steps" in done.stdout
    found = contrast(tmp_path)["win_probability"]
    assert found["lowest"] < found["estimate"] <= found["highest"]


def test_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "thesis.tex").write_text("mine")
    done = compare(tmp_path, write(tmp_path), *ASK)
    assert done.returncode == 2
    assert "holds other things" in done.stderr
    assert [one.name for one in (tmp_path / "result").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("flag", ["--direction=maximize", "--sustain=3"])
def test_a_flag_that_would_do_nothing_to_a_run_is_refused(tmp_path, flag):
    """Without --target the run keeps its own, with its sustain and its smoothing."""
    with RunFolder.open(tmp_path / "run", made_up.study()):
        pass
    done = compare(tmp_path, "run", flag)
    name = flag.partition("=")[0]
    assert done.returncode == 2
    assert f"drop {name}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_direction_of_a_metric_that_the_run_has_is_refused(tmp_path):
    with RunFolder.open(tmp_path / "run", made_up.study()):
        pass
    done = compare(tmp_path, "run", "--target=0.5", "--direction=minimize")
    assert done.returncode == 2
    assert "the metric is iou, as the run has it: drop --direction" in done.stderr
