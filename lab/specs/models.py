"""What is trained: a family each, with size as a dial."""

import dataclasses
import math

from lab.specs.own import OwnModelSpec
from lab.specs.rules import require, require_positive


@dataclasses.dataclass(frozen=True, slots=True)
class UNetSpec:
    """A MobileNetV2 U-Net; `width` multiplies every channel count, as MobileNetV2's multiplier."""

    width: float
    expansion: int = 3

    def __post_init__(self) -> None:
        require_positive(self, "width", "expansion")


@dataclasses.dataclass(frozen=True, slots=True)
class MLPSpec:
    """`depth` hidden layers of `width` units."""

    width: int
    depth: int = 2

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")


@dataclasses.dataclass(frozen=True, slots=True)
class CNNSpec:
    """`depth` 3x3 convolutions of `width` channels, then global average pooling."""

    width: int
    depth: int = 2

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")


@dataclasses.dataclass(frozen=True, slots=True)
class DeepLinearSpec:
    """`depth` hidden layers of `width` units with no activation and no bias."""

    width: int
    depth: int

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth")


@dataclasses.dataclass(frozen=True, slots=True)
class ResNetSpec:
    """A residual net of 6 * `blocks` + 2 layers in stages of `width`, 2 and 4 `width` channels."""

    width: int = 16
    blocks: int = 3

    def __post_init__(self) -> None:
        require_positive(self, "width", "blocks")


@dataclasses.dataclass(frozen=True, slots=True)
class TransformerSpec:
    """A decoder of `depth` blocks on vectors of `width` numbers, which `heads` share evenly."""

    width: int
    depth: int
    heads: int

    def __post_init__(self) -> None:
        require_positive(self, "width", "depth", "heads")
        require(
            self.width % self.heads == 0,
            f"width {self.width} is not a multiple of the {self.heads} heads: "
            f"pass --width={self.heads * math.ceil(self.width / self.heads)}",
        )


FamilySpec = UNetSpec | MLPSpec | CNNSpec | DeepLinearSpec | ResNetSpec | TransformerSpec
"""The lab's own."""
ModelSpec = FamilySpec | OwnModelSpec
