"""`--residence=stream`, as a user meets it."""

import json
import signal
from pathlib import Path

from command_line import RACE, Launch, require_same_records

# Three blocks of one lane: one device, and so one program to compile for each network.
STREAMED = (*RACE, "--lanes=3", "--lane_width=1", "--residence=stream", "--cross=order:1")


def test_a_streamed_run_says_so_and_goes_on_after_a_kill(
    launch: Launch, quick: dict[str, str], tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    ended = launch("width", *STREAMED, f"--out={whole}", extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    told = " ".join(ended.stdout.split())
    assert "Training examples are streamed: all see them in one order" in told
    assert "All members saw the data in one order: nothing is said of any other." in told
    assert "waiting for data" in told
    study = json.loads((whole / "study.json").read_text())
    assert {one["data"]["residence"] for one in study["cohorts"]} == {"stream"}
    throughput = json.loads((whole / "environment.json").read_text())["sessions"][0]["throughput"]
    assert all(0 < one["data_wait_fraction"] < 1 for one in throughput.values())

    for kill in (("checkpoint", 3), ("half record", 2)):
        ended = launch("width", *STREAMED, f"--out={killed}", kill=kill, extra=quick)
        assert ended.status == -signal.SIGKILL
    ended = launch("width", *STREAMED, f"--out={killed}", extra=quick)
    assert (ended.status, ended.stderr) == (0, "")
    require_same_records(killed, whole)


def test_streaming_takes_one_order_for_all(launch: Launch, tmp_path: Path) -> None:
    flags = [flag for flag in STREAMED if not flag.startswith("--cross")]
    refused = launch("width", *flags, f"--out={tmp_path / 'run'}").refusal
    assert "pass --cross=order:1" in refused
    assert not (tmp_path / "run").exists()
