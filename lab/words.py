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
    LANGUAGE = "language"
    """The next token of a text."""


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
        """The largest value the metric can take."""
        return math.inf if self is Metric.LOSS else 1.0

    @property
    def lower(self) -> float:
        """The smallest."""
        return 0.0


TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    Task.SEGMENTATION: (Metric.LOSS, Metric.IOU),
    Task.CLASSIFICATION: (Metric.LOSS, Metric.ACCURACY),
    Task.LANGUAGE: (Metric.LOSS, Metric.ACCURACY),
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


class Rule(enum.Enum):
    """What counts as a success at one evaluation, or at several in a row."""

    THRESHOLD = "threshold"
    """The metric is at a declared value or better."""
    PLATEAU = "plateau"
    """The metric is within a tolerance of the member's own best so far."""


class Factor(enum.Enum):
    """What chance enters a member by; each factor has keys of its own."""

    INIT = "init"
    """The initial weights."""
    ORDER = "order"
    """In which order the training examples come."""
    DROPOUT = "dropout"


class Precision(enum.Enum):
    """What forward and backward passes compute in; parameters are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Hyperparameter(enum.Enum):
    """What may differ between the members of a cohort; named as the field that declares it."""

    LEARNING_RATE = "learning_rate"
    WEIGHT_DECAY = "weight_decay"
    MOMENTUM = "momentum"
    WARMUP_STEPS = "warmup_steps"
    CLIP_NORM = "clip_norm"
    EMA_DECAY = "ema_decay"
    DROPOUT = "dropout"
    LABEL_SMOOTHING = "label_smoothing"

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return _HYPERPARAMETER_LABELS[self]


_HYPERPARAMETER_LABELS = {
    Hyperparameter.LEARNING_RATE: "rate",
    Hyperparameter.WEIGHT_DECAY: "weight decay",
    Hyperparameter.MOMENTUM: "momentum",
    Hyperparameter.WARMUP_STEPS: "warm-up steps",
    Hyperparameter.CLIP_NORM: "gradient norm at most",
    Hyperparameter.EMA_DECAY: "weights averaged with decay",
    Hyperparameter.DROPOUT: "dropout",
    Hyperparameter.LABEL_SMOOTHING: "label smoothing",
}
