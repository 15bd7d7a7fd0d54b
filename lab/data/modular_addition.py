"""Classification of a + b modulo p: the set on which generalisation comes long after memory.

Every pair (a, b) of 0..p-1 comes once, as the tokens [a, b, =]; "=" is token p, so that the
vocabulary has p + 1. The label is (a + b) mod p. Source: Power et al. 2022, "Grokking" (arXiv
2201.02177), where the equation is one of several operations and p is 97.

Dials: `modulus`, p; `train`, how many percent of the p * p pairs are trained on (rounded down);
half of the other pairs are validation, the rest test; `draw`, which pairs those are. A larger
training split begins with the smaller one.

In the default config, 2,822 pairs are trained on, 3,293 are validation and 3,294 test; the label
that is commonest in training is right for 0.009 of validation.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.generated import SPLITS, Columns, GeneratedBuilder, require_range
from lab.specs.rules import require

_ORDER_ADDRESS = 220102177


@dataclasses.dataclass(frozen=True)
class Dials:
    """What makes one such set differ from another."""

    modulus: int = 97
    train: int = 30
    draw: int = 0

    def __post_init__(self) -> None:
        require_range(self, "modulus", 2, 500)
        require_range(self, "train", 1, 99)
        require(
            all(self.sizes().values()),
            f"{self.train} percent of {self.modulus**2} pairs leave a split empty; "
            "give a larger modulus or another train",
        )

    def sizes(self) -> dict[str, int]:
        """Pairs in each split; together all."""
        pairs = self.modulus**2
        train = pairs * self.train // 100
        validation = (pairs - train) // 2
        return dict(zip(SPLITS, (train, validation, pairs - train - validation), strict=True))


def draw(dials: Dials) -> dict[str, Columns]:
    """Tokens [N, 3] int32 and labels [N] of every split."""
    rng = np.random.default_rng([_ORDER_ADDRESS, dials.draw])
    first, second = np.divmod(rng.permutation(dials.modulus**2), dials.modulus)
    equals = np.full_like(first, dials.modulus)
    tokens = np.stack([first, second, equals], axis=1).astype(np.int32)
    labels = (first + second) % dials.modulus
    ends = np.cumsum(list(dials.sizes().values()))[:-1]
    return {
        split: {"tokens": words, "label": sums}
        for split, words, sums in zip(
            SPLITS, np.split(tokens, ends), np.split(labels, ends), strict=True
        )
    }


class ModularAddition(GeneratedBuilder[Dials]):
    """Sums modulo p: tokens [3] int32, and label."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Every pair once."}
    DEFAULTS: ClassVar[Dials] = Dials()

    def _info(self) -> tfds.core.DatasetInfo:
        modulus = self.dials.modulus
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "tokens": tfds.features.Tensor(shape=(3,), dtype=np.int32),
                    "label": tfds.features.ClassLabel(num_classes=modulus),
                }
            ),
            supervised_keys=("tokens", "label"),
            homepage="https://arxiv.org/abs/2201.02177",
            metadata=tfds.core.MetadataDict(vocabulary=modulus + 1),
        )

    def columns(self) -> dict[str, Columns]:
        return draw(self.dials)
