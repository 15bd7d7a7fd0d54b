"""What makes a task harder or easier than its data set is."""

import dataclasses
import math

from lab.specs.rules import require
from lab.words import Task

NOISY_TARGETS = (Task.CLASSIFICATION, Task.SEGMENTATION, Task.REGRESSION)


@dataclasses.dataclass(frozen=True, slots=True)
class DifficultySpec:
    """Dials of difficulty; by default none is turned. All draws come from `seed`, once for all.

    `classes` keeps the examples of these classes alone, in both splits, and numbers them anew.
    `train_fraction` is the share of the training examples that is kept; each class keeps its share.
    `imbalance` is how many times the most frequent class of the training split outnumbers the least
    frequent one; between them numbers fall geometrically, class by class (Cui et al. 2019,
    "Class-balanced loss based on effective number of samples", section 5.1).
    `label_noise` is the share of the training labels that are another class, any other equally
    likely (symmetric noise), or of the pixels of training masks that are flipped; of regression,
    the noise's standard deviation in those of the training targets.
    `input_noise` is the standard deviation of normal noise on the inputs of both splits: of images
    in units of their range, of vectors in the training split's deviation of each number.
    """

    classes: tuple[int, ...] | None = None
    train_fraction: float = 1.0
    imbalance: float = 1.0
    label_noise: float = 0.0
    input_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            self.classes is None or len(set(self.classes)) == len(self.classes) >= 2,
            f"classes are {self.classes}; it takes two or more, each once: pass --classes=0,1",
        )
        require(
            0 < self.train_fraction <= 1,
            f"train_fraction is {self.train_fraction}; it must lie in (0, 1]: pass another "
            "--train_fraction",
        )
        require(
            1 <= self.imbalance < math.inf,
            f"imbalance is {self.imbalance}; it is at least 1, which is balanced: pass another "
            "--imbalance",
        )
        require(
            0 <= self.label_noise < math.inf,
            f"label_noise is {self.label_noise}; it must be 0 or more: pass another --label_noise",
        )
        require(
            0 <= self.input_noise < math.inf,
            f"input_noise is {self.input_noise}; it must be 0 or more: pass another --input_noise",
        )
        require(0 <= self.seed < 2**32, f"seed is {self.seed}; it must lie in [0, 2**32)")

    def require_for(self, task: Task) -> None:
        """UsageError for a dial that means nothing to the task."""
        labelled = task is Task.CLASSIFICATION
        for name, turned in (("classes", self.classes), ("imbalance", self.imbalance > 1)):
            require(
                labelled or not turned,
                f"{name} is given, but {task.value} has no classes: drop --{name}",
            )
        require(
            self.label_noise == 0 or task in NOISY_TARGETS,
            f"label_noise is {self.label_noise}, but the targets of {task.value} are its own "
            "inputs: drop --label_noise",
        )
        require(
            self.label_noise <= 1 or task is Task.REGRESSION,
            f"label_noise is {self.label_noise}; as a share it must lie in [0, 1]: pass another "
            "--label_noise",
        )
        require(
            self.input_noise == 0 or task is not Task.LANGUAGE,
            f"input_noise is {self.input_noise}, but tokens are no numbers: drop --input_noise",
        )
