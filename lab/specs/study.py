"""Cohorts, contrasts and the question they answer; JSON both ways."""

import dataclasses
import json
from typing import Self

import cattrs
import cattrs.strategies

from lab.errors import UsageError
from lab.specs.cohort import CohortSpec
from lab.specs.models import ModelSpec
from lab.specs.optimizers import OptimizerSpec
from lab.specs.rules import require
from lab.specs.schedules import ScheduleSpec
from lab.words import Clock

STUDY_SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class ContrastSpec:
    """One smaller cohort against one larger, by name."""

    smaller: str
    larger: str


@dataclasses.dataclass(frozen=True, slots=True)
class Margins:
    """What a verdict is decided with, declared before the run (STATISTICS, section 3).

    The interval of the win probability has level 1 - `alpha_win`, those of the incidence difference
    at m landmarks 1 - `alpha_landmarks`/m each. `delta` and `delta_incidence` bound equivalence.
    """

    alpha_win: float = 0.03
    alpha_landmarks: float = 0.02
    delta: float = 0.075
    delta_incidence: float = 0.15
    minimum_reached: float = 0.8

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            require(0 < value < 1, f"{field.name} is {value}; it must lie in (0, 1)")


@dataclasses.dataclass(frozen=True, slots=True)
class StudySpec:
    """Cohorts, contrasts, and the question they answer."""

    question: str
    cohorts: tuple[CohortSpec, ...]
    contrasts: tuple[ContrastSpec, ...]
    clocks: tuple[Clock, ...] = tuple(Clock)
    margins: Margins = Margins()

    def __post_init__(self) -> None:
        names = [cohort.name for cohort in self.cohorts]
        require(bool(names), "a study needs at least one cohort")
        require(len(set(names)) == len(names), f"cohort names {names} are not distinct")
        for contrast in self.contrasts:
            for name in (contrast.smaller, contrast.larger):
                require(name in names, f"contrast names cohort {name!r}; the study has {names}")
            require(
                contrast.smaller != contrast.larger,
                f"cohort {contrast.smaller!r} is contrasted with itself; name two cohorts",
            )
            _require_comparable(self.cohort(contrast.smaller), self.cohort(contrast.larger))

    def cohort(self, name: str) -> CohortSpec:
        """The cohort of that name; KeyError if there is none."""
        return {cohort.name: cohort for cohort in self.cohorts}[name]

    def to_json(self) -> str:
        """The whole study as indented JSON; `from_json` gives an equal study back."""
        document = {"schema": STUDY_SCHEMA, **_CONVERTER.unstructure(self)}
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote; UsageError on anything else."""
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"the study is not JSON: {error}") from error
        require(isinstance(document, dict), "the study is JSON, but not an object")
        schema = document.pop("schema", None)
        require(
            schema == STUDY_SCHEMA,
            f"the study has schema {schema}; this lab reads {STUDY_SCHEMA}",
        )
        try:
            return _CONVERTER.structure(document, cls)
        except cattrs.BaseValidationError as error:
            reasons = "; ".join(cattrs.transform_error(error))
            raise UsageError(f"the study does not fit its schema: {reasons}") from error


def _require_comparable(one: CohortSpec, other: CohortSpec) -> None:
    """A contrast compares times to one target on one grid (STATISTICS, section 0)."""
    for field in (
        "data",
        "target",
        "eval_every",
        "batch_size",
        "budget_steps",
        "divergence_factor",
        "precision",
    ):
        require(
            getattr(one, field) == getattr(other, field),
            f"cohorts {one.name!r} and {other.name!r} differ in {field}, so their times cannot be "
            "compared; give both the same",
        )


def json_converter() -> cattrs.Converter:
    """Specs to plain data and back; every member of a union carries its type's name."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for union in (ModelSpec, OptimizerSpec, ScheduleSpec):
        cattrs.strategies.configure_tagged_union(union, converter, tag_name="type")
    return converter


_CONVERTER = json_converter()
