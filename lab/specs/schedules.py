"""How the learning rate changes with a member's own steps, as a factor of the declared rate.

Steps count from the end of the warm-up, if there is one.
"""

import dataclasses

from lab.specs.rules import require

MAX_SCHEDULE_STEPS = 2**31 - 1
"""Steps are int32 on the device."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConstantSchedule:
    """The declared rate throughout."""


@dataclasses.dataclass(frozen=True, slots=True)
class CosineSchedule:
    """Half a cosine from 1 down to `final` (Loshchilov and Hutter 2017, equation 5).

    It is down at step `decay_steps`, which counts the warm-up in, and stays there.
    """

    decay_steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _require_steps(self, "decay_steps")
        require(0 <= self.final < 1, f"final is {self.final}; it must lie in [0, 1)")


@dataclasses.dataclass(frozen=True, slots=True)
class StepSchedule:
    """Times `factor` after every `interval` steps."""

    interval: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _require_steps(self, "interval")
        require(0 < self.factor < 1, f"factor is {self.factor}; it must lie in (0, 1)")


@dataclasses.dataclass(frozen=True, slots=True)
class InverseSquareRootSchedule:
    """sqrt(t / (t + step)) for a timescale t (Zhai et al. 2022, "Scaling vision transformers")."""

    timescale: int

    def __post_init__(self) -> None:
        _require_steps(self, "timescale")


ScheduleSpec = ConstantSchedule | CosineSchedule | StepSchedule | InverseSquareRootSchedule


def _require_steps(schedule: object, name: str) -> None:
    """UsageError unless this field is a number of steps that a member can count to."""
    value = getattr(schedule, name)
    require(
        1 <= value <= MAX_SCHEDULE_STEPS,
        f"{name} is {value}; it must lie in [1, {MAX_SCHEDULE_STEPS}]: pass another "
        "--schedule_steps",
    )
