"""What counts as converged."""

import dataclasses
import math

from lab.specs.rules import require, require_positive
from lab.words import Direction, Metric


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
        require(bool(self.thresholds), "no threshold was given; pass at least one --target")
        for value in self.thresholds:
            require(
                math.isfinite(value) and 0 < value <= self.metric.upper,
                f"target {value} cannot be taken by {self.metric.value}, which lies in "
                f"(0, {self.metric.upper:g}]: pass a --target inside it",
            )
        hardening = sorted(set(self.thresholds), reverse=self.direction is Direction.MINIMIZE)
        require(
            self.thresholds == tuple(hardening),
            f"targets {self.thresholds} do not run from easiest to hardest: "
            f"pass them as {tuple(hardening)}",
        )
        require_positive(self, "sustain")

    @property
    def direction(self) -> Direction:
        """The metric's own direction."""
        return self.metric.direction
