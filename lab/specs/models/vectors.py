"""Families that read an example as one long vector."""

import dataclasses
from typing import ClassVar

from lab.specs.models.family import (
    Family,
    NormalisedFamily,
    require_several_units,
    require_something_to_skip,
)
from lab.specs.rules import require_positive
from lab.words import Activation, Normalisation


@dataclasses.dataclass(frozen=True, slots=True)
class MLPSpec(NormalisedFamily):
    """`depth` hidden layers of `width` units; with `skips`, each but the first adds what it read.

    Tokens are read as vectors of `width` numbers each.
    """

    width: int
    depth: int = 2
    activation: Activation = Activation.RELU
    normalisation: Normalisation = Normalisation.NONE
    skips: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")
        require_several_units(self.width, self.normalisation)
        require_something_to_skip(self)


@dataclasses.dataclass(frozen=True, slots=True)
class DeepLinearSpec(Family):
    """`depth` hidden layers of `width` units with no activation and no bias.

    No dropout either: the family is there for dynamics that are known on paper, which are those of
    one product of matrices, the same at every step.
    """

    width: int
    depth: int = 2

    drops_out: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")
