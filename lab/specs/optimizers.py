"""How it is trained."""

import dataclasses

from lab.specs.rules import require, require_positive


@dataclasses.dataclass(frozen=True, slots=True)
class AdamSpec:
    """Adam at a constant rate."""

    learning_rate: float

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")


@dataclasses.dataclass(frozen=True, slots=True)
class SGDSpec:
    """Stochastic gradient descent at a constant rate, with heavy-ball momentum."""

    learning_rate: float
    momentum: float = 0.9

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        require(
            0 <= self.momentum < 1,
            f"momentum is {self.momentum}; it must lie in [0, 1): pass another --momentum",
        )


OptimizerSpec = AdamSpec | SGDSpec
