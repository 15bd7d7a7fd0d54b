"""Families that read images and say something of every pixel."""

import dataclasses

from lab.specs.models.family import NormalisedFamily, require_something_to_skip
from lab.specs.rules import require_positive
from lab.words import Activation, Normalisation


@dataclasses.dataclass(frozen=True, slots=True)
class UNetSpec(NormalisedFamily):
    """A MobileNetV2 U-Net; `width` multiplies every channel count, as MobileNetV2's multiplier.

    `depth` is the number of halvings; `skips` are the connections from encoder to decoder.
    """

    width: float
    expansion: int = 3
    depth: int = 3
    activation: Activation = Activation.RELU6
    normalisation: Normalisation = Normalisation.BATCH
    skips: bool = True

    def __post_init__(self) -> None:
        require_positive(self, "width", "expansion", "depth")
        require_something_to_skip(self)


@dataclasses.dataclass(frozen=True, slots=True)
class PlainUNetSpec(NormalisedFamily):
    """A U-Net of two 3x3 convolutions on each of `depth` levels, of which each halves the last.

    The first has `width` channels, each other one twice those of the last; `skips` are the
    connections from encoder to decoder.
    """

    width: int
    depth: int = 3
    activation: Activation = Activation.RELU
    normalisation: Normalisation = Normalisation.NONE
    skips: bool = True

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")
        require_something_to_skip(self)
