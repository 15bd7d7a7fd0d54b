"""What is trained: a family each, with size as a dial."""

import dataclasses

from lab.specs.rules import require_positive


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


ModelSpec = UNetSpec | MLPSpec | CNNSpec
