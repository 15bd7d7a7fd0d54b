"""Where residual branches end."""

from typing import assert_never

from lab.models import mobilenet, unet
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    OwnModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.words import Normalisation

_LAYERS = {
    Normalisation.BATCH: "BatchNorm",
    Normalisation.LAYER: "LayerNorm",
    Normalisation.GROUP: "GroupNorm",
}


def branch_ends(spec: ModelSpec) -> tuple[str, ...]:
    r"""Patterns that match, whole, the path of the last scale or kernel of each residual branch.

    A path is that of one array among a member's parameters, joined by "/":
    `ResidualBlock_\d+/BatchNorm_1/scale`. Branches whose ends are 0 add nothing. Empty where
    nothing is added, as without `skips`, and of a user's own model, of which nobody knows.
    """
    match spec:
        case MLPSpec() | CNNSpec():
            layer = "Dense" if isinstance(spec, MLPSpec) else "Conv"
            later = range(1, spec.depth) if spec.skips else ()
            return tuple(_end(layer, number, spec.normalisation) for number in later)
        case ResNetSpec():
            end = _end("Conv", 1, spec.normalisation)
            return (rf"ResidualBlock_\d+/{end}",) if spec.skips else ()
        case UNetSpec():
            end = _end("Conv", 2, spec.normalisation)
            return tuple(f"InvertedResidual_{i}/{end}" for i in unet.residual_blocks(spec))
        case MobileNetSpec():
            end = _end("Conv", 2, spec.normalisation)
            adding = (i for i, plan in enumerate(mobilenet.plans(spec)) if plan.adds)
            return tuple(f"InvertedResidual_{i}/{end}" for i in adding)
        case TransformerSpec():
            return _of_blocks("CausalAttention", spec.skips)
        case ViTSpec():
            return _of_blocks("Attention", spec.skips)
        case DeepLinearSpec() | PlainUNetSpec() | LSTMSpec() | OwnModelSpec():
            return ()
        case _:
            assert_never(spec)


def _end(layer: str, number: int, normalisation: Normalisation) -> str:
    """Of the layer of that number, or of the normalisation behind it."""
    if normalisation is Normalisation.NONE:
        return f"{layer}_{number}/kernel"
    return f"{_LAYERS[normalisation]}_{number}/scale"


def _of_blocks(attention: str, skips: bool) -> tuple[str, ...]:
    """A Transformer's normalisations come first in their branches, so that these end in kernels."""
    ends = (f"{attention}_0/Dense_1", "Dense_1")
    return tuple(rf"Block_\d+/{end}/kernel" for end in ends) if skips else ()
