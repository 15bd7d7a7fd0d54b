"""The lab's architectures in PyTorch, layer by layer under Flax's names, weights ported by layout.

Flax pads with SAME, which differs from PyTorch's symmetric padding where the stride is 2.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lab.specs import CNNSpec, MLPSpec, ModelSpec, UNetSpec


class SameConv(nn.Conv2d):
    """NCHW convolution with SAME padding."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, window, stride, groups=groups, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads: list[int] = []
        for axis in (1, 0):  # functional.pad counts axes from the last.
            size, window, stride = x.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            total = max(0, (-(-size // stride) - 1) * stride + window - size)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, pads) if any(pads) else x)


class MLP(nn.Module):
    def __init__(self, spec: MLPSpec, inputs: int, classes: int) -> None:
        super().__init__()
        sizes = [inputs, *[spec.width] * spec.depth, classes]
        self.depth = spec.depth
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.add_module(f"Dense_{layer}", nn.Linear(fan_in, fan_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 2, 3, 1).flatten(1)  # In the order of Flax's images.
        for layer in range(self.depth):
            x = functional.relu(self.get_submodule(f"Dense_{layer}")(x))
        return self.get_submodule(f"Dense_{self.depth}")(x)


class CNN(nn.Module):
    def __init__(self, spec: CNNSpec, channels: int, classes: int) -> None:
        super().__init__()
        self.depth = spec.depth
        for layer in range(spec.depth):
            conv = SameConv(channels, spec.width, 3, stride=1 if layer == 0 else 2)
            self.add_module(f"Conv_{layer}", conv)
            channels = spec.width
        self.Dense_0 = nn.Linear(spec.width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in range(self.depth):
            x = functional.relu(self.get_submodule(f"Conv_{layer}")(x))
        return self.Dense_0(x.mean(dim=(2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, features: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.Conv_0 = SameConv(inputs, hidden, 1, bias=False)
        self.Conv_1 = SameConv(hidden, hidden, 3, stride, groups=hidden, bias=False)
        self.Conv_2 = SameConv(hidden, features, 1, bias=False)
        self.BatchNorm_0 = nn.BatchNorm2d(hidden)
        self.BatchNorm_1 = nn.BatchNorm2d(hidden)
        self.BatchNorm_2 = nn.BatchNorm2d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu6(self.BatchNorm_0(self.Conv_0(x)))
        y = functional.relu6(self.BatchNorm_1(self.Conv_1(y)))
        y = self.BatchNorm_2(self.Conv_2(y))
        return x + y if x.shape == y.shape else y


class MobileNetV2UNet(nn.Module):
    def __init__(self, spec: UNetSpec, levels: tuple[int, int, int], channels: int) -> None:
        super().__init__()
        half, quarter, eighth = levels
        self.Conv_0 = SameConv(channels, half, 3, 2, bias=False)
        self.BatchNorm_0 = nn.BatchNorm2d(half)
        blocks = (
            (half, quarter, 2),
            (quarter, eighth, 2),
            (eighth, eighth, 1),
            (eighth + quarter, quarter, 1),
            (quarter + half, half, 1),
        )
        for index, (inputs, features, stride) in enumerate(blocks):
            block = InvertedResidual(inputs, features, spec.expansion, stride)
            self.add_module(f"InvertedResidual_{index}", block)
        self.Conv_1 = SameConv(half, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        block = [self.get_submodule(f"InvertedResidual_{index}") for index in range(5)]
        x_half = functional.relu6(self.BatchNorm_0(self.Conv_0(x)))
        x_quarter = block[0](x_half)
        y = block[2](block[1](x_quarter))
        y = block[3](torch.cat([functional.interpolate(y, scale_factor=2), x_quarter], dim=1))
        y = block[4](torch.cat([functional.interpolate(y, scale_factor=2), x_half], dim=1))
        return functional.pixel_shuffle(self.Conv_1(y), 2)[:, 0]


def build_net(
    spec: ModelSpec, weights: Mapping[str, np.ndarray], inputs: tuple[int, int, int], classes: int
) -> nn.Module:
    """The module of `spec` for images (C, H, W); `weights` gives the U-Net's channel counts."""
    channels, height, width = inputs
    match spec:
        case MLPSpec():
            return MLP(spec, channels * height * width, classes)
        case CNNSpec():
            return CNN(spec, channels, classes)
        case UNetSpec():
            half, quarter, eighth = (
                weights[f"{name}/kernel"].shape[-1]
                for name in ("Conv_0", "InvertedResidual_0/Conv_2", "InvertedResidual_1/Conv_2")
            )
            return MobileNetV2UNet(spec, (half, quarter, eighth), channels)


_NAMES = {"kernel": "weight", "scale": "weight", "bias": "bias"}


def from_flax(weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Weights of all members [L, ...], under PyTorch's names and in its layout."""
    ported = {}
    for name, array in weights.items():
        *layers, leaf = name.split("/")
        ported[".".join([*layers, _NAMES[leaf]])] = torch.tensor(_kernel_turned(array, (-1, -2)))
    return ported


def to_flax(
    weights: Mapping[str, torch.Tensor], names: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The way back, for the layers in `names`."""
    ported = {}
    for name in names:
        *layers, leaf = name.split("/")
        array = weights[".".join([*layers, _NAMES[leaf]])].detach().numpy()
        ported[name] = _kernel_turned(array, (1, 2))
    return ported


def _kernel_turned(array: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    """[L, ..., I, O] to [L, O, I, ...] for ends (-1, -2), and back for (1, 2); vectors stay."""
    if array.ndim < 3:
        return array
    return np.moveaxis(array, ends, tuple(-end for end in ends))
