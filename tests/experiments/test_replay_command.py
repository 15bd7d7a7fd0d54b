"""`scripts/replay`, as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import Launch, Race
from toys import mlp_cohort

from lab.records.store import RunFolder
from lab.specs import OwnTaskSpec, StudySpec, TargetSpec
from lab.training.weights import read_checkpoint
from lab.words import Metric

ROOT = Path(__file__).resolve().parents[2]
LOSS = TargetSpec(Metric.LOSS, (0.5,))


def test_a_member_is_confirmed_and_its_values_are_kept(
    launch: Launch, race: Race, quick: dict[str, str], tmp_path: Path
) -> None:
    out, weights = tmp_path / "values.npz", tmp_path / "weights"
    ended = launch(
        "_replay",
        f"--run={race.folder}",
        "--cohort=width-16",
        "--member=9",
        "--steps=0,12",
        "--values=loss,gradients",
        f"--out={out}",
        f"--weights={weights}",
    )
    assert ended.status == 0, ended.stderr
    first, last = ended.stdout.splitlines()[0], ended.stdout.splitlines()[-1]
    assert first.startswith("member 9 of cohort width-16: ")
    assert first.endswith("evaluations equal the record to the bit")
    said = first.split("; ")[1].split()
    assert said[0] == said[2]
    assert last == f"weights of 6 tensors: {weights}"
    assert ended.stdout.splitlines()[-2] == f"14 arrays of 2 steps: {out}"
    kernel = read_checkpoint(weights).params["Dense_0/kernel"]
    assert kernel.shape == (64, 16)
    with np.load(out, allow_pickle=False) as arrays:
        assert np.isfinite(arrays["step-000012/loss"])
        assert arrays["step-000012/gradients/Dense_0/kernel"].shape == (64, 16)


def test_a_folder_that_names_anything_has_nothing_called(launch: Launch, tmp_path: Path) -> None:
    """What a folder names is called once it is trusted, and only then."""
    touched, run = tmp_path / "touched", tmp_path / "run"
    task = OwnTaskSpec("os:system", json.dumps({"command": f"touch {touched}"}))
    with RunFolder.open(run, StudySpec("?", (mlp_cohort(data=task, target=LOSS),), ())) as folder:
        facts = {"mlp": {"parameters": 9, "flops_per_step": 1.0}}
        folder.write_environment({"versions": {}, "devices": ["cpu:0"], "cohorts": facts})
    replay = ("_replay", f"--run={run}", "--cohort=mlp", "--member=0")
    race = ("race", f"--pretrained={run}:mlp:0", f"--out={tmp_path / 'out'}")
    for command in (replay, race):
        assert "os:system, which is Python's own" in launch(*command).refusal
        assert "--trust" in launch(*command).refusal
    assert not touched.exists()
    assert "drop --trust" in launch("race", "--trust", f"--out={tmp_path / 'out'}").refusal


# Each: arguments after the run, and what the line must say.
MISTAKES = {
    "no cohort": (["--cohort=none", "--member=1"], "width-4, width-16"),
    "no member": (["--cohort=width-4", "--member=22"], "0 to 21"),
    "member missing": (["--cohort=width-4"], "--member is missing"),
    "member word": (["--cohort=width-4", "--member=x"], "member"),
    "step past the end": (["--cohort=width-4", "--member=1", "--steps=80"], "step 80"),
    "steps word": (["--cohort=width-4", "--member=1", "--steps=a"], "--steps=0,100"),
    "values word": (["--cohort=width-4", "--member=1", "--steps=0", "--values=x"], "gradients"),
    "values without steps": (["--cohort=width-4", "--member=1", "--values=loss"], "--steps"),
    "file without steps": (["--cohort=width-4", "--member=1", "--out=a.npz"], "--steps"),
    "another seed": (["--cohort=width-4", "--member=1", "--seed=3"], "drop --seed"),
    "another rule": (["--cohort=width-4", "--member=1", "--sustain=3"], "drop --sustain"),
    "unknown flag": (["--cohort=width-4", "--member=1", "--nonsense=1"], "nonsense"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(launch: Launch, race: Race, mistake: str) -> None:
    arguments, hint = MISTAKES[mistake]
    assert hint in launch("_replay", f"--run={race.folder}", *arguments).refusal


def test_the_run_folder_is_no_place_for_values(launch: Launch, race: Race) -> None:
    arguments = ("--cohort=width-4", "--member=1", "--steps=0", f"--out={race.folder}/a.npz")
    ended = launch("_replay", f"--run={race.folder}", *arguments)
    assert "in the run folder" in ended.refusal


def test_weights_take_the_place_of_nothing(launch: Launch, race: Race, tmp_path: Path) -> None:
    arguments = ("_replay", f"--run={race.folder}", "--cohort=width-4", "--member=1")
    assert "in the run folder" in launch(*arguments, f"--weights={race.folder}/w").refusal
    assert "is there already" in launch(*arguments, f"--weights={tmp_path}").refusal


def test_the_door_takes_the_run_first() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "replay"), "nowhere", "--cohort=a", "--member=1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: nowhere is no run folder")
