"""Each experiment from its command line to its verdict, small; the data start from nothing."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Ended, Launch, Race
from contract import COHORT_KEYS, CONTRAST_KEYS, VERDICTS

from lab.records.parts import read_parts
from lab.records.reader import read_records
from lab.records.schema import MEMBERS
from lab.verdicts.document import from_json
from lab.words import Outcome

UNET = (
    "--tune=none",
    "--budget_clock=steps",
    "--members=4",
    "--budget_steps=40",
    "--eval_every=20",
    "--batch_size=4",
    "--image_size=16",
    "--target=0.1,0.2",
    "--sustain=1",
)


def not_finite(name: str) -> None:
    pytest.fail(f"verdict.json holds {name}")


def document(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(), parse_constant=not_finite)


def require_run_folder(
    folder: Path, cohorts: dict[str, int], *, seconds: bool = False
) -> dict[str, Any]:
    """Every file of DESIGN.md's run folder, verdict.json's contract, and nothing half written."""
    verdict = document(folder / "verdict.json")
    assert verdict["schema"] == 1
    assert verdict["answer"]
    assert [cohort["name"] for cohort in verdict["cohorts"]] == list(cohorts)
    for cohort in verdict["cohorts"]:
        assert cohort.keys() >= COHORT_KEYS
        ends = cohort["reached"] + cohort["diverged"] + cohort["exhausted"]
        assert ends == cohort["members"] == cohorts[cohort["name"]]
        assert cohort["flops_per_step"] > 0
    clocks = {"steps", "examples", "flops", *(["seconds"] if seconds else [])}
    assert {one["clock"] for one in verdict["contrasts"]} == clocks
    for contrast in verdict["contrasts"]:
        assert contrast.keys() >= CONTRAST_KEYS
        assert contrast["verdict"] in VERDICTS
        win = contrast["win_probability"]
        assert 0 <= win["lower"] <= win["estimate"] <= win["upper"] <= 1
    assert from_json((folder / "verdict.json").read_text()).answer == verdict["answer"]

    study = document(folder / "study.json")
    assert [cohort["name"] for cohort in study["cohorts"]] == list(cohorts)
    session = document(folder / "environment.json")["sessions"][-1]
    assert {"versions", "devices", "command", "cohorts"} <= session.keys()
    assert {"jax", "flax", "optax", "numpy"} <= session["versions"].keys()
    for name in cohorts:
        assert session["cohorts"][name]["lanes"] >= 1
        assert list((folder / "cohorts" / name).glob("members-*.parquet"))
        assert list((folder / "cohorts" / name).glob("curves-*.parquet"))
        assert (folder / "cohorts" / name / "checkpoints").is_dir()
    page = (folder / "report.html").read_text()
    assert verdict["answer"][:20] in page
    for figure in ("incidence", "fan"):
        assert (folder / "figures" / f"{figure}.svg").stat().st_size > 1000
        assert (folder / "figures" / f"{figure}.png").stat().st_size > 1000
    assert list((folder / "tables").glob("*.csv"))
    assert not [file for file in folder.rglob("*") if "tmp" in file.suffix]

    records = read_records(folder)
    for cohort in verdict["cohorts"]:
        outcomes = records[cohort["name"]].outcome
        for word in Outcome:
            assert cohort[word.value] == sum(outcome is word for outcome in outcomes)
        assert len(outcomes) == cohorts[cohort["name"]]
    return verdict


def require_declared_before(stdout: str, *declared: str) -> None:
    """Target, budget, grid and sustain rule stand above the first line that needs a result."""
    opening, _, rest = stdout.partition("compiling...")
    assert rest
    told = " ".join(opening.split())
    for words in declared:
        assert words in told


def test_a_race_of_widths_ends_in_a_verdict(race: Race) -> None:
    folder, ended = race.folder, race.ended
    assert (ended.status, ended.stderr) == (0, "")
    verdict = require_run_folder(folder, {"width-4": 22, "width-16": 22})
    require_declared_before(
        ended.stdout,
        "accuracy 0.6 or more on the whole validation split, at 2 evaluations in a row",
        "also watched: accuracy 0.3 or more",
        "an evaluation every 10 steps of 16 examples",
        "80 steps a member",
        verdict["question"],
    )
    told = " ".join(ended.stdout.split())
    assert verdict["answer"] in told
    assert re.search(r"width-4: \d+ reached, \d+ running, .*\d+ diverged", told)
    assert f"Report: {folder / 'report.html'}" in told


def test_members_and_cohorts_of_a_run_differ(race: Race) -> None:
    """No seed is shared or ignored: not one curve overlays another, within cohorts or across."""
    records = read_records(race.folder)
    firsts = [
        tuple(
            float(values[(cohort.curves.member == member) & (cohort.curves.evaluation == 1)][0])
            for values in cohort.curves.metrics.values()
        )
        for cohort in records.values()
        for member in cohort.member
    ]
    assert len(set(firsts)) == len(firsts) == 44
    assert not any(math.isnan(value) for pair in firsts for value in pair)


def test_a_finished_run_is_told_again_and_not_trained_again(race: Race, launch: Launch) -> None:
    folder = race.folder
    before = {file: file.read_bytes() for file in (folder / "cohorts").rglob("*.parquet")}
    verdict = (folder / "verdict.json").read_text()
    again = launch("width", *race.flags, f"--out={folder}")
    assert (again.status, again.stderr) == (0, "")
    assert (folder / "verdict.json").read_text() == verdict
    assert document(folder / "verdict.json")["answer"] in " ".join(again.stdout.split())
    assert {file: file.read_bytes() for file in before} == before
    assert set((folder / "cohorts").rglob("*.parquet")) == set(before)
    assert len(document(folder / "environment.json")["sessions"]) == 1


def test_the_root_seed_reaches_every_cohort(launch: Launch, race: Race, tmp_path: Path) -> None:
    seeds = []
    for root in ("0", "1"):
        folder = tmp_path / root
        launch("width", *race.flags, f"--seed={root}", f"--out={folder}", kill=("start", 1))
        seeds += [cohort["seed"] for cohort in document(folder / "study.json")["cohorts"]]
    assert len(set(seeds)) == 4


def test_a_rate_that_is_far_too_large_is_an_outcome(
    launch: Launch, race: Race, quick: dict[str, str], tmp_path: Path
) -> None:
    """Members diverge, or end with all units dead; the run ends in a verdict all the same."""
    folder = tmp_path / "run"
    flags = ("--optimizer=sgd", "--learning_rate=1e6", f"--out={folder}")
    ended = launch("width", *race.flags, *flags, extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    verdict = require_run_folder(folder, {"width-4": 22, "width-16": 22})
    diverged = [cohort["diverged"] for cohort in verdict["cohorts"]]
    assert all(count > 0 for count in diverged)
    assert [cohort["reached"] for cohort in verdict["cohorts"]] == [0, 0]
    assert verdict["contrasts"][-1]["verdict"] == "not reached"
    assert f"{diverged[0]} diverged" in ended.stdout
    for name, count in zip(("width-4", "width-16"), diverged, strict=True):
        rows = read_parts(folder / "cohorts" / name, "members", MEMBERS).to_pylist()
        steps = [row["diverged_at_step"] for row in rows if row["outcome"] == "diverged"]
        assert len(steps) == count
        assert all(1 <= step <= 80 for step in steps)
        assert all(r["diverged_at_step"] is None for r in rows if r["outcome"] != "diverged")


def test_convolutions_race_through_the_same_path_as_a_user_s_process(
    environment: dict[str, str], race: Race, quick: dict[str, str], tmp_path: Path
) -> None:
    """A real `python -m`, which is what scripts/run starts."""
    assert race.ended.status == 0  # The data set is prepared.
    folder = tmp_path / "run"
    command = [
        *(sys.executable, "-m", "experiments.width", "--family=cnn", "--widths=2,4"),
        "--tune=none",
        *("--members=3", "--budget_steps=8", "--eval_every=4", "--depth=1", "--target=0.1"),
        f"--out={folder}",
    ]
    ended = subprocess.run(
        command, env=environment | quick, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    require_run_folder(folder, {"width-2": 3, "width-4": 3}, seconds=True)
    session = document(folder / "environment.json")["sessions"][0]
    assert session["command"].startswith("scripts/run width --family=cnn")


@pytest.fixture(scope="module")
def unet(
    launch: Launch, quick: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("unet") / "run"
    return folder, launch("unet_size", *UNET, f"--out={folder}", extra=quick)


def test_the_u_net_study_ends_in_a_verdict(unet: tuple[Path, Ended]) -> None:
    folder, ended = unet
    assert (ended.status, ended.stderr) == (0, "")
    verdict = require_run_folder(folder, {"small": 4, "large": 4}, seconds=True)
    small, large = verdict["cohorts"]
    assert abs(small["parameters"] - 2900) <= 58
    assert abs(large["parameters"] - 5000) <= 100
    require_declared_before(
        ended.stdout,
        "IoU 0.2 or more on the whole validation split",
        "also watched: IoU 0.1 or more",
        "an evaluation every 20 steps of 4 examples",
        "40 steps a member",
        f"{small['parameters']:,} parameters",
        f"{large['parameters']:,} parameters",
    )
    assert verdict["answer"] in " ".join(ended.stdout.split())


def test_a_run_is_timed_once(unet: tuple[Path, Ended], launch: Launch) -> None:
    """What a step takes is known of each cohort, told, and kept when the command is given again."""
    folder, ended = unet
    before = document(folder / "environment.json")
    for cohort in document(folder / "verdict.json")["cohorts"]:
        solo = before["cohorts"][cohort["name"]]["solo_seconds"]
        assert 0 < solo["lower"] <= solo["estimate"] <= solo["upper"]
        assert cohort["solo_seconds_per_step"] == solo["estimate"]
        assert cohort["solo_seconds"] == solo
        session = before["sessions"][0]["throughput"][cohort["name"]]
        assert session["members_ended"] == 4
        assert session["device_seconds"] > 0
        assert session["compile_seconds"] > 0
    assert "Timing one member of each alone" in ended.stdout
    assert "a member in the ensemble" in ended.stdout
    verdict = (folder / "verdict.json").read_text()
    for flag in ("--seconds", "--noseconds"):
        again = launch("unet_size", *UNET, flag, f"--out={folder}")
        assert again.status == 0, again.stderr
        assert "Timing" not in again.stdout
        assert document(folder / "environment.json") == before
        assert (folder / "verdict.json").read_text() == verdict


def test_budgets_may_be_equal_in_flops(
    launch: Launch, quick: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    flags = ("--tune=none", "--widths=4,16", "--members=4", "--eval_every=10", "--pairs")
    flags += ("--budget_steps=40",)
    ended = launch("width", *flags, "--budget_clock=flops", f"--out={folder}", extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    verdict = require_run_folder(folder, {"width-4": 4, "width-16": 4}, seconds=True)
    small, large = (one["budget_steps"] for one in document(folder / "study.json")["cohorts"])
    assert small > large == 40
    flops = [one["flops_per_step"] for one in verdict["cohorts"]]
    assert large * flops[1] <= small * flops[0] < large * flops[1] + 10 * flops[0]
    horizons = {one["clock"]: one["horizon"] for one in verdict["contrasts"]}
    assert horizons["steps"] == 30  # Of the larger's 40 steps the last 10 cannot start a success.
    assert horizons["flops"] == 30 * flops[1]
    require_declared_before(ended.stdout, f"{small} steps a member", "40 steps a member")
    refused = launch(
        "width", *flags, "--schedule=cosine", "--budget_clock=flops", f"--out={tmp_path / 'x'}"
    ).refusal
    assert f"--schedule_steps={small} or more" in refused
