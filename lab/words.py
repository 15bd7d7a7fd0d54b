"""The lab's words that are values: one enum for each, on both sides of the records."""

import enum
import math


class Direction(enum.Enum):
    """Which way a metric improves."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Task(enum.Enum):
    """What is learned: it fixes the loss and the metrics."""

    SEGMENTATION = "segmentation"
    CLASSIFICATION = "classification"


class Metric(enum.Enum):
    """A figure of the whole validation split."""

    IOU = "iou"
    ACCURACY = "accuracy"
    LOSS = "loss"

    @property
    def direction(self) -> Direction:
        """Loss is minimised, the others are maximised."""
        return Direction.MINIMIZE if self is Metric.LOSS else Direction.MAXIMIZE

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return "IoU" if self is Metric.IOU else self.value

    @property
    def upper(self) -> float:
        """The largest value the metric can take; the smallest is 0 for all of them."""
        return math.inf if self is Metric.LOSS else 1.0


TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    Task.SEGMENTATION: (Metric.LOSS, Metric.IOU),
    Task.CLASSIFICATION: (Metric.LOSS, Metric.ACCURACY),
}


class Outcome(enum.Enum):
    """How a member ended."""

    REACHED = "reached"
    EXHAUSTED = "exhausted"
    DIVERGED = "diverged"


class Clock(enum.Enum):
    """What convergence time is counted in."""

    STEPS = "steps"
    EXAMPLES = "examples"
    FLOPS = "flops"

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return "FLOPs" if self is Clock.FLOPS else self.value
