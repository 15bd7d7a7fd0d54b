"""What surrounds the optimizer."""

import dataclasses
import math

from lab.specs.rules import require, require_positive
from lab.specs.schedules import ConstantSchedule, CosineSchedule, ScheduleSpec

MAX_WARMUP_STEPS = 2**24
"""Hyperparameters are float32 on the device, which tells whole numbers apart up to here."""

_CONSTANT = ConstantSchedule()


@dataclasses.dataclass(frozen=True, slots=True)
class RecipeSpec:
    """Schedule, clipping, averaging and regularisation; by default none of it.

    The rate climbs linearly to its declared value in the first `warmup_steps` updates: update n has
    n / `warmup_steps` of it, so that none is lost. Gradients whose global norm exceeds `clip_norm`
    are scaled down to it. With an `ema_decay` a member is evaluated at the exponential moving
    average of its weights, and of the running statistics of its batch normalisation alike.
    `dropout` is the share of a layer's outputs that a training step sets to 0; with
    `label_smoothing` a the training loss takes targets (1 - a) * one-hot + a / classes (Szegedy et
    al. 2016, section 7), the metrics the true ones.
    """

    schedule: ScheduleSpec = _CONSTANT
    warmup_steps: int = 0
    clip_norm: float | None = None
    ema_decay: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require(
            0 <= self.warmup_steps <= MAX_WARMUP_STEPS,
            f"warmup_steps is {self.warmup_steps}; it must lie in [0, {MAX_WARMUP_STEPS}]: pass "
            "another --warmup_steps",
        )
        require(
            not isinstance(self.schedule, CosineSchedule)
            or self.warmup_steps < self.schedule.decay_steps,
            f"warmup_steps {self.warmup_steps} leave nothing of the schedule's steps: pass a "
            "smaller --warmup_steps",
        )
        if self.clip_norm is not None:
            require_positive(self, "clip_norm")
        for name in ("ema_decay", "dropout", "label_smoothing"):
            value = getattr(self, name)
            require(
                0 <= value < 1 and math.isfinite(value),
                f"{name} is {value}; it must lie in [0, 1): pass another --{name}",
            )
