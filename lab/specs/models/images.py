"""Families that read images and say one thing of each."""

import dataclasses

from lab.specs.models.family import (
    NormalisedFamily,
    ResidualFamily,
    require_branches_to_drop,
    require_even_heads,
    require_several_units,
    require_something_to_skip,
)
from lab.specs.rules import require, require_positive
from lab.words import Activation, Normalisation


@dataclasses.dataclass(frozen=True, slots=True)
class CNNSpec(NormalisedFamily):
    """`depth` 3x3 convolutions of `width` channels, then global average pooling.

    With `skips`, each convolution but the first adds what it read.
    """

    width: int
    depth: int = 2
    activation: Activation = Activation.RELU
    normalisation: Normalisation = Normalisation.NONE
    skips: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")
        require_something_to_skip(self)


@dataclasses.dataclass(frozen=True, slots=True)
class ResNetSpec(ResidualFamily):
    """A residual net of 6 * `blocks` + 2 layers in stages of `width`, 2 and 4 `width` channels.

    Without `skips` it is the plain net of the same paper. `stochastic_depth` is the probability
    that the last block's branch is dropped.
    """

    width: int = 16
    blocks: int = 3
    activation: Activation = Activation.RELU
    normalisation: Normalisation = Normalisation.BATCH
    skips: bool = True
    stochastic_depth: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "width", "blocks")
        require_branches_to_drop(self)


@dataclasses.dataclass(frozen=True, slots=True)
class MobileNetSpec(ResidualFamily):
    """A MobileNetV2: `width` multiplies every channel count, `depth` every stage's blocks.

    Blocks are counted in whole ones, rounded up. `stochastic_depth` is the probability that the
    last block's branch is dropped.
    """

    width: float
    depth: float = 1.0
    expansion: int = 6
    activation: Activation = Activation.RELU6
    normalisation: Normalisation = Normalisation.BATCH
    skips: bool = True
    stochastic_depth: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth", "expansion")
        require_branches_to_drop(self)
        # The longest stage has 4 blocks, and the first of a stage adds nothing.
        require(
            self.stochastic_depth == 0 or self.depth > 0.25,
            f"stochastic_depth is {self.stochastic_depth}, and with depth {self.depth} no stage "
            "has a second block, which could be dropped: set stochastic_depth to 0, or "
            "depth above 0.25",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ViTSpec(ResidualFamily):
    """A vision Transformer of `depth` blocks on squares of `patch` by `patch` pixels.

    Each patch is a vector of `width` numbers, which `heads` share evenly; the perceptron in a block
    has `expansion` times as many units. `stochastic_depth` is the probability that a branch of the
    last block is dropped.
    """

    width: int
    depth: int = 2
    heads: int = 2
    patch: int = 4
    expansion: int = 4
    activation: Activation = Activation.GELU
    normalisation: Normalisation = Normalisation.LAYER
    skips: bool = True
    stochastic_depth: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth", "heads", "patch", "expansion")
        require_even_heads(self)
        require_several_units(self.width, self.normalisation)
        require_branches_to_drop(self)
