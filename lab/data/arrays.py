"""What a cohort learns from and is judged by, as arrays in memory."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from lab.data.own import OwnTask


@dataclasses.dataclass(frozen=True)
class Split:
    """N examples in stored order; a dtype says what inputs are.

    `inputs`: uint8 are images [N, H, W, C], which models see as float32 in [0, 1]; other integers
    tokens [N, T], seen as int32; floats are seen as they are. `targets` of segmentation:
    [N, H, W] uint8, 1 where foreground and 0 elsewhere; of classification: [N] int32 in
    0..classes-1; of a language: [N, T], the token after each; of regression: [N, K] float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


class Source(Protocol):
    """A training split that is read by index, a few examples at a time; from any thread."""

    @property
    def digest(self) -> str:
        """What tells the split from others, in every session the same."""
        ...

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def read(self, indices: np.ndarray) -> Split:
        """These examples (int [N], in stored order from 0), each as often as it is named."""
        ...


@dataclasses.dataclass(frozen=True)
class DataArrays:
    """Both splits; where training examples are streamed, `train` holds only the first of them.

    `classes` of a language are the tokens of its vocabulary, of regression the numbers that are
    predicted; segmentation has 2, background first. `vocabulary` is the number of tokens that
    inputs are made of, 0 where they are none. `characters_per_token` is that of the validation
    text. `own` is the user's task where they say themselves what is minimised and measured.
    `source` reads the whole training split where it is streamed, else there is none.
    """

    train: Split
    validation: Split
    classes: int
    vocabulary: int = 0
    characters_per_token: float = 1.0
    own: OwnTask | None = None
    source: Source | None = None
