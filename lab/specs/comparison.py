"""What is asked of the records: which cohorts are compared, on which clocks, by which margins."""

import dataclasses

from lab.specs.rules import require, require_printable
from lab.specs.sequential import SequentialSpec
from lab.words import Cause, Clock, Hyperparameter


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One of the values that a hyperparameter varies over in a cohort."""

    hyperparameter: Hyperparameter
    value: float


@dataclasses.dataclass(frozen=True, slots=True)
class ContrastSpec:
    """One smaller cohort against one larger, by name.

    `level` is what both have of the study's cause, as "adam" of optimizers. With `at` the contrast
    is between those members of either cohort that have these hyperparameters.
    """

    smaller: str
    larger: str
    level: str = ""
    at: tuple[Setting, ...] = ()

    def __post_init__(self) -> None:
        require_printable("level", self.level)


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


DEFAULT_MARGINS = Margins()


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """A question put to records; `sequential` where they were gathered until it was answered.

    With a `cause` the contrasts are at several levels of it, held against that of `baseline`.
    """

    question: str
    contrasts: tuple[ContrastSpec, ...]
    clocks: tuple[Clock, ...]
    margins: Margins = DEFAULT_MARGINS
    sequential: SequentialSpec | None = None
    cause: Cause | None = None
    baseline: str = ""
