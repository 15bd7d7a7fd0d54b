"""scripts/run race: any networks on any data, by the command line."""

import json
from pathlib import Path

import pytest
from command_line import Launch

MISTAKES = {
    "one network": (["--model=cnn", '--model_kwargs={"width": 4}'], "one network", "twice"),
    "family": (["--model=mpl", "--match_parameters=9,99"], "'mpl' is no family", "mlp"),
    "dial": (['--model_kwargs={"widht": 4}'] * 2, "no dial 'widht'", "width"),
    "no JSON": (["--model_kwargs=width=4"] * 2, "not JSON", '{"width": 16}'),
    "counts": (["--match_parameters=many,9"], "'many'", "--match_parameters=5000"),
    "unequal": (
        ["--model=mlp", "--model=cnn", *['--model_kwargs={"width": 4}'] * 3],
        "model is given 2 times for 3",
        "pass 3",
    ),
    "names": (["--names=one"], "names is one for 2", "one for each"),
    "task": (["--task=segmentating"], "'segmentating'", "package.module:function"),
    "kwargs of no task": (["--task_kwargs={}"], "task of your own", "--task="),
    "metric": (["--metric=iou"], "measured are loss, accuracy", "pass one"),
    "no target": (["--dataset=mnist"], "no target was given", "--target"),
    "loss without target": (["--metric=loss"], "value of loss", "--target"),
    "no module": (
        ["--model=nowhere_at_all:Net", "--match_parameters=9,99"],
        "no module nowhere_at_all",
        "PYTHONPATH",
    ),
    "one network twice": (
        ['--model_kwargs={"width": 4}'] * 2,
        "one network of",
        "give two that differ",
    ),
    "a model of something else": (
        ["--model=lstm", '--model_kwargs={"width": 4}', '--model_kwargs={"width": 8}'],
        "LSTMSpec is a model of text",
        "choose another",
    ),
    "own data and a set": (
        ["--task=a.b:c", "--dataset=mnist"],
        "brings its own data",
        "drop --dataset",
    ),
    "own data made harder": (
        ["--task=a.b:c", "--train_fraction=0.5"],
        "brings its own data",
        "drop --train_fraction",
    ),
    "noise on text": (
        ["--dataset=python_documentation", "--input_noise=0.5"],
        "tokens are no numbers",
        "drop --input_noise",
    ),
    "classes of numbers": (["--dataset=teacher_student", "--classes=0,1"], "no classes", "drop"),
    "foreground of no masks": (["--foreground=2"], "has no masks", "drop --foreground"),
    "dial of nothing": (["--dial=depth"], "no parameters are matched", "--match_parameters=5000"),
    "tolerance of nothing": (["--tolerance=0.1"], "no parameters are matched", "drop --tolerance"),
    "seed of no draws": (["--difficulty_seed=2"], "nothing is drawn", "--train_fraction"),
    "pairs of one order": (["--pairs", "--cross=order:8"], "same data orders", "drop --pairs"),
    "search of none": (["--tune=default", "--tune_trials=9"], "nothing is searched", "=grid"),
    "own data and a folder": (
        ["--task=a.b:c", "--data_dir=here"],
        "brings its own data",
        "drop --data_dir",
    ),
    "window of images": (["--window=9"], "reads no text", "drop --window"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_a_line(launch: Launch, name: str, tmp_path: Path) -> None:
    arguments, got, remedy = MISTAKES[name]
    line = launch("race", *arguments, f"--out={tmp_path / 'run'}").refusal
    assert got in line
    assert remedy in line
    assert not (tmp_path / "run").exists()


def test_networks_and_a_task_of_the_users_own(
    launch: Launch, tmp_path: Path, quick: dict[str, str]
) -> None:
    ended = launch(
        "race",
        "--model=tests.experiments.somebody:Net",
        '--model_kwargs={"width": 2}',
        '--model_kwargs={"width": 8}',
        "--task=tests.experiments.somebody:clouds",
        "--target=0.9",
        "--members=6",
        "--budget_steps=60",
        "--eval_every=6",
        "--learning_rate=0.05",
        f"--out={tmp_path / 'run'}",
        extra=quick,
    )
    assert ended.status == 0, ended.stderr
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())
    names = [one["name"] for one in document["cohorts"]]
    assert names == ["Net-width-2", "Net-width-8"]
    assert [one["parameters"] for one in document["cohorts"]] == [18, 66]
    assert document["contrasts"][0]["smaller"] == "Net-width-2"
    assert "tests.experiments.somebody:clouds" in ended.stdout


def test_families_of_equal_count_meet(
    launch: Launch, tmp_path: Path, quick: dict[str, str]
) -> None:
    ended = launch(
        "race",
        "--model=mlp",
        "--model=deep_linear",
        "--match_parameters=700",
        "--dataset=sklearn_wine",
        "--members=4",
        "--budget_steps=40",
        "--eval_every=4",
        f"--out={tmp_path / 'run'}",
        extra=quick,
    )
    assert ended.status == 0, ended.stderr
    assert "the 700 asked" in ended.stdout
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert {one["name"] for one in document["cohorts"]} == {"mlp", "deep-linear"}
    assert all(abs(one["parameters"] / 700 - 1) < 0.05 for one in document["cohorts"])
