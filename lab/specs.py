"""Frozen, self-validating descriptions: the lab's only configuration, JSON both ways.

A spec says what shall happen and holds nothing that has happened. It is built from plain numbers,
strings and enums, so that the analysis tower can read a study without JAX.
"""

import dataclasses
import json
import math
import re
from typing import Self

import cattrs
import cattrs.strategies
import numpy as np

from lab.errors import UsageError
from lab.words import TASK_METRICS, Clock, Direction, Metric, Task

_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

STUDY_SCHEMA = 1
MAX_EXAMPLES = 2**31 - 1
"""Positions in a member's stream of examples are int32 on the device."""
MAX_MEMBERS = 2**30
"""Member indices are int32 on the device, with room for those past the last."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


def _require_positive(spec: object, *names: str) -> None:
    for name in names:
        value = getattr(spec, name)
        _require(
            value > 0 and math.isfinite(value),
            f"{name} is {value}; it must be positive and finite: pass a larger --{name}",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class DataSpec:
    """A TFDS data set by name, and what is read of it.

    `image_size` resizes every image to a square of that many pixels; None keeps the native size,
    which must then be the same for all. A split is a TFDS split expression; None takes the set's
    own `train` and `validation`, or holds the last 15% of `train` out where it has no `validation`.
    `foreground` lists the mask values that count as foreground (segmentation only).
    """

    name: str
    task: Task
    image_size: int | None = None
    train_split: str | None = None
    validation_split: str | None = None
    foreground: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        _require(bool(self.name), "the data set's name is empty; pass --dataset=NAME")
        if self.image_size is not None:
            _require_positive(self, "image_size")
        if self.task is Task.SEGMENTATION:
            _require(bool(self.foreground), "no mask value counts as foreground; name at least one")


@dataclasses.dataclass(frozen=True, slots=True)
class UNetSpec:
    """A MobileNetV2 U-Net; `width` multiplies every channel count, as MobileNetV2's multiplier."""

    width: float
    expansion: int = 3

    def __post_init__(self) -> None:
        _require_positive(self, "width", "expansion")


@dataclasses.dataclass(frozen=True, slots=True)
class MLPSpec:
    """`depth` hidden layers of `width` units."""

    width: int
    depth: int = 2

    def __post_init__(self) -> None:
        _require_positive(self, "width", "depth")


@dataclasses.dataclass(frozen=True, slots=True)
class CNNSpec:
    """`depth` 3x3 convolutions of `width` channels, then global average pooling."""

    width: int
    depth: int = 2

    def __post_init__(self) -> None:
        _require_positive(self, "width", "depth")


ModelSpec = UNetSpec | MLPSpec | CNNSpec


@dataclasses.dataclass(frozen=True, slots=True)
class AdamSpec:
    """Adam at a constant rate."""

    learning_rate: float

    def __post_init__(self) -> None:
        _require_positive(self, "learning_rate")


@dataclasses.dataclass(frozen=True, slots=True)
class SGDSpec:
    """Stochastic gradient descent at a constant rate, with heavy-ball momentum."""

    learning_rate: float
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _require_positive(self, "learning_rate")
        _require(
            0 <= self.momentum < 1,
            f"momentum is {self.momentum}; it must lie in [0, 1): pass another --momentum",
        )


OptimizerSpec = AdamSpec | SGDSpec


@dataclasses.dataclass(frozen=True, slots=True)
class TargetSpec:
    """When a member has converged: `sustain` evaluations in a row at `thresholds[-1]` or better.

    Thresholds run from the easiest to the hardest. The time of a hit is the first evaluation of the
    run of `sustain` (STATISTICS, section 0, rule 5).
    """

    metric: Metric
    thresholds: tuple[float, ...]
    sustain: int = 2

    def __post_init__(self) -> None:
        _require(bool(self.thresholds), "no threshold was given; pass at least one --target")
        for value in self.thresholds:
            _require(
                math.isfinite(value) and 0 < value <= self.metric.upper,
                f"target {value} cannot be taken by {self.metric.value}, which lies in "
                f"(0, {self.metric.upper:g}]: pass a --target inside it",
            )
        hardening = sorted(set(self.thresholds), reverse=self.direction is Direction.MINIMIZE)
        _require(
            self.thresholds == tuple(hardening),
            f"targets {self.thresholds} do not run from easiest to hardest: "
            f"pass them as {tuple(hardening)}",
        )
        _require_positive(self, "sustain")

    @property
    def direction(self) -> Direction:
        """The metric's own direction."""
        return self.metric.direction


@dataclasses.dataclass(frozen=True, slots=True)
class CohortSpec:
    """All that one compiled program needs: members differ by their index alone.

    `seed` is the root of every random draw of the cohort; member i of a cohort is the same whatever
    `members` is.
    """

    name: str
    data: DataSpec
    model: ModelSpec
    optimizer: OptimizerSpec
    target: TargetSpec
    batch_size: int
    budget_steps: int
    eval_every: int
    members: int
    seed: int

    def __post_init__(self) -> None:
        _require(
            _FOLDER_NAME.fullmatch(self.name) is not None,
            f"cohort name {self.name!r} cannot name a folder; use letters, digits, -, _ and .",
        )
        _require_positive(self, "batch_size", "budget_steps", "eval_every", "members")
        _require(
            self.members <= MAX_MEMBERS,
            f"members is {self.members}; at most {MAX_MEMBERS}: pass a smaller --members",
        )
        _require(0 <= self.seed < 2**32, f"seed is {self.seed}; it must lie in [0, 2**32)")
        _require(
            self.target.metric in TASK_METRICS[self.data.task],
            f"metric {self.target.metric.value} is not measured in {self.data.task.value}; use one "
            f"of {', '.join(metric.value for metric in TASK_METRICS[self.data.task])}",
        )
        _require(
            self.budget_steps % self.eval_every == 0,
            f"budget_steps {self.budget_steps} is not a multiple of eval_every {self.eval_every}: "
            f"pass --budget_steps={self._next_budget()}",
        )
        _require(
            self.evaluations >= self.target.sustain,
            f"a budget of {self.evaluations} evaluations cannot hold {self.target.sustain} in a "
            "row: pass a larger --budget_steps or a smaller --eval_every or --sustain",
        )
        _require(
            self.budget_steps * self.batch_size <= MAX_EXAMPLES,
            f"{self.budget_steps} steps of {self.batch_size} examples exceed {MAX_EXAMPLES}: "
            "pass a smaller --budget_steps or --batch_size",
        )

    def _next_budget(self) -> int:
        return math.ceil(self.budget_steps / self.eval_every) * self.eval_every

    @property
    def evaluations(self) -> int:
        """How many evaluations the budget holds; the first comes after `eval_every` steps."""
        return self.budget_steps // self.eval_every

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured at every evaluation, in this order."""
        return TASK_METRICS[self.data.task]


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
            _require(0 < value < 1, f"{field.name} is {value}; it must lie in (0, 1)")


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
        _require(bool(names), "a study needs at least one cohort")
        _require(len(set(names)) == len(names), f"cohort names {names} are not distinct")
        for contrast in self.contrasts:
            for name in (contrast.smaller, contrast.larger):
                _require(name in names, f"contrast names cohort {name!r}; the study has {names}")
            _require(
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
        _require(isinstance(document, dict), "the study is JSON, but not an object")
        schema = document.pop("schema", None)
        _require(
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
    for field in ("data", "target", "eval_every", "batch_size", "budget_steps"):
        _require(
            getattr(one, field) == getattr(other, field),
            f"cohorts {one.name!r} and {other.name!r} differ in {field}, so their times cannot be "
            "compared; give both the same",
        )


def cohort_seeds(root: int, count: int) -> tuple[int, ...]:
    """`count` seeds for the cohorts of a study, independent of each other, from one root."""
    _require(0 <= root < 2**32, f"seed is {root}; it must lie in [0, 2**32): pass another --seed")
    return tuple(int(seed) for seed in np.random.SeedSequence(root).generate_state(count))


def json_converter() -> cattrs.Converter:
    """Specs to plain data and back; every member of a union carries its type's name."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for union in (ModelSpec, OptimizerSpec):
        cattrs.strategies.configure_tagged_union(union, converter, tag_name="type")
    return converter


_CONVERTER = json_converter()
