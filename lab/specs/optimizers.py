"""How weights are updated, a family each; the rate is that before any schedule.

Whatever `weight_decay` is, it pulls on parameters of two axes or more alone (kernels, embeddings),
not on biases and the scales of normalisation.
"""

import dataclasses
import math

from lab.specs.rules import require, require_positive


@dataclasses.dataclass(frozen=True, slots=True)
class AdamSpec:
    """Adam (Kingma and Ba 2015)."""

    learning_rate: float

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")


@dataclasses.dataclass(frozen=True, slots=True)
class SGDSpec:
    """Stochastic gradient descent with heavy-ball momentum, or Nesterov's.

    Weight decay is coupled: an L2 term of the loss, whose gradient goes through the momentum.
    """

    learning_rate: float
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_momentum(self.momentum)
        require(
            self.momentum > 0 or not self.nesterov,
            "momentum is 0, which Nesterov's does not work with: pass a larger --momentum",
        )
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class AdamWSpec:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    learning_rate: float
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class NAdamSpec:
    """Adam with Nesterov momentum (Dozat 2016)."""

    learning_rate: float

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")


@dataclasses.dataclass(frozen=True, slots=True)
class RMSPropSpec:
    """RMSProp (Tieleman and Hinton 2012), by default without momentum."""

    learning_rate: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_momentum(self.momentum)


@dataclasses.dataclass(frozen=True, slots=True)
class AdagradSpec:
    """Adagrad (Duchi et al. 2011)."""

    learning_rate: float

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")


@dataclasses.dataclass(frozen=True, slots=True)
class LionSpec:
    """Lion (Chen et al. 2023), with decoupled weight decay."""

    learning_rate: float
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class LAMBSpec:
    """LAMB (You et al. 2020), with decoupled weight decay."""

    learning_rate: float
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class MuonSpec:
    """Muon (Jordan 2024) on parameters of two axes or more, Adam at the same rate on the others.

    A kernel counts as a matrix of its last axis against all others together.
    """

    learning_rate: float
    momentum: float = 0.95
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_momentum(self.momentum)
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleFreeSpec:
    """Schedule-free AdamW (Defazio et al. 2024): it averages weights and evaluates the average."""

    learning_rate: float
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        _require_weight_decay(self.weight_decay)


@dataclasses.dataclass(frozen=True, slots=True)
class ProdigySpec:
    """Prodigy (Mishchenko and Defazio 2023): its own estimate of the rate, times this one."""

    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")


OptimizerSpec = (
    AdamSpec
    | SGDSpec
    | AdamWSpec
    | NAdamSpec
    | RMSPropSpec
    | AdagradSpec
    | LionSpec
    | LAMBSpec
    | MuonSpec
    | ScheduleFreeSpec
    | ProdigySpec
)


def _require_momentum(momentum: float) -> None:
    require(
        0 <= momentum < 1,
        f"momentum is {momentum}; it must lie in [0, 1): pass another --momentum",
    )


def _require_weight_decay(weight_decay: float) -> None:
    require(
        0 <= weight_decay < math.inf,
        f"weight_decay is {weight_decay}; it must be 0 or more, and finite: pass another "
        "--weight_decay",
    )
