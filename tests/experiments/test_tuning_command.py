"""--tune by the command line: from searches to the answer, after a kill too, and mistakes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Launch, require_same_records

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--noseconds",
    "--widths=2,4",
    "--members=4",
    "--lanes=2",
    "--budget_steps=20",
    "--eval_every=10",
    "--target=0.1",
    "--sustain=1",
    "--tune=grid",
    "--tune_trials=3",
    "--tune_repeats=2",
    "--tune_extensions=0",
)
MISTAKES = {
    "trials of no search": (
        ["--tune=none", "--tune_trials=9"],
        "nothing is searched for",
        "--tune=grid",
    ),
    "repeats of the rule": (["--tune=default", "--tune_repeats=4"], "--tune=default", "drop"),
    "no such way": (["--tune=best"], "best", "grid"),
    "varied and tuned": (
        ["--tune=grid", "--vary=learning_rate=0.1,0.01"],
        "learning_rate varies",
        "drop --vary=learning_rate",
    ),
    "members that vary": (["--tune=grid", "--vary=dropout=0,0.1"], "vary in dropout", "drop"),
    "two trials": (["--tune=grid", "--tune_trials=2"], "2 trials", "larger --tune_trials"),
    "one member": (["--tune=grid", "--tune_repeats=1"], "1 members", "larger --tune_repeats"),
    "no range": (["--tune=grid", "--tune_decades=0"], "over 0 decades", "--tune_decades"),
    "endless range": (["--tune=grid", "--tune_decades=99"], "99 decades", "at most 12"),
    "rates alike": (["--tune=grid", "--tune_decades=0.01"], "0.01 decades", "0.01 or more a"),
    "fewer than none": (["--tune=grid", "--tune_extensions=-1"], "-1", "--tune_extensions"),
    "also what": (["--tune=grid", "--tune_also=colour=1,2"], "'colour=1,2'", "--tune_also=weight"),
    "also word": (["--tune=grid", "--tune_also=momentum=x,1"], "'x,1'", "numbers"),
    "also the rate": (["--tune=grid", "--tune_also=learning_rate=1,2"], "in any case", "drop"),
    "also and given": (
        ["--tune=grid", "--optimizer=adamw", "--weight_decay=0.1", "--tune_also=weight_decay=0,1"],
        "weight_decay is given",
        "drop --weight_decay",
    ),
    "decay of Adam": (["--tune=grid", "--tune_also=weight_decay=0,1"], "AdamSpec has none", "drop"),
    "mup of Prodigy": (["--tune=mup", "--optimizer=prodigy"], "muP has no rule", "adam"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_a_line(launch: Launch, name: str, tmp_path: Path) -> None:
    arguments, got, remedy = MISTAKES[name]
    line = launch("width", *arguments, f"--out={tmp_path / 'run'}").refusal
    assert got in line
    assert remedy in line
    assert not (tmp_path / "run").exists()


def analysed(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"experiments.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_tuned_then_measured_and_the_same_after_kills(
    launch: Launch, tmp_path: Path, quick: dict[str, str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    ended = launch("width", *SMALL, f"--out={whole}", extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    assert "Search, round 1" in ended.stdout
    assert "when each is tuned with 3 trials of this search (grid)" in " ".join(
        ended.stdout.split()
    )
    for kill in (("record", 1), ("start", 2)):
        killed = launch("width", *SMALL, f"--out={parts}", kill=kill, extra=quick)
        assert killed.status == -signal.SIGKILL
    assert (parts / "tuning/round-1/study.json").exists()
    again = launch("width", *SMALL, f"--out={parts}", extra=quick)
    assert (again.status, again.stderr) == (0, "")
    require_same_records(whole, parts)
    assert json.loads((parts / "verdict.json").read_text())["tuning"][0]["asked"] == 3

    search = str(whole / "tuning/round-1")
    for module in ("_compare", "_luck"):
        refused = analysed(module, search)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert "its members chose the hyperparameters" in refused.stderr
        assert "pass the run folder above it" in refused.stderr
    other = launch("width", *SMALL[:-4], "--tune=none", f"--out={whole}", extra=quick)
    assert "another study" in other.refusal
