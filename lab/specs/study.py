"""Cohorts, contrasts and the question they answer; JSON both ways."""

import dataclasses
import json
from typing import Any, Self

import cattrs
import cattrs.strategies

from lab.documents import parsed_object, reasons, strict_converter
from lab.errors import UsageError
from lab.specs.cohort import CohortSpec
from lab.specs.comparison import DEFAULT_MARGINS, Comparison, ContrastSpec, Margins
from lab.specs.data import DataSpec
from lab.specs.models import ModelSpec
from lab.specs.optimizers import OptimizerSpec
from lab.specs.own import AnyDataSpec
from lab.specs.rules import require
from lab.specs.schedules import ScheduleSpec
from lab.specs.sequential import SequentialSpec
from lab.specs.target import NamedMetric
from lab.words import Cause, Clock, Metric

STUDY_SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class StudySpec:
    """Cohorts, contrasts, and the question they answer.

    With a `cause` its contrasts are the same question at several levels of it; `baseline` is the
    level that the others are held against. Of a `search` the members choose hyperparameters, so
    that nothing may be judged by them.
    """

    question: str
    cohorts: tuple[CohortSpec, ...]
    contrasts: tuple[ContrastSpec, ...]
    clocks: tuple[Clock, ...] = tuple(Clock)
    margins: Margins = DEFAULT_MARGINS
    sequential: SequentialSpec | None = None
    cause: Cause | None = None
    baseline: str = ""
    search: bool = False

    def __post_init__(self) -> None:
        names = [cohort.name for cohort in self.cohorts]
        require(bool(names), "a study needs at least one cohort")
        require(bool(self.clocks), "a study needs at least one clock")
        require(len(set(names)) == len(names), f"cohort names {names} are not distinct")
        for contrast in self.contrasts:
            for name in (contrast.smaller, contrast.larger):
                require(name in names, f"contrast names cohort {name!r}; the study has {names}")
            require(
                contrast.smaller != contrast.larger,
                f"cohort {contrast.smaller!r} is contrasted with itself; name two cohorts",
            )
            pair = self.cohort(contrast.smaller), self.cohort(contrast.larger)
            _require_comparable(*pair)
            _require_settings(contrast, pair, self.sequential)
        self._require_levels()

        if self.sequential is not None:
            for cohort in self.cohorts:
                require(
                    cohort.members == self.sequential.looks[-1],
                    f"cohort {cohort.name!r} has {cohort.members} members; the last look is at "
                    f"{self.sequential.looks[-1]}: give both the same",
                )

        blocks = any(1 < (cohort.seeds.order or 0) < cohort.members for cohort in self.cohorts)
        require(
            self.sequential is None or self.sequential.planned or not blocks,
            "members share data orders, of which there are too few for confidence sequences: pass "
            "--planned, or drop order from --cross",
        )

    def _require_levels(self) -> None:
        levels = [contrast.level for contrast in self.contrasts]
        require(
            not self.baseline or self.baseline in levels,
            f"baseline is {self.baseline!r}; the levels are {', '.join(dict.fromkeys(levels))}",
        )
        require(
            not self.search or not self.contrasts,
            "members that choose hyperparameters cannot be judged by; measure on others",
        )

    def cohort(self, name: str) -> CohortSpec:
        """The cohort of that name; KeyError if there is none."""
        return {cohort.name: cohort for cohort in self.cohorts}[name]

    @property
    def comparison(self) -> Comparison:
        """What the study asks of its records."""
        return Comparison(
            self.question,
            self.contrasts,
            self.clocks,
            self.margins,
            self.sequential,
            self.cause,
            self.baseline,
        )

    def to_json(self) -> str:
        """The whole study as indented JSON; `from_json` gives an equal study back."""
        document = {"schema": STUDY_SCHEMA, **_CONVERTER.unstructure(self)}
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote; UsageError on anything else."""
        try:
            document = parsed_object(text)
        except UsageError as error:
            raise UsageError(f"the study cannot be read: {error}") from error
        schema = document.pop("schema", None)
        require(
            schema == STUDY_SCHEMA,
            f"the study has schema {schema}; this lab reads {STUDY_SCHEMA}",
        )
        try:
            return _CONVERTER.structure(document, cls)
        except cattrs.BaseValidationError as error:
            raise UsageError(f"the study does not fit its schema: {reasons(error)}") from error


def _require_comparable(one: CohortSpec, other: CohortSpec) -> None:
    """A contrast compares times to one target on one grid, as far as both cohorts are followed."""
    for field in (
        "data",
        "target",
        "eval_every",
        "batch_size",
        "divergence_factor",
        "precision",
        "seeds",
        "train_share",
    ):
        require(
            getattr(one, field) == getattr(other, field),
            f"cohorts {one.name!r} and {other.name!r} differ in {field}, so their times cannot be "
            "compared; give both the same",
        )
    require(
        one.seeds.order is None or one.seed == other.seed,
        f"members of {one.name!r} share data orders, those of {other.name!r} share others: give "
        "both cohorts one seed, so that orders are replicates",
    )


def _require_settings(
    contrast: ContrastSpec,
    pair: tuple[CohortSpec, CohortSpec],
    sequential: SequentialSpec | None,
) -> None:
    """A contrast at one setting needs cohorts in which some members have it, and whole ones."""
    if not contrast.at:
        return
    for cohort in pair:
        try:
            _, period = cohort.at(contrast.at)
        except ValueError as error:
            raise UsageError(f"a contrast cannot be made: {error}") from error
        require(
            cohort.members % period == 0,
            f"{cohort.members} members of {cohort.name!r} cannot have each of {period} settings "
            f"equally often: pass --members={-(-cohort.members // period) * period}",
        )
        require(
            cohort.seeds.combinations == 1,
            "members have several settings, and share seeds besides: drop --cross",
        )
    require(sequential is None, "members have several settings: drop --sequential")


def json_converter() -> cattrs.Converter:
    """Specs to plain data and back; every member of a union carries its type's name."""
    converter = strict_converter(forbid_extra_keys=True)

    def metric(value: Any, _: Any) -> Metric | NamedMetric:
        return Metric(value) if isinstance(value, str) else converter.structure(value, NamedMetric)

    converter.register_structure_hook(Metric | NamedMetric, metric)
    for union in (ModelSpec, OptimizerSpec, ScheduleSpec):
        cattrs.strategies.configure_tagged_union(union, converter, tag_name="type")
    # Before there were tasks of a user's own, data bore no tag.
    cattrs.strategies.configure_tagged_union(
        AnyDataSpec, converter, tag_name="type", default=DataSpec
    )
    return converter


_CONVERTER = json_converter()
