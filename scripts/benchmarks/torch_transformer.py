"""The twin of lab/models/transformer.py."""

import functools
import math

import torch
from torch import nn
from torch.nn import functional

from lab.specs import TransformerSpec

MLP_RATIO = 4
LayerNorm = functools.partial(nn.LayerNorm, eps=1e-6)  # As Flax's own.


class CausalAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.Dense_0 = nn.Linear(width, 3 * width, bias=False)
        self.Dense_1 = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        projected = self.Dense_0(x).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = projected.permute(2, 0, 3, 1, 4).unbind()
        # Written out, because vmap runs scaled_dot_product_attention member by member.
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        hidden = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
        mixed = scores.masked_fill(hidden, -math.inf).softmax(-1) @ v
        return self.Dense_1(mixed.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.LayerNorm_0 = LayerNorm(width)
        self.CausalAttention_0 = CausalAttention(width, heads)
        self.LayerNorm_1 = LayerNorm(width)
        self.Dense_0 = nn.Linear(width, MLP_RATIO * width)
        self.Dense_1 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.CausalAttention_0(self.LayerNorm_0(x))
        hidden = functional.gelu(self.Dense_0(self.LayerNorm_1(x)), approximate="tanh")
        return x + self.Dense_1(hidden)


class Transformer(nn.Module):
    def __init__(self, spec: TransformerSpec, window: int, vocabulary: int) -> None:
        super().__init__()
        self.depth = spec.depth
        self.positions = nn.Parameter(torch.zeros(window, spec.width))
        self.Embed_0 = nn.Embedding(vocabulary, spec.width)
        for index in range(spec.depth):
            self.add_module(f"Block_{index}", Block(spec.width, spec.heads))
        self.LayerNorm_0 = LayerNorm(spec.width)
        self.Dense_0 = nn.Linear(spec.width, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.Embed_0(tokens) + self.positions
        for index in range(self.depth):
            x = self.get_submodule(f"Block_{index}")(x)
        return self.Dense_0(self.LayerNorm_0(x))
