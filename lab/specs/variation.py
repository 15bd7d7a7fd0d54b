"""Hyperparameters that differ between the members of one cohort."""

import dataclasses

from lab.specs.rules import require
from lab.words import Hyperparameter


@dataclasses.dataclass(frozen=True, slots=True)
class Varied:
    """Member i has `values[i % len(values)]`: a value for each member, or a grid taken in turn.

    Two that vary run through their values side by side; as a grid of all pairs, their numbers of
    values must have no common divisor.
    """

    hyperparameter: Hyperparameter
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        name = self.hyperparameter.value
        require(
            len(set(self.values)) >= 2,
            f"{name} varies over {self.values}; it takes two different values or more: pass "
            f"--{name} for a single one",
        )
