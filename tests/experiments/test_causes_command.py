"""Each experiment on a cause, as a user meets it: small, from the flags to the verdict."""

import json
from pathlib import Path

import pytest
from command_line import Launch

from lab.records.reader import read_study
from lab.words import Cause

TINY = (
    "--tune=none",
    "--noseconds",
    "--lanes=2",
    "--lane_width=1",
    "--members=2",
    "--budget_steps=20",
    "--eval_every=10",
    "--target=0.1",
)
# Each: flags, the cause, the levels, and how many cohorts are trained for them. Most are of one
# program where they can be, for the time of a test is that of compiling.
EXPERIMENTS = {
    "depth": (("--depths=2,3", "--width=4"), Cause.DEPTH, ["plain", "residual"], 4),
    "optimizer": (
        ("--widths=4,8", "--optimizers=adam,lion"),
        Cause.OPTIMIZER,
        ["adam", "lion"],
        4,
    ),
    "learning_rate": (
        ("--widths=4,8", "--rates=0.001,0.1"),
        Cause.LEARNING_RATE,
        ["0.001", "0.1"],
        2,
    ),
    "initial_state": (
        ("--widths=4,8", "--starts=matched,pretrained"),
        Cause.INITIAL_STATE,
        ["matched", "pretrained"],
        4,
    ),
    "difficulty": (
        ("--widths=4,8", "--fractions=", "--noises=0.2", "--numbers_of_classes=3"),
        Cause.DIFFICULTY,
        ["as it is", "0.2 of the labels wrong", "3 classes"],
        6,
    ),
    "same_count": (
        ("--families=mlp,mlp", '--dials={"depth": 1}', '--dials={"depth": 3}', "--parameters=900"),
        Cause.ARCHITECTURE,
        None,
        2,
    ),
    "regularization": (
        ("--widths=4,8", "--dropouts=0.2", "--decays=0.01,0.1", "--window=8", "--target=9"),
        Cause.REGULARIZATION,
        ["dropout 0.2 with decay 0.01", "dropout 0.2 with decay 0.1"],
        4,
    ),
}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_ends_in_a_verdict_for_each_of_its_levels(
    launch: Launch, quick: dict[str, str], tmp_path: Path, experiment: str
) -> None:
    flags, cause, levels, cohorts = EXPERIMENTS[experiment]
    ended = launch(experiment, *TINY, *flags, f"--out={tmp_path / 'run'}", extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    study = read_study(tmp_path / "run")
    assert study.cause is cause
    assert len(study.cohorts) == cohorts
    verdict = json.loads((tmp_path / "run/verdict.json").read_text())
    told = list(dict.fromkeys(one["level"] for one in verdict["contrasts"]))
    assert levels is None or told == levels
    assert study.baseline == ("" if cause is Cause.ARCHITECTURE else told[0])
    assert verdict["answer"] in " ".join(ended.stdout.split())
    assert len({one.seed for one in study.cohorts}) == len(study.cohorts)


MISTAKES = {
    "one width": ("optimizer", ["--widths=8"], "8", "two or more"),
    "no such optimizer": ("optimizer", ["--optimizers=eva"], "eva", "adam"),
    "an optimizer twice": ("optimizer", ["--optimizers=sgd,sgd"], "sgd", "once"),
    "a rate for all": ("optimizer", ["--learning_rate=0.1"], "learning_rate", "drop"),
    "rates of words": ("learning_rate", ["--rates=slow,fast"], "'slow,fast'", "--rates="),
    "one rate": ("learning_rate", ["--rates=0.1"], "0.1", "two or more"),
    "looks at rates": ("learning_rate", ["--sequential"], "sequential", "drop"),
    "depths falling": ("depth", ["--depths=8,2"], "8,2", "2,8"),
    "skips over nothing": ("depth", ["--depths=1,2"], "skips", "depth"),
    "no such start": ("initial_state", ["--starts=lucky"], "lucky", "family"),
    "a start of all": ("initial_state", ["--init=he"], "init", "drop --init"),
    "a rate of none": (
        "learning_rate",
        ["--tune=none", "--learning_rate=0.1"],
        "learning_rate",
        "drop --learning_rate",
    ),
    "part of the crossings": ("initial_state", ["--members=48"], "64", "--members=64"),
    "frozen in all": ("initial_state", ["--frozen=Dense_0"], "frozen", "drop --frozen"),
    "no setting": ("regularization", ["--dropouts="], "dropouts", "--dropouts=0,0.1"),
    "no text": ("regularization", ["--fractions="], "fractions is empty", "--fractions=0.1"),
    "one setting": ("regularization", ["--dropouts=0", "--decays=0.1"], "0.1", "two settings"),
    "no examples": ("difficulty", ["--fractions=0"], "0.0", "train_fraction"),
    "a fraction of all": ("difficulty", ["--train_fraction=0.5"], "train_fraction", "drop"),
    "one family": ("same_count", ["--families=mlp"], "mlp", "two or more"),
    "dials of fewer": ("same_count", ["--dials={}"], "1 times for 4", "once for"),
    "dropout of all": ("regularization", ["--dropout=0.1"], "dropout", "drop --dropout"),
    "classes before nothing": (
        "initial_state",
        ["--starts=family,orthogonal", "--classes_before=0,1"],
        "no start is from trained weights",
        "add pretrained",
    ),
    "a fraction twice": ("difficulty", ["--fractions=0.1,0.10"], "0.1,0.10", "each once"),
    "half a class": ("difficulty", ["--numbers_of_classes=2.5"], "'2.5'", "whole numbers"),
    "half a class of all": ("initial_state", ["--classes_after=5.5"], "'5.5'", "whole numbers"),
    "a folder of a table": ("_families", [], "out is given", "drop --out"),
    "too much dropout": ("regularization", ["--dropouts=0,1"], "1.0", "dropout"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(launch: Launch, tmp_path: Path, mistake: str) -> None:
    experiment, arguments, got, remedy = MISTAKES[mistake]
    refusal = launch(experiment, *arguments, f"--out={tmp_path / 'run'}").refusal
    assert got in refusal
    assert remedy in refusal
    assert not list(tmp_path.rglob("*.parquet"))
