"""Kills a run of two cohorts at random moments until it ends, and compares its records.

    scripts/soak                      # about three minutes on 2 CPU cores
    scripts/soak --kills=100 --seed=7

A first run is left alone. A second is killed (SIGKILL) `--kills` times, at moments drawn at random:
by the clock, within the writing of a part file, between a dispatch's two files, and while Orbax
writes a checkpoint. Then it is let finish, and every row of its records is compared with the first
run's. Exit status 1 on any difference.
"""

import dataclasses
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from absl import flags

from experiments._door import enter
from lab.records.files import given_path
from lab.records.parts import read_parts, same_rows
from lab.records.reader import read_study
from lab.records.schema import MEMBERS, curves_schema

_KILLS = flags.DEFINE_integer("kills", 20, "How often the run is killed.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")
_KEEP = flags.DEFINE_string("keep", None, "Folder for both runs; by default they are removed.")

STUDY = (
    "--tune=none",
    "--budget_clock=steps",
    "--widths=4,12",
    "--members=2000",
    "--lanes=16",
    "--lane_width=4",
    "--budget_steps=400",
    "--eval_every=5",
    "--target=0.5,0.8",
)
CHECKPOINT_SECONDS = 0.2
PLACES = ("clock", "part", "between", "checkpoint")
LIMIT_SECONDS = 900


@dataclasses.dataclass(frozen=True)
class Kill:
    """Where a run was killed, and how far its records were."""

    place: str
    count: int
    seconds: float
    parts: int
    checkpoints: int
    ended_itself: bool


def main(_: list[str]) -> int:
    """Two runs, a table, a verdict."""
    with tempfile.TemporaryDirectory() as temporary:
        root = given_path("keep", _KEEP.value or temporary)
        started = time.monotonic()
        finish(root / "alone")
        alone = time.monotonic() - started
        print(f"left alone: {alone:.0f} s, {parts_of(root / 'alone')} part files", flush=True)
        draw, kills = random.Random(_SEED.value), 0
        while kills < _KILLS.value:
            # Each place in turn; the moments are drawn.
            kill = kill_once(root / "killed", PLACES[kills % len(PLACES)], draw, alone)
            if kill.ended_itself:
                print(f"the run ended after {kills} kills: it is too short for more", flush=True)
                break
            kills += 1
            print(
                f"{kills:3}  {kill.place:10} {kill.count:3}  after {kill.seconds:5.1f} s  "
                f"{kill.parts:4} part files  {kill.checkpoints} checkpoints",
                flush=True,
            )
        finish(root / "killed")
        return verdict(root, kills)


def verdict(root: Path, kills: int) -> int:
    """The comparison, row by row, of every cohort."""
    bad = 0
    for cohort in read_study(root / "alone").cohorts:
        for kind, schema, keys in (
            ("members", MEMBERS, ["member"]),
            ("curves", curves_schema(cohort.metrics), ["member", "evaluation"]),
        ):
            one, other = (
                read_parts(root / which / "cohorts" / cohort.name, kind, schema).sort_by(
                    [(key, "ascending") for key in keys]
                )
                for which in ("alone", "killed")
            )
            same = same_rows(one, other) and distinct(other, keys) == other.num_rows
            bad += not same
            print(
                f"{cohort.name} {kind}: {one.num_rows} rows alone, {other.num_rows} killed, "
                f"{distinct(other, keys)} of them distinct: {'equal' if same else 'DIFFERENT'}"
            )
    said = "no row lost, doubled or changed" if not bad else f"{bad} tables differ"
    print(f"{kills} kills: {said}")
    return 1 if bad or not kills else 0


def distinct(table: pa.Table, keys: list[str]) -> int:
    """How many different values the keys take."""
    return table.group_by(keys).aggregate([]).num_rows


def finish(folder: Path) -> None:
    """Runs to the end; the child's own words when it does not come to one."""
    ended = subprocess.run(
        command("nowhere", 0, folder), capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    if ended.returncode:
        sys.exit(f"error: the run ended with status {ended.returncode}: {ended.stderr}")


def kill_once(folder: Path, place: str, draw: random.Random, alone: float) -> Kill:
    """Starts the run again, and sees it die at a moment that is drawn."""
    count = draw.randint(1, 6)
    before, started = parts_of(folder), time.monotonic()
    process = subprocess.Popen(
        command("nowhere" if place == "clock" else place, count, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if place == "clock":
        wait_for_news(process, folder, before, draw.uniform(0, alone))
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
    _, words = process.communicate(timeout=LIMIT_SECONDS)
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"error: a run ended with status {process.returncode}: {words.decode()}")
    return Kill(
        place=place,
        count=count,
        seconds=time.monotonic() - started,
        parts=parts_of(folder),
        checkpoints=len(list(folder.glob("cohorts/*/checkpoints/[0-9]*"))),
        ended_itself=process.returncode == 0,
    )


def wait_for_news(
    process: subprocess.Popen[bytes], folder: Path, before: int, seconds: float
) -> None:
    """Until something new is recorded, or so many seconds have gone by: before, or within."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until and parts_of(folder) <= before:
        time.sleep(0.01)


def command(place: str, count: int, folder: Path) -> list[str]:
    """The victim's command line."""
    own = [sys.executable, "-m", "soaking.victim", place, str(count), str(CHECKPOINT_SECONDS)]
    return [*own, *STUDY, f"--seed={_SEED.value}", f"--out={folder}"]


def parts_of(folder: Path) -> int:
    """Part files of all cohorts."""
    return len(list(folder.glob("cohorts/*/*.parquet")))


if __name__ == "__main__":
    enter(main, arguments=False)
