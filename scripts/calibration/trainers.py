"""The end to end cell: trainers of known hazards write curves, scripts/compare judges them."""

import csv
import enum
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet

from calibration.cell import Band, Cell

EVALUATIONS, EVERY, TARGET, SUSTAIN = 40, 25, 0.9, 2
WHOLE_COMMAND_EVERY = 20
"""One run in so many starts the command anew and draws its pictures; the others are forks."""
Hazards = Sequence[tuple[float, float]]
"""Of either cohort in the first quarter of the evaluations, and later."""
SCENES: dict[str, tuple[Hazards, int]] = {
    "smaller faster": (((0.1, 0.1), (0.04, 0.04)), 96),
    "larger faster": (((0.03, 0.03), (0.08, 0.08)), 96),
    "crossing": (((0.07, 0.01), (0.008, 0.12)), 128),
    "equivalent": (((0.06, 0.06), (0.06, 0.06)), 900),
    "not reached": (((0.0, 0.0), (0.0, 0.0)), 24),
}
DIVERGED = 0.05


class Ends(enum.Enum):
    """How long trainers go on."""

    WHOLE = "to the budget"
    EARLY = "to the target, and some only up to where they are stopped"


STOPPED = 0.3
"""Share of the runs that are stopped at random, where they end early."""


def cells() -> Iterator[Cell]:
    """190 of 200, and 95 of 100."""
    for ends, trainers, replicates in (
        (Ends.WHOLE, "trainers of known hazards", 200),
        (Ends.EARLY, "trainers that end at the target or are stopped", 100),
    ):
        where = f"{trainers}, their curves, scripts/compare"
        simulate = functools.partial(_share_correct, ends)
        yield Cell("end to end, true verdict", where, replicates, Band(0.95, None, 0.95), simulate)


def _share_correct(ends: Ends, replicates: int, generator: np.random.Generator) -> float:
    with tempfile.TemporaryDirectory() as folder:
        truths, commands = [], []
        for index in range(replicates):
            truth = list(SCENES)[index % len(SCENES)]
            run = Path(folder) / str(index)
            run.mkdir()
            truths.append(truth)
            commands.append(_command(_written(run, truth, index, ends, generator), run / "out"))
        _compare(commands)
        found = [_verdict(Path(folder) / str(index)) for index in range(replicates)]
        return sum(map(str.__eq__, truths, found)) / replicates


def _written(run: Path, truth: str, index: int, ends: Ends, generator: np.random.Generator) -> Path:
    """The curves of both cohorts as CSV, every third time as Parquet."""
    hazards, members = SCENES[truth]
    if ends is Ends.EARLY:  # As many that are whole.
        members = round(members / (1 - STOPPED))
    file = run / "curves.csv"
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["cohort", "run", "step", "accuracy"])
        for cohort, pair in zip(("small", "large"), hazards, strict=True):
            for member in range(members):
                curve = _curve(pair, ends, generator)
                for evaluation, value in enumerate(curve, start=1):
                    rows.writerow([cohort, f"run-{member}", evaluation * EVERY, value])
    if index % 3 < 2:
        return file
    # A metric that is nan has diverged; an empty one was not measured.
    numbers = pyarrow.csv.ConvertOptions(null_values=[])
    table = pyarrow.csv.read_csv(file, convert_options=numbers)
    pyarrow.parquet.write_table(table, file.with_suffix(".parquet"))
    return file.with_suffix(".parquet")


def _curve(hazards: tuple[float, float], ends: Ends, generator: np.random.Generator) -> list[str]:
    """One run's metric: below the target until its moment comes, above it from then on."""
    quarter = EVALUATIONS // 4
    hazard = np.repeat(hazards, (quarter, EVALUATIONS - quarter))
    reached = np.flatnonzero(generator.random(EVALUATIONS) < hazard)
    hit = reached[0] if len(reached) else EVALUATIONS
    level = np.where(np.arange(EVALUATIONS) < hit, 0.7, 0.95) + generator.normal(
        0, 0.01, EVALUATIONS
    )
    curve = [f"{value:.5f}" for value in level]
    if generator.random() < DIVERGED:
        curve, hit = [*curve[: generator.integers(1, 5)], "nan"], EVALUATIONS
    if ends is Ends.WHOLE:
        return curve
    stop = generator.integers(2, EVALUATIONS) if generator.random() < STOPPED else EVALUATIONS
    return curve[: min(stop, hit + SUSTAIN)]


def _command(curves: Path, out: Path) -> list[str]:
    goal = ["--metric=accuracy", f"--target={TARGET}", "--smaller=small"]
    return [str(curves), *goal, f"--out={out}"]


def _compare(commands: Sequence[list[str]]) -> None:
    """Some by the whole command, the others by forks of a process that has imported it."""
    forks = [one for index, one in enumerate(commands) if index % WHOLE_COMMAND_EVERY]
    for command in commands[::WHOLE_COMMAND_EVERY]:
        _run(["experiments._compare", *command], "")
    _run(["calibration.forks"], json.dumps(forks))


def _run(module: list[str], text: str) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    subprocess.run(
        [sys.executable, "-m", *module],
        input=text,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
    )


def _verdict(run: Path) -> str:
    (contrast,) = json.loads((run / "out" / "verdict.json").read_text())["contrasts"]
    return str(contrast["verdict"])
