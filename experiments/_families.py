"""What can each family learn here, and how soon? A table of every family and task.

    scripts/families                                       # every family and set
    scripts/families --only=lstm,vit --members=4
    scripts/families --markdown=docs/families.md

Trains a few members of a small network of each family on each of the lab's own sets that it reads,
to a declared target, and says how many reached it, at which step, and in what time. What was run
already is read from its run folder, so that an interrupted table is gone on with.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments import _data, _door, _flags
from experiments._unused import require_only
from lab.data.arrays import DataArrays
from lab.data.catalogue import OWN_SETS
from lab.errors import UsageError
from lab.models import count_parameters
from lab.races import open_data
from lab.records.files import given_file, given_path, write_whole
from lab.records.reader import read_records
from lab.reports.tables import Table
from lab.reports.typeset import markdown
from lab.specs import AdamSpec, CohortSpec, DataSpec, StudySpec, TargetSpec
from lab.specs.families import FAMILIES, model_spec
from lab.studies import How, run_study
from lab.training.problem import make_problem

_ONLY = flags.DEFINE_list("only", [], "Families or sets, by name; by default all.")
_MARKDOWN = flags.DEFINE_string("markdown", None, "Write the table to this file too.")
_FOLDER = flags.DEFINE_string("folder", "runs/families", "Where the runs are kept.")

_TAKEN = ("members", "seed", "data_dir", "deterministic")
HEADER = ("family", "dials", "parameters", "set", "target", "reached", "median step", "seconds")
NUMERIC = (2, 5, 6, 7)
BATCH_SIZE = 32
EVALUATIONS = 50


class Cell(NamedTuple):
    """A network on a set, and how it is trained; by default to the hardest target of the set."""

    family: str
    dials: dict[str, Any]
    dataset: str
    learning_rate: float
    budget_steps: int
    target: float | None = None
    image_size: int | None = None


CELLS = (
    Cell("mlp", {"width": 32}, "sklearn_digits", 0.003, 2000),
    Cell("mlp", {"width": 16}, "sklearn_breast_cancer", 0.003, 1000),
    Cell("mlp", {"width": 16}, "sklearn_wine", 0.003, 1000),
    Cell("mlp", {"width": 16}, "sklearn_diabetes", 0.003, 1000),
    Cell("mlp", {"width": 128, "depth": 1}, "sparse_parity", 0.003, 8000),
    Cell("mlp", {"width": 32, "depth": 1}, "teacher_student", 0.01, 6000),
    Cell("mlp", {"width": 32}, "linear_teacher", 0.003, 4000),
    Cell("deep_linear", {"width": 32, "depth": 3}, "linear_teacher", 0.003, 4000),
    Cell("deep_linear", {"width": 32, "depth": 2}, "sklearn_digits", 0.001, 4000, target=0.92),
    Cell("cnn", {"width": 16}, "sklearn_digits", 0.01, 2000),
    Cell("resnet", {"width": 4, "blocks": 1}, "sklearn_digits", 0.01, 1000),
    Cell("resnet", {"width": 4, "blocks": 1, "skips": False}, "sklearn_digits", 0.01, 1000),
    Cell("mobilenet", {"width": 0.25}, "sklearn_digits", 0.01, 1000),
    Cell("vit", {"width": 32, "depth": 2, "heads": 2, "patch": 2}, "sklearn_digits", 0.003, 2000),
    Cell("unet", {"width": 1.0}, "digits_on_photographs", 0.01, 1200),
    Cell("plain_unet", {"width": 4, "depth": 2}, "digits_on_photographs", 0.01, 1200),
    Cell("transformer", {"width": 64, "depth": 2, "heads": 2}, "python_documentation", 0.003, 3000),
    Cell(
        "transformer",
        {"width": 64, "depth": 1, "heads": 4},
        "modular_addition/modulus31-train70",
        0.003,
        6000,
    ),
    Cell("lstm", {"width": 64, "depth": 1}, "python_documentation", 0.01, 3000),
    Cell("lstm", {"width": 64, "depth": 1}, "modular_addition/modulus31-train70", 0.003, 6000),
)


def main() -> None:
    """Runs what is asked and not there yet; prints the table."""
    require_only(_TAKEN, _flags.SHARED)
    file = None if _MARKDOWN.value is None else given_file("markdown", _MARKDOWN.value)
    rows = []
    for cell in _asked():
        rows.append(_row(cell))
        print("  ".join(rows[-1]), flush=True)
    table = markdown(Table(HEADER, tuple(rows), frozenset(NUMERIC)))
    print(f"\n{table}")
    if file is not None:
        write_whole(file, table)


def _asked() -> tuple[Cell, ...]:
    known = {*FAMILIES, *OWN_SETS}
    for name in _ONLY.value:
        if name not in known:
            raise UsageError(f"only has {name!r}; there are {', '.join(sorted(known))}")
    if not _ONLY.value:
        return CELLS
    return tuple(
        cell for cell in CELLS if {cell.family, cell.dataset.split("/")[0]} & set(_ONLY.value)
    )


def _cohort(cell: Cell) -> tuple[CohortSpec, DataArrays]:
    own = OWN_SETS[cell.dataset.split("/")[0]]
    spec = DataSpec(cell.dataset, own.task, image_size=cell.image_size)
    named, data = open_data(spec, _data.data_dir())
    threshold = own.thresholds[-1] if cell.target is None else cell.target
    cohort = CohortSpec(
        name=f"{_name(cell)}-on-{cell.dataset.split('/')[0]}",
        data=named,
        model=model_spec(cell.family, cell.dials),
        optimizer=AdamSpec(cell.learning_rate),
        target=TargetSpec(own.metric, (threshold,)),
        batch_size=BATCH_SIZE,
        budget_steps=cell.budget_steps,
        eval_every=cell.budget_steps // EVALUATIONS,
        members=_flags.members(),
        seed=_flags.SEED.value,
    )
    return cohort, data


def _name(cell: Cell) -> str:
    return "plain" if cell.dials.get("skips") is False else cell.family


def _row(cell: Cell) -> tuple[str, ...]:
    """Trains the cell's members, unless that was done, and tells of them."""
    cohort, data = _cohort(cell)
    problem = make_problem(cohort.data, data)
    root = given_path("folder", _FOLDER.value) / cohort.name
    started = time.monotonic()
    run_study(
        StudySpec(f"Does {cell.family} learn {cell.dataset}?", (cohort,), ()),
        {cohort.data: data},
        root,
        How(command=_flags.command(), say=lambda _: None, warn=_door.warn),
        seconds=False,
    )
    seconds = time.monotonic() - started
    records = read_records(root)[cohort.name]
    reached = records.reached[:, -1]
    steps = np.where(reached, records.hit[:, -1] * cohort.eval_every, np.inf)
    median = float(np.median(steps))
    return (
        cell.family,
        ", ".join(f"{name} {value}" for name, value in cell.dials.items()),
        f"{count_parameters(cohort.model, problem.signature):,}",
        cell.dataset,
        f"{cohort.target.metric.label} {cohort.target.thresholds[-1]:g}",
        f"{int(reached.sum())} of {len(reached)}",
        f"{median:,.0f}" if np.isfinite(median) else f"beyond {cohort.budget_steps:,}",
        f"{seconds:.0f}",
    )


if __name__ == "__main__":
    flags.FLAGS.set_default("members", 8)
    for name in _TAKEN:
        flags.declare_key_flag(name)
    _flags.run_main(main)
