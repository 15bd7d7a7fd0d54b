"""The twin of lab/models/resnet.py."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.torch_layers import SameConv
from lab.specs import ResNetSpec

STAGES = 3


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, features: int, stride: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, features - inputs
        self.Conv_0 = SameConv(inputs, features, 3, stride, bias=False)
        self.Conv_1 = SameConv(features, features, 3, bias=False)
        self.BatchNorm_0 = nn.BatchNorm2d(features)
        self.BatchNorm_1 = nn.BatchNorm2d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.BatchNorm_0(self.Conv_0(x)))
        y = self.BatchNorm_1(self.Conv_1(y))
        thinned = x[:, :, :: self.stride, :: self.stride]
        return functional.relu(y + functional.pad(thinned, (0, 0, 0, 0, 0, self.new_channels)))


class ResNet(nn.Module):
    def __init__(self, spec: ResNetSpec, channels: int, classes: int) -> None:
        super().__init__()
        self.Conv_0 = SameConv(channels, spec.width, 3, bias=False)
        self.BatchNorm_0 = nn.BatchNorm2d(spec.width)
        self.blocks = STAGES * spec.blocks
        inputs = spec.width
        for index in range(self.blocks):
            stage, number = divmod(index, spec.blocks)
            features = spec.width * 2**stage
            block = ResidualBlock(inputs, features, 2 if stage > 0 and number == 0 else 1)
            self.add_module(f"ResidualBlock_{index}", block)
            inputs = features
        self.Dense_0 = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.BatchNorm_0(self.Conv_0(x)))
        for index in range(self.blocks):
            x = self.get_submodule(f"ResidualBlock_{index}")(x)
        return self.Dense_0(x.mean(dim=(2, 3)))
