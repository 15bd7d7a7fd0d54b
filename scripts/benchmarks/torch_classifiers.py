"""The twins of lab/models' mlp.py, cnn.py and deep_linear.py."""

import itertools

import torch
from torch import nn
from torch.nn import functional

from benchmarks.torch_layers import SameConv
from lab.specs import CNNSpec, DeepLinearSpec, MLPSpec


class MLP(nn.Module):
    def __init__(self, spec: MLPSpec, inputs: int, classes: int) -> None:
        super().__init__()
        sizes = [inputs, *[spec.width] * spec.depth, classes]
        self.depth = spec.depth
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.add_module(f"Dense_{layer}", nn.Linear(fan_in, fan_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _flat(x)
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


class DeepLinear(nn.Module):
    def __init__(self, spec: DeepLinearSpec, inputs: int, classes: int) -> None:
        super().__init__()
        sizes = [inputs, *[spec.width] * spec.depth, classes]
        self.depth = spec.depth
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.add_module(f"Dense_{layer}", nn.Linear(fan_in, fan_out, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _flat(x)
        for layer in range(self.depth + 1):
            x = self.get_submodule(f"Dense_{layer}")(x)
        return x


def _flat(images: torch.Tensor) -> torch.Tensor:
    """[B, C, H, W] to [B, H*W*C]: in the order of Flax's images."""
    return images.permute(0, 2, 3, 1).flatten(1)
