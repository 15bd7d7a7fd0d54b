"""`scripts/layers`, as a user meets it: forked from one process that has imported it all."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import Ended
from made_up import cohort, study

from lab.records.store import RunFolder
from lab.specs import DataSpec, MLPSpec, OwnTaskSpec, TargetSpec
from lab.words import Metric, Task

ROOT = Path(__file__).resolve().parents[2]
FORKER = """
import json, os, sys, tempfile
from experiments import _layers
from experiments._analysis import run_analysis
for line in sys.stdin:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
            sys.argv[1:] = json.loads(line)
            status = 1
            try:
                run_analysis(_layers.main)
            except SystemExit as end:
                status = end.code or 0
            except BaseException:
                import traceback
                traceback.print_exc()
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0), err.seek(0)
        print(json.dumps([status, out.read().decode(), err.read().decode()]), flush=True)
"""
Layers = Callable[..., Ended]


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layers]:
    folder = tmp_path_factory.mktemp("layers") / "tfds"
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TFDS_DATA_DIR": str(folder)},
    )

    def once(*arguments: str) -> Ended:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        return Ended(*json.loads(process.stdout.readline()))

    yield once
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


DIGITS = ("--inputs=8x8x1", "--outputs=10")
MLP = ("--model=mlp", '--model_kwargs={"width": 8}')


def test_a_table_for_a_reader(layers: Layers) -> None:
    ended = layers(*MLP, *DIGITS, "--batch_size=4")
    assert ended.status == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == 'mlp {"width": 8}: 8x8x1 to 10'
    assert lines[2].split() == ["layer", "kind", "output", "parameters", "FLOPs", "share"]
    assert lines[4].split() == ["Dense_0", "Dense", "8", "520", "1,032", "76%"]
    assert ["total", "682", "1,354"] in [line.split() for line in lines]
    assert "a multiply-add is 2" in ended.stdout
    assert "A training step on 4 examples: 11.9 kFLOPs" in ended.stdout


def test_a_table_for_a_spreadsheet_and_one_for_a_page(layers: Layers) -> None:
    ended = layers(*MLP, *DIGITS, "--csv")
    rows = list(csv.DictReader(ended.stdout.splitlines()))
    assert [row["layer"] for row in rows] == ["", "Dense_0", "Dense_1", "Dense_2"]
    assert sum(int(row["parameters"]) for row in rows) == 682
    assert sum(int(row["flops"]) for row in rows) == 1354
    page = layers(*MLP, *DIGITS, "--markdown").stdout.splitlines()
    assert page[0] == "| layer | kind | output | parameters | FLOPs | share |"
    assert page[-1] == "| total |  |  | 682 | 1,354 |  |"


def test_a_dial_is_turned_to_a_count_and_how_near_is_said(layers: Layers) -> None:
    ended = layers("--model=mlp", *DIGITS, "--match_parameters=5000")
    assert ended.stdout.startswith('mlp {"width": 42}: 8x8x1 to 10\n4,966 parameters')
    assert "0.68% fewer than the 5,000 asked" in ended.stdout
    deeper = layers(*MLP, *DIGITS, "--match_parameters=682", "--dial=depth")
    assert "682 parameters, as asked" in deeper.stdout
    pixels = layers(
        "--model=unet", "--inputs=16x16x3", "--task=segmentation", "--match_parameters=830"
    )
    assert "828 parameters, 0.24% fewer than the 830 asked" in pixels.stdout


def test_a_text_and_a_data_set(layers: Layers) -> None:
    text = layers(
        "--model=transformer",
        '--model_kwargs={"width": 8, "depth": 1, "heads": 2}',
        "--inputs=6",
        "--outputs=20",
        "--task=language",
    )
    assert text.stdout.splitlines()[0].endswith("6 to 6x20")
    ended = layers("--model=cnn", '--model_kwargs={"width": 4}', "--dataset=sklearn_digits")
    assert ended.status == 0, ended.stderr
    assert ended.stdout.splitlines()[0].endswith("8x8x1 to 10")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run") / "run"
    plain = {
        "data": DataSpec("sklearn_digits", Task.CLASSIFICATION),
        "target": TargetSpec(Metric.ACCURACY, (0.5,)),
    }
    specs = [
        cohort(name, model=MLPSpec(width), **plain) for name, width in (("small", 4), ("large", 8))
    ]
    costs = {one.name: {"parameters": 9, "flops_per_step": 1.5e6, "lanes": 4} for one in specs}
    with RunFolder.open(root, study(*specs)) as folder:
        folder.write_environment({"command": "none", "devices": ["cpu:0"], "cohorts": costs})
    return root


def test_the_models_of_a_run(layers: Layers, run: Path) -> None:
    small, large = layers(str(run)).stdout.split("\n\n\n")
    assert small.startswith('cohort small\nmlp {"width": 4}: 8x8x1 to 10')
    assert "its record has 1.5 MFLOPs a training step" in small
    assert large.startswith("cohort large")
    one = layers(str(run), "--cohort=large")
    assert one.stdout.rstrip("\n") == large.rstrip("\n")
    assert layers(str(run), "--cohort=large", "--csv").stdout.startswith("layer,kind")
    assert "small, large" in layers(str(run), "--cohort=none").refusal
    assert "drop --model" in layers(str(run), "--model=mlp").refusal


def test_a_folder_that_names_anything_has_nothing_called(layers: Layers, tmp_path: Path) -> None:
    """What a folder names is called once it is trusted, and only then."""
    touched, run = tmp_path / "touched", tmp_path / "run"
    task = OwnTaskSpec("os:system", json.dumps({"command": f"touch {touched}"}))
    with RunFolder.open(run, study(cohort(data=task, target=TargetSpec(Metric.LOSS, (1.0,))))) as (
        folder
    ):
        costs = {"small": {"parameters": 9, "flops_per_step": 1.0}}
        folder.write_environment({"command": "none", "devices": ["cpu:0"], "cohorts": costs})
    assert "os:system, which is Python's own" in layers(str(run)).refusal
    assert not touched.exists()
    assert "returned a int" in layers(str(run), "--trust").refusal
    assert touched.exists()
    assert "drop --trust" in layers(*MLP, *DIGITS, "--trust").refusal


# Each: the arguments, and what the line must say.
MISTAKES = {
    "nothing": ([], "--model is missing"),
    "no data": ([*MLP], "--inputs=32x32x3"),
    "both": ([*MLP, *DIGITS, "--dataset=sklearn_digits"], "pass one of"),
    "model": (["--model=mpl", *DIGITS], "did you mean mlp?"),
    "no dial": (["--model=mlp", *DIGITS], "mlp needs width"),
    "dial": (["--model=mlp", '--model_kwargs={"wide": 3}', *DIGITS], "there are width, depth"),
    "dial's type": (["--model=mlp", '--model_kwargs={"width": 1.5}', *DIGITS], "a whole number"),
    "no JSON": (["--model=mlp", "--model_kwargs={width: 3}", *DIGITS], "it is not JSON"),
    "shape": ([*MLP, "--inputs=8,8", "--outputs=10"], "--inputs=32x32x3"),
    "no outputs": ([*MLP, "--inputs=8x8x1"], "--outputs=10"),
    "outputs of pixels": (
        ["--model=unet", '--model_kwargs={"width": 1}', *DIGITS, "--task=segmentation"],
        "drop --outputs",
    ),
    "outputs of data": ([*MLP, "--dataset=sklearn_digits", "--outputs=3"], "drop --outputs"),
    "a language's shape": ([*MLP, *DIGITS, "--task=language"], "--inputs=64"),
    "an unfit model": (
        ["--model=transformer", '--model_kwargs={"width":2,"depth":1,"heads":1}', *DIGITS],
        "is a model of text",
    ),
    "task": ([*MLP, "--dataset=nobody_s_set"], "pass --task"),
    "task word": ([*MLP, *DIGITS, "--task=x"], "task"),
    "too far": (["--model=mlp", *DIGITS, "--match_parameters=7"], "nearest counts are 87"),
    "no such dial": (
        ["--model=mlp", *DIGITS, "--match_parameters=700", "--dial=x"],
        "there are width, depth",
    ),
    "tolerance": (
        ["--model=mlp", *DIGITS, "--match_parameters=700", "--tolerance=-1"],
        "tolerance is -1",
    ),
    "batch": ([*MLP, *DIGITS, "--batch_size=0"], "batch_size is 0"),
    "two forms": ([*MLP, *DIGITS, "--csv", "--markdown"], "drop one"),
    "cohort": ([*MLP, *DIGITS, "--cohort=small"], "drop --cohort, or pass scripts/layers RUN"),
    "dial of nothing": ([*MLP, *DIGITS, "--dial=depth"], "pass --match_parameters=5000"),
    "tolerance of nothing": ([*MLP, *DIGITS, "--tolerance=1"], "pass --match_parameters=5000"),
    "data of shapes": ([*MLP, *DIGITS, "--image_size=8"], "drop --image_size"),
    "noise": ([*MLP, "--dataset=sklearn_digits", "--label_noise=1"], "drop --label_noise"),
    "step of a table": ([*MLP, *DIGITS, "--csv", "--batch_size=3"], "drop --batch_size"),
    "task of a run": (["nowhere", "--task=language"], "drop --task"),
    "window of a run": (["nowhere", "--window=9"], "drop --window"),
    "dials of a run": (["nowhere", "--model_kwargs={}"], "drop --model_kwargs"),
    "no run": (["nowhere"], "nowhere"),
    "two runs": (["a", "b"], "2 run folders"),
    "unknown flag": (["--nonsense=1"], "nonsense"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(layers: Layers, mistake: str) -> None:
    arguments, hint = MISTAKES[mistake]
    assert hint in layers(*arguments).refusal
