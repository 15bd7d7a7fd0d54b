"""A run that SIGKILL ends, at any moment, goes on and ends in the records of one left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Launch, Race, require_same_records

# Places and counts of launcher.py: one kill after another, then the run is let finish.
KILLS = {
    "before anything is recorded": [("start", 1), ("record", 1)],
    "between curves and members": [("half record", 3)],
    "while and after checkpoints are saved": [("checkpoint", 1), ("checkpoint", 5), ("record", 2)],
}


@pytest.mark.parametrize("kills", KILLS.values(), ids=KILLS.keys())
def test_a_killed_run_goes_on_to_the_same_records(
    launch: Launch, race: Race, tmp_path: Path, kills: list[tuple[str, int]]
) -> None:
    for kill in kills:
        ended = launch("width", *race.flags, f"--out={tmp_path / 'run'}", kill=kill)
        assert ended.status == -signal.SIGKILL
        assert not (tmp_path / "run/verdict.json").exists()
    ended = launch("width", *race.flags, f"--out={tmp_path / 'run'}")
    assert (ended.status, ended.stderr) == (0, "")
    require_same_records(tmp_path / "run", race.folder)


def test_a_run_in_a_process_of_its_own_survives_a_kill_from_outside(
    environment: dict[str, str], launch: Launch, race: Race, tmp_path: Path
) -> None:
    """`python -m`, killed as soon as it has recorded something, at no chosen place."""
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "experiments.width", *race.flags, f"--out={folder}"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob("cohorts/*/members-*.parquet")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ended = launch("width", *race.flags, f"--out={folder}")
    assert (ended.status, ended.stderr) == (0, "")
    require_same_records(folder, race.folder)


@pytest.mark.parametrize("sign", ["study.json", "cohorts/*/members-*.parquet"])
def test_sigterm_ends_a_run_in_one_line_and_it_goes_on(
    environment: dict[str, str], launch: Launch, race: Race, tmp_path: Path, sign: str
) -> None:
    """While it compiles, and in the midst of training."""
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "experiments.width", *race.flags, f"--out={folder}"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob(sign)):
        assert process.poll() is None, "it ended before it could be terminated"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.terminate()
    _, words = process.communicate(timeout=60)
    assert process.returncode == 143
    assert words.strip().startswith("error: terminated; ")
    assert len(words.strip().splitlines()) == 1
    ended = launch("width", *race.flags, f"--out={folder}")
    assert (ended.status, ended.stderr) == (0, "")
    require_same_records(folder, race.folder)


def test_other_lanes_are_refused_when_a_run_goes_on(
    launch: Launch, race: Race, tmp_path: Path
) -> None:
    """And with --lanes=auto it keeps those it began with."""
    folder = tmp_path / "run"
    launch("width", *race.flags, f"--out={folder}", kill=("record", 3))
    sessions = (folder / "environment.json").read_text()
    others = [flag for flag in race.flags if not flag.startswith("--lanes")]
    refused = launch("width", *others, "--lanes=3", f"--out={folder}").refusal
    assert "began with 4 lanes, and 3 were asked: pass --lanes=4" in refused
    assert (folder / "environment.json").read_text() == sessions
    assert launch("width", *others, f"--out={folder}").status == 0
    last = json.loads((folder / "environment.json").read_text())["sessions"][-1]
    assert last["cohorts"]["width-4"]["lanes"] == 4
    require_same_records(folder, race.folder)
