"""The twin of lab/models/unet.py."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.torch_layers import SameConv
from lab.specs import UNetSpec


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
        self.BatchNorm_2.register_parameter("bias", None)

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
