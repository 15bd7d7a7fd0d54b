"""What is trained: a family each, with size as a dial.

The dial that changes the size is `width` in every family.
"""

from lab.specs.models.images import CNNSpec, MobileNetSpec, ResNetSpec, ViTSpec
from lab.specs.models.masks import PlainUNetSpec, UNetSpec
from lab.specs.models.sequences import LSTMSpec, TransformerSpec
from lab.specs.models.vectors import DeepLinearSpec, MLPSpec
from lab.specs.own import OwnModelSpec

FamilySpec = (
    UNetSpec
    | MLPSpec
    | CNNSpec
    | DeepLinearSpec
    | ResNetSpec
    | TransformerSpec
    | MobileNetSpec
    | PlainUNetSpec
    | ViTSpec
    | LSTMSpec
)
"""The lab's own."""

ModelSpec = FamilySpec | OwnModelSpec

__all__ = [
    "CNNSpec",
    "DeepLinearSpec",
    "FamilySpec",
    "LSTMSpec",
    "MLPSpec",
    "MobileNetSpec",
    "ModelSpec",
    "PlainUNetSpec",
    "ResNetSpec",
    "TransformerSpec",
    "UNetSpec",
    "ViTSpec",
]
