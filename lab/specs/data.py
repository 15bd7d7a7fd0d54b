"""What is learned from."""

import dataclasses

from lab.specs.difficulty import DifficultySpec
from lab.specs.rules import require, require_positive
from lab.specs.text import TextSpec
from lab.words import TASK_METRICS, Metric, Residence, Task

_AS_IT_IS = DifficultySpec()

LARGEST_IMAGE = 4096
"""Pixels square: one batch of 16 such has 3 GB, and what lies beyond is a slip of the keyboard."""


@dataclasses.dataclass(frozen=True, slots=True)
class DataSpec:
    """A TFDS data set by name, and what is read of it.

    `image_size` resizes every image to a square of that many pixels; None keeps the native size,
    which must then be the same for all. A split is a TFDS split expression; None takes the set's
    own `train` and `validation`, or holds the last 15% of `train` out where it has no `validation`.
    `foreground` lists the mask values that count as foreground (segmentation only). `text` says how
    a language is cut into tokens; None is by characters. `residence` says whether the training
    split lies on the device or is streamed.
    """

    name: str
    task: Task
    image_size: int | None = None
    train_split: str | None = None
    validation_split: str | None = None
    foreground: tuple[int, ...] = (1,)
    text: TextSpec | None = None
    difficulty: DifficultySpec = _AS_IT_IS
    residence: Residence = Residence.AUTO

    def __post_init__(self) -> None:
        require(bool(self.name), "the data set's name is empty; pass --dataset=NAME")
        if self.image_size is not None:
            require_positive(self, "image_size")
        if self.task is Task.SEGMENTATION:
            require(bool(self.foreground), "no mask value counts as foreground; name at least one")
        require(
            self.text is None or self.task is Task.LANGUAGE,
            f"{self.task.value} reads no text: drop --window, --tokens and --vocabulary",
        )
        require(
            self.image_size is None or self.task is not Task.LANGUAGE,
            "image_size is given, but a language has no images: drop --image_size",
        )
        require(
            self.image_size is None or self.image_size <= LARGEST_IMAGE,
            f"image_size is {self.image_size}; at most {LARGEST_IMAGE} pixels square: pass a "
            "smaller --image_size",
        )
        self.difficulty.require_for(self.task)
        require(
            not self.streamed or self.can_be_streamed,
            "a text, and data made harder, must be read as a whole: drop --residence=stream",
        )

    @property
    def streamed(self) -> bool:
        """Whether training examples are sent to the device while members train."""
        return self.residence is Residence.STREAM

    @property
    def can_be_streamed(self) -> bool:
        """Whether what is learned from one example says nothing of the others."""
        return self.task is not Task.LANGUAGE and self.difficulty == _AS_IT_IS

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured at every evaluation, in this order."""
        return TASK_METRICS[self.task]

    @property
    def subject(self) -> str:
        """What is learned, as it stands in a sentence."""
        return self.task.value
