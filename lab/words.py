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
    REGRESSION = "regression"


class Tokens(enum.Enum):
    """What a text is cut into."""

    CHARACTERS = "characters"
    BPE = "bpe"
    """Byte pair encoding: bytes, and the sequences of them that are frequent."""


class Metric(enum.Enum):
    """A figure of the whole validation split."""

    IOU = "iou"
    DICE = "dice"
    ACCURACY = "accuracy"
    LOSS = "loss"
    PERPLEXITY = "perplexity"
    BITS_PER_CHARACTER = "bits_per_character"
    R_SQUARED = "r_squared"

    @property
    def direction(self) -> Direction:
        """Which way it improves."""
        return Direction.MINIMIZE if self in _FALLING else Direction.MAXIMIZE

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return _METRIC_LABELS.get(self, self.value)

    @property
    def upper(self) -> float:
        """The largest value the metric can take."""
        return math.inf if self in _FALLING else 1.0

    @property
    def lower(self) -> float:
        """The smallest."""
        return _LOWER.get(self, 0.0)


_FALLING = (Metric.LOSS, Metric.PERPLEXITY, Metric.BITS_PER_CHARACTER)
_LOWER = {Metric.PERPLEXITY: 1.0, Metric.R_SQUARED: -math.inf}
_METRIC_LABELS = {
    Metric.IOU: "IoU",
    Metric.DICE: "Dice",
    Metric.BITS_PER_CHARACTER: "bits per character",
    Metric.R_SQUARED: "R²",
}

TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    Task.SEGMENTATION: (Metric.LOSS, Metric.IOU, Metric.DICE),
    Task.CLASSIFICATION: (Metric.LOSS, Metric.ACCURACY),
    Task.LANGUAGE: (Metric.LOSS, Metric.PERPLEXITY, Metric.BITS_PER_CHARACTER, Metric.ACCURACY),
    Task.REGRESSION: (Metric.LOSS, Metric.R_SQUARED),
}
"""The loss first: it is what is trained on."""


class Outcome(enum.Enum):
    """How a member ended."""

    REACHED = "reached"
    EXHAUSTED = "exhausted"
    DIVERGED = "diverged"
    STOPPED = "stopped"
    """Before the budget was spent, elsewhere, for a reason unknown: what came after nobody saw."""


class Clock(enum.Enum):
    """What convergence time is counted in."""

    STEPS = "steps"
    EXAMPLES = "examples"
    FLOPS = "flops"
    SECONDS = "seconds"
    """Of a member that trains alone on one device, without compilation."""

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return "FLOPs" if self is Clock.FLOPS else self.value


class Cause(enum.Enum):
    """What may decide whether the smaller or the larger net converges first."""

    WIDTH = "width"
    DEPTH = "depth"
    OPTIMIZER = "optimizer"
    LEARNING_RATE = "learning rate"
    INITIAL_STATE = "initial state"
    ARCHITECTURE = "architecture at an equal count"
    DIFFICULTY = "difficulty of the problem"
    REGULARIZATION = "regularization"
    SIZE = "size of a U-Net"


class Search(enum.Enum):
    """How trials of hyperparameters are placed."""

    GRID = "grid"
    RANDOM = "random"
    HALVING = "halving"
    """From round to round the better half of the trials, with twice the members each."""


class Tune(enum.Enum):
    """How each cohort comes by its learning rate."""

    NONE = "none"
    """All have the rate declared."""
    DEFAULT = "default"
    """The rate declared is the smallest net's; the transfer rule gives the others theirs."""
    GRID = "grid"
    RANDOM = "random"
    HALVING = "halving"
    MUP = "mup"
    """Searched at the base width, and transferred to the others by muP."""


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
    SPLIT = "split"
    """Which of the training examples a member has at all."""


class Residence(enum.Enum):
    """Where the training examples lie while members train."""

    AUTO = "auto"
    """On the device, if they fit there."""
    DEVICE = "device"
    """On the device, all of them: every member may draw its own."""
    STREAM = "stream"
    """On disk: all members are sent the same batches, a few ahead."""


class Precision(enum.Enum):
    """What forward and backward passes compute in; parameters are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Activation(enum.Enum):
    """What a unit does with the sum it is given."""

    RELU = "relu"
    RELU6 = "relu6"
    GELU = "gelu"
    SILU = "silu"
    TANH = "tanh"


class Normalisation(enum.Enum):
    """Over what numbers a layer's outputs are brought to mean 0 and variance 1, if over any."""

    NONE = "none"
    BATCH = "batch"
    LAYER = "layer"
    GROUP = "group"


class Scheme(enum.Enum):
    """How weights are drawn before training."""

    FAMILY = "family"
    """As the network's family, or the user's own module, draws them."""
    HE = "he"
    GLOROT = "glorot"
    LECUN = "lecun"
    ORTHOGONAL = "orthogonal"
    TRUNCATED_NORMAL = "truncated_normal"

    @property
    def label(self) -> str:
        """As it stands in a sentence."""
        return _SCHEME_LABELS.get(self, self.value.replace("_", " "))


_SCHEME_LABELS = {Scheme.HE: "He", Scheme.GLOROT: "Glorot", Scheme.LECUN: "LeCun"}


class Use(enum.Enum):
    """What is taken from trained weights."""

    PRETRAINED = "pretrained"
    """The weights themselves."""
    MATCHED = "matched"
    """Each tensor's mean and variance alone."""


class Parametrisation(enum.Enum):
    """How the draws and the learning rate of each tensor follow the width."""

    STANDARD = "standard"
    MUP = "mup"
    """The maximal update parametrisation (Yang et al. 2022)."""


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
