"""Classification of the parity of a few hidden bits among many: learned late and all at once.

Inputs are bits of +1 and -1, all independent and fair. The label is 1 if an odd number of the
hidden bits is -1, else 0: (1 - their product) / 2. Which bits count is drawn by `draw`. No input
comes twice, within a split or in two. Source: Barak et al. 2022, "Hidden Progress in Deep Learning"
(arXiv 2207.08799); there, every batch is a fresh one, here, `train` examples come again and again,
and too few of them are learned by heart.

Dials: `bits`, how many there are; `parity`, how many of them count; `train`, the training examples
(1,000 more in validation and in test each); `draw`. With the same other dials, a larger training
split begins with the smaller one, and the other splits are the same.

On the validation split of the default config the label that is commoner in training is right for
0.484, and logistic regression for 0.477. A net of 128 hidden units (Adam, rate 0.003, batches of
64) is right for 0.60 after 2 epochs and for all after 4.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.generated import (
    HELD_OUT,
    MAX_ROWS,
    Columns,
    GeneratedBuilder,
    require_range,
    require_size,
)
from lab.specs.rules import require

_HIDDEN_ADDRESS, _INPUT_ADDRESS = 220708799, 220708800
_CODE_BITS = 62


@dataclasses.dataclass(frozen=True)
class Dials:
    """What makes one such set differ from another."""

    bits: int = 30
    parity: int = 3
    train: int = 10_000
    draw: int = 0

    def __post_init__(self) -> None:
        require_range(self, "bits", 1, 1000)
        require_range(self, "parity", 1, self.bits)
        require_range(self, "train", 1, MAX_ROWS)
        rows = self.train + 2 * HELD_OUT
        require_size(rows, self.bits)
        require(
            rows <= 2**self.bits,
            f"{self.bits} bits make {2**self.bits} inputs, but {rows} are needed, each once "
            f"(train and {2 * HELD_OUT} more); give more bits or a smaller train",
        )


def hidden_bits(dials: Dials) -> np.ndarray:
    """Which bits count, in rising order, [parity]."""
    rng = np.random.default_rng([_HIDDEN_ADDRESS, dials.draw])
    return np.sort(rng.permutation(dials.bits)[: dials.parity])


def draw(dials: Dials) -> dict[str, Columns]:
    """Inputs [N, bits] of +-1 and labels [N] of every split."""
    inputs = _distinct_signs(dials.train + 2 * HELD_OUT, dials)
    labels = (1 - inputs[:, hidden_bits(dials)].prod(axis=1)) // 2
    ends = (HELD_OUT, 2 * HELD_OUT)
    return {
        split: {"inputs": signs.astype(np.float32), "label": parities}
        for split, signs, parities in zip(
            ("validation", "test", "train"),
            np.split(inputs, ends),
            np.split(labels, ends),
            strict=True,
        )
    }


def _distinct_signs(count: int, dials: Dials) -> np.ndarray:
    """Rows of bits as +-1, no two alike, [count, bits] int64; a longer draw begins with a shorter.

    They differ already in their first 62 bits, so that a row is known by one number.
    """
    rng = np.random.default_rng([_INPUT_ADDRESS, dials.draw, dials.bits])
    known = min(dials.bits, _CODE_BITS)
    codes = _distinct_codes(rng, count, 2**known)
    head = (codes[:, None] >> np.arange(known)) & 1
    tail = np.random.default_rng([_INPUT_ADDRESS, dials.draw, dials.bits, 1]).integers(
        2, size=(count, dials.bits - known)
    )
    return 1 - 2 * np.concatenate([head, tail], axis=1)


def _distinct_codes(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """The first `count` different numbers below `size` that the generator draws, in that order."""
    drawn = rng.integers(size, size=count)
    while True:
        _, first = np.unique(drawn, return_index=True)
        if len(first) >= count:
            return drawn[np.sort(first)[:count]]
        drawn = np.concatenate([drawn, rng.integers(size, size=len(drawn))])


class SparseParity(GeneratedBuilder[Dials]):
    """Parity of hidden bits: inputs [bits] float32 of +-1, and label 0 or 1."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Distinct inputs in nested splits."}
    DEFAULTS: ClassVar[Dials] = Dials()

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=(self.dials.bits,), dtype=np.float32),
                    "label": tfds.features.ClassLabel(num_classes=2),
                }
            ),
            supervised_keys=("inputs", "label"),
            homepage="https://arxiv.org/abs/2207.08799",
            metadata=tfds.core.MetadataDict(hidden_bits=hidden_bits(self.dials).tolist()),
        )

    def columns(self) -> dict[str, Columns]:
        return draw(self.dials)
