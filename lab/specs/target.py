"""What counts as converged."""

import dataclasses
import math

from lab.specs.rules import require, require_positive, require_printable
from lab.words import Direction, Metric, Rule


@dataclasses.dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric of somebody else's training: its name, and which way it improves, as declared."""

    value: str
    direction: Direction

    def __post_init__(self) -> None:
        require_printable("metric", self.value)

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return self.value

    @property
    def lower(self) -> float:
        """Nothing is known of its range."""
        return -math.inf

    @property
    def upper(self) -> float:
        """Nothing is known of its range."""
        return math.inf


@dataclasses.dataclass(frozen=True, slots=True)
class TargetSpec:
    """When a member has converged: `sustain` evaluations in a row that are a success.

    By THRESHOLD, those at `thresholds[-1]` or better. By PLATEAU, `thresholds` are tolerances, and
    a run counts when all of it lies within the tolerance of the member's own best up to its end:
    a plateau says that a member has stopped improving, not how good it is. Both run from the
    easiest to the hardest. The time of a hit is the first evaluation of the run (STATISTICS,
    section 0, rule 5). Compared is the mean of the last `smoothing` evaluations; before there are
    that many nothing is a success.
    """

    metric: Metric | NamedMetric
    thresholds: tuple[float, ...]
    sustain: int = 2
    smoothing: int = 1
    rule: Rule = Rule.THRESHOLD

    def __post_init__(self) -> None:
        flag = "--plateau" if self.rule is Rule.PLATEAU else "--target"
        require(bool(self.thresholds), f"no threshold was given; pass at least one {flag}")
        for value in self.thresholds:
            require(
                math.isfinite(value) and self._least < value <= self.metric.upper,
                f"{flag.removeprefix('--')} {value} cannot be taken by {self.metric.value}, which "
                f"lies in ({self._least:g}, {self.metric.upper:g}]: pass a {flag} inside it",
            )
        hardening = sorted(set(self.thresholds), reverse=self._falling)
        require(
            self.thresholds == tuple(hardening),
            f"targets {self.thresholds} do not run from easiest to hardest: "
            f"pass them as {tuple(hardening)}",
        )
        require_positive(self, "sustain", "smoothing")
        require(
            self.rule is Rule.THRESHOLD or self.sustain >= 2,
            "a plateau of 1 evaluation is any evaluation at all: pass --sustain=5",
        )

    @property
    def direction(self) -> Direction:
        """The metric's own direction."""
        return self.metric.direction

    @property
    def _least(self) -> float:
        """Tolerances are positive whatever the metric."""
        return 0.0 if self.rule is Rule.PLATEAU else self.metric.lower

    @property
    def _falling(self) -> bool:
        """Whether thresholds fall from the easiest to the hardest; tolerances do."""
        return self.rule is Rule.PLATEAU or self.direction is Direction.MINIMIZE
