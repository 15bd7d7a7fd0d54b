"""The lab's architectures in PyTorch, layer by layer under Flax's names, weights ported by layout.

Flax pads with SAME, which differs from PyTorch's symmetric padding where the stride is 2.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from benchmarks.torch_classifiers import CNN, MLP, DeepLinear
from benchmarks.torch_resnet import ResNet
from benchmarks.torch_transformer import Transformer
from benchmarks.torch_unet import MobileNetV2UNet
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    FamilySpec,
    MLPSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
)


def build_net(
    spec: FamilySpec, weights: Mapping[str, np.ndarray], inputs: tuple[int, ...], classes: int
) -> nn.Module:
    """The module of `spec` for images of shape (H, W, C) or tokens of shape (T,).

    `weights` gives the U-Net's channel counts. ValueError for a spec that no twin was written of.
    """
    match spec:
        case MLPSpec():
            return MLP(spec, math.prod(inputs), classes)
        case CNNSpec():
            return CNN(spec, inputs[-1], classes)
        case DeepLinearSpec():
            return DeepLinear(spec, math.prod(inputs), classes)
        case ResNetSpec():
            return ResNet(spec, inputs[-1], classes)
        case TransformerSpec():
            return Transformer(spec, inputs[0], classes)
        case UNetSpec():
            half, quarter, eighth = (
                weights[f"{name}/kernel"].shape[-1]
                for name in ("Conv_0", "InvertedResidual_0/Conv_2", "InvertedResidual_1/Conv_2")
            )
            return MobileNetV2UNet(spec, (half, quarter, eighth), inputs[-1])
        case _:
            raise ValueError(f"{type(spec).__name__} has no twin in PyTorch")


_NAMES = {"kernel": "weight", "scale": "weight", "embedding": "weight"}
"""Other leaves are called the same in both."""


def from_flax(weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Weights of all members [L, ...], under PyTorch's names and in its layout."""
    ported = {}
    for name, array in weights.items():
        *layers, leaf = name.split("/")
        turned = _kernel_turned(array, (-1, -2)) if leaf == "kernel" else array
        ported[".".join([*layers, _NAMES.get(leaf, leaf)])] = torch.tensor(turned)
    return ported


def to_flax(
    weights: Mapping[str, torch.Tensor], names: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The way back, for the layers in `names`."""
    ported = {}
    for name in names:
        *layers, leaf = name.split("/")
        array = weights[".".join([*layers, _NAMES.get(leaf, leaf)])].detach().cpu().numpy()
        ported[name] = _kernel_turned(array, (1, 2)) if leaf == "kernel" else array
    return ported


def _kernel_turned(array: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    """[L, ..., I, O] to [L, O, I, ...] for ends (-1, -2), and back for (1, 2)."""
    return np.moveaxis(array, ends, tuple(-end for end in ends))
