"""The end to end cell: trainers of known hazards write curves, scripts/compare judges them."""

import csv
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

EVALUATIONS, EVERY, TARGET = 40, 25, 0.9
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


def cells() -> Iterator[Cell]:
    """190 of 200."""
    where = "trainers of known hazards, their curves, scripts/compare"
    yield Cell("end to end, true verdict", where, 200, Band(0.95, None, 0.95), _share_correct)


def _share_correct(replicates: int, generator: np.random.Generator) -> float:
    with tempfile.TemporaryDirectory() as folder:
        truths, commands = [], []
        for index in range(replicates):
            truth = list(SCENES)[index % len(SCENES)]
            run = Path(folder) / str(index)
            run.mkdir()
            truths.append(truth)
            commands.append(_command(_written(run, truth, index, generator), run / "out"))
        _compare(commands)
        found = [_verdict(Path(folder) / str(index)) for index in range(replicates)]
        return sum(map(str.__eq__, truths, found)) / replicates


def _written(run: Path, truth: str, index: int, generator: np.random.Generator) -> Path:
    """The curves of both cohorts as CSV, every third time as Parquet."""
    hazards, members = SCENES[truth]
    file = run / "curves.csv"
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["cohort", "run", "step", "accuracy"])
        for cohort, pair in zip(("small", "large"), hazards, strict=True):
            for member in range(members):
                for evaluation, value in enumerate(_curve(pair, generator), start=1):
                    rows.writerow([cohort, f"run-{member}", evaluation * EVERY, value])
    if index % 3 < 2:
        return file
    # A metric that is nan has diverged; an empty one was not measured.
    numbers = pyarrow.csv.ConvertOptions(null_values=[])
    table = pyarrow.csv.read_csv(file, convert_options=numbers)
    pyarrow.parquet.write_table(table, file.with_suffix(".parquet"))
    return file.with_suffix(".parquet")


def _curve(hazards: tuple[float, float], generator: np.random.Generator) -> list[str]:
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
        return [*curve[: generator.integers(1, 5)], "nan"]
    return curve


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
