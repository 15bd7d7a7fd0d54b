"""Families that read tokens."""

import dataclasses

from lab.specs.models.family import (
    Family,
    ResidualFamily,
    require_branches_to_drop,
    require_even_heads,
    require_several_units,
)
from lab.specs.rules import require_positive
from lab.words import Activation, Normalisation


@dataclasses.dataclass(frozen=True, slots=True)
class TransformerSpec(ResidualFamily):
    """A decoder of `depth` blocks on vectors of `width` numbers, which `heads` share evenly.

    The perceptron in a block has `expansion` times as many units. `tied` reads and says tokens by
    one table. `stochastic_depth` is the probability that a branch of the last block is dropped.
    """

    width: int
    depth: int = 2
    heads: int = 2
    expansion: int = 4
    activation: Activation = Activation.GELU
    normalisation: Normalisation = Normalisation.LAYER
    skips: bool = True
    stochastic_depth: float = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth", "heads", "expansion")
        require_even_heads(self)
        require_several_units(self.width, self.normalisation)
        require_branches_to_drop(self)


@dataclasses.dataclass(frozen=True, slots=True)
class LSTMSpec(Family):
    """`depth` layers of `width` memory cells; `tied` reads and says tokens by one table."""

    width: int
    depth: int = 1
    tied: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")
