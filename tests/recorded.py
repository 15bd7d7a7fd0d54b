"""Runs on the parabola of toys.py, and their records as plain rows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
from toys import DIGITS, descent_cohort, descent_plan, easy_images

from lab.records.parts import read_parts
from lab.records.schema import MEMBERS, curves_schema
from lab.records.store import RunFolder
from lab.specs import CohortSpec, StudySpec
from lab.training.lanes import Layout
from lab.training.planning import CohortPlan
from lab.training.progress import CohortProgress
from lab.training.runner import run

DATA = {DIGITS: easy_images(train=1, validation=1)}
MEMBERS_OF_TWO = (11, 6)
LAYOUT = Layout(2, 2)


def two_plans(evaluations: int = 3, devices: int = 1) -> tuple[CohortPlan, ...]:
    return tuple(
        descent_plan(
            descent_cohort(name=name, members=members, seed=seed), LAYOUT, evaluations, devices
        )
        for seed, (name, members) in enumerate(zip(("one", "two"), MEMBERS_OF_TWO, strict=True))
    )


class BoundedFolder(RunFolder):
    """A run folder that takes 500 parts at most, so that a run without end ends the test."""

    parts = 0

    def append(self, cohort: str, dispatch: int, members: pa.Table, curves: pa.Table) -> None:
        self.parts += 1
        assert self.parts <= 500, "the run does not end"
        super().append(cohort, dispatch, members, curves)


def go(
    folder: Path,
    plans: Sequence[CohortPlan],
    watch: Callable[[tuple[CohortProgress, ...]], None] = lambda _: None,
    checkpoint_seconds: float = 1e9,
) -> tuple[CohortProgress, ...]:
    study = StudySpec("?", tuple(plan.cohort for plan in plans), ())
    with BoundedFolder.open(folder, study) as opened:
        opened.write_environment({"cohorts": {plan.cohort.name: plan.facts() for plan in plans}})
        return run(plans, DATA, opened, watch, checkpoint_seconds)


Facts = tuple[list[dict[str, object]], list[dict[str, object]]]


def facts(folder: Path, cohort: CohortSpec) -> Facts:
    """Members and curves as rows, whatever the parts they came in; no row may come twice."""
    where = folder / "cohorts" / cohort.name
    members = read_parts(where, "members", MEMBERS).sort_by("member").to_pylist()
    curves = read_parts(where, "curves", curves_schema(cohort.metrics))
    by_time = [("member", "ascending"), ("evaluation", "ascending")]
    return members, curves.sort_by(by_time).to_pylist()


def all_facts(folder: Path, plans: Sequence[CohortPlan]) -> list[Facts]:
    return [facts(folder, plan.cohort) for plan in plans]
