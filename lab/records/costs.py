"""What training costs beyond its steps, as it was measured where it ran."""

import dataclasses
from typing import Any, Self

from lab.errors import UsageError
from lab.specs.rules import require, require_positive

LEAST_COST, MOST_COST = 1e-30, 1e30
"""Of a step, in FLOPs or seconds: beyond them the square of a time is no number any more."""


def require_cost(name: str, value: float) -> None:
    """UsageError for a step that costs less or more than can be reckoned with."""
    require(
        LEAST_COST <= value <= MOST_COST,
        f"{name} is {value}; it must lie in [{LEAST_COST:g}, {MOST_COST:g}]: pass it in another "
        "unit, the same for all",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class SoloSeconds:
    """Wall seconds of one training step of one member that has one device to itself.

    `estimate` is the median over `repeats`, each the mean of `steps_per_repeat` steps; `lower` and
    `upper` are order statistics that hold the median at `level`. Compilation is no part of it:
    `compile_seconds` is what it took, or loading the program where it was kept from before.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    repeats: int
    steps_per_repeat: int
    compile_seconds: float
    device: str

    def __post_init__(self) -> None:
        require_positive(self, "repeats", "steps_per_repeat")
        for name in ("estimate", "lower", "upper"):
            require_cost(name, getattr(self, name))
        require(0 < self.level < 1, f"level is {self.level}; it must lie in (0, 1)")

    def taken_as(self, seconds: float) -> Self:
        """The same, were a step known to take so long."""
        return dataclasses.replace(self, estimate=seconds)

    def facts(self) -> dict[str, Any]:
        """As environment.json holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def of_facts(cls, facts: Any) -> Self | None:
        """What `facts` gave; None where it was not measured, UsageError where it is anything else.

        Runs of before there was this clock have none.
        """
        if facts is None:
            return None
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(facts, dict) or facts.keys() != names:
            raise UsageError(
                f"solo_seconds in environment.json is {facts!r}; it must hold "
                f"{', '.join(sorted(names))}: was it edited?"
            )
        return cls(**facts)
