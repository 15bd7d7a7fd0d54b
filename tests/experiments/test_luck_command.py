"""`scripts/luck`, as a user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Ended
from made_up import cohort, realistic, tables

from lab.records.store import RunFolder
from lab.specs import SeedsSpec, StudySpec

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "jax", "flax", "optax", "orbax", "tensorflow_datasets"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cohorts of 48; of the larger one, members share 6 data orders."""
    root = tmp_path_factory.mktemp("luck") / "run"
    plain = {"members": 48, "budget_steps": 600}
    specs = (cohort("small", **plain), cohort("large", **plain, seeds=SeedsSpec(order=6)))
    costs = {one.name: {"parameters": 9, "flops_per_step": 1.0, "lanes": 4} for one in specs}
    with RunFolder.open(root, StudySpec("How much is luck?", specs, ())) as folder:
        folder.write_environment({"command": "none", "devices": ["cpu:0"], "cohorts": costs})
        for spec, speed in zip(specs, (190, 120), strict=True):
            members, curves = tables(spec, realistic(spec, speed, 0.8))
            folder.append(spec.name, 0, members, curves)
    return root


def luck(*arguments: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "experiments._luck", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_cohort_is_told_and_the_run_left_alone(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    file = tmp_path / "luck.json"
    ended = luck(str(run), "--mine=never", f"--json={file}")
    assert ended.status == 0, ended.stderr
    small, large = ended.stdout.split("\n\n\n")
    assert small.startswith("small: steps to IoU 0.6")
    assert large.startswith("large: steps to IoU 0.6")
    assert "luck alone can explain it" in small
    assert "No two members are known to share a seed" in small
    assert "data order" in large
    assert "what remains" in large
    document = json.loads(file.read_text())
    assert [one["cohort"] for one in document["cohorts"]] == ["small", "large"]
    assert document["cohorts"][0]["placed"]["place"] == "within"
    assert contents(run) == before


def test_one_cohort_and_an_easier_target(run: Path) -> None:
    ended = luck(str(run), "--cohort=small", "--target=0.4", "--mine=running@90")
    assert ended.status == 0, ended.stderr
    assert ended.stdout.startswith("small: steps to IoU 0.4")
    assert "large" not in ended.stdout
    assert "still running" in ended.stdout


# Each: arguments after the run, and what the line must say.
MISTAKES = {
    "no cohort": (["--cohort=none"], "small, large"),
    "target": (["--target=0.5"], "0.4, 0.6"),
    "target word": (["--target=x"], "target"),
    "mine word": (["--mine=soon"], "--mine=1800"),
    "mine zero": (["--mine=0"], "--mine=1800"),
    "mine negative": (["--mine=-5"], "--mine=1800"),
    "json in a folder that is not there": (["--json=/nowhere/a.json"], "--json"),
    "unknown flag": (["--nonsense=1"], "nonsense"),
    "stray": (["small"], "2 run folders"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(run: Path, mistake: str) -> None:
    arguments, hint = MISTAKES[mistake]
    assert hint in luck(str(run), *arguments).refusal


def test_the_run_folder_is_no_place_for_numbers(run: Path) -> None:
    assert "in the run folder" in luck(str(run), f"--json={run}/a.json").refusal


def test_a_run_is_needed() -> None:
    assert "scripts/luck RUN" in luck().refusal
    assert "no run folder" in luck("nowhere").refusal


def test_the_door_takes_the_run_first(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "luck"), str(run), "--cohort=small"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("small: steps to")


def test_it_needs_no_jax() -> None:
    source = f"import sys, experiments._luck; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
