"""Regression on a linear map of known singular values: what deep linear nets are analysed on.

Targets are W x. Inputs are standard normal, so that their covariance is the identity but for
chance. W has `rank` singular values s_i = i ** -power, i = 1, 2..., on singular vectors that are
drawn uniformly; a deep linear net learns mode i in a time that falls with s_i, later modes in later
steps. Source: Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep
linear neural networks" (arXiv 1312.6120).

Dials: `inputs` and `outputs`, how many; `rank`; `power`, 0 for equal singular values; `train`, the
training examples (1,000 more in validation and in test each); `draw`, which singular vectors and
which inputs.

The squared error of "always 0", mean over outputs, is the sum of s_i ** 2 over `outputs` on
average: 0.0955 in the default config, where it is 0.0995 on the validation split. Least squares
leaves 5e-14, the rounding to float32.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.generated import (
    HELD_OUT,
    MAX_ROWS,
    SPLITS,
    Columns,
    GeneratedBuilder,
    require_range,
    require_size,
)

_LEFT_ADDRESS, _RIGHT_ADDRESS, _INPUT_ADDRESS = range(2014, 2017)


@dataclasses.dataclass(frozen=True)
class Dials:
    """What makes one such set differ from another."""

    inputs: int = 32
    outputs: int = 16
    rank: int = 8
    power: float = 1.0
    train: int = 2000
    draw: int = 0

    def __post_init__(self) -> None:
        require_range(self, "inputs", 1, 1000)
        require_range(self, "outputs", 1, 1000)
        require_range(self, "rank", 1, min(self.inputs, self.outputs))
        require_range(self, "power", 0, 10)
        require_range(self, "train", 1, MAX_ROWS)
        require_size(self.train, self.inputs + self.outputs)


def singular_values(dials: Dials) -> np.ndarray:
    """Those of the teacher that are not zero, the largest (1) first, [rank]."""
    return np.arange(1, dials.rank + 1, dtype=np.float64) ** -dials.power


def draw_teacher(dials: Dials) -> np.ndarray:
    """W, [outputs, inputs] float64."""
    left = _orthonormal([_LEFT_ADDRESS, dials.draw], dials.outputs, dials.rank)
    right = _orthonormal([_RIGHT_ADDRESS, dials.draw], dials.inputs, dials.rank)
    return (left * singular_values(dials)) @ right.T


def _orthonormal(address: list[int], rows: int, columns: int) -> np.ndarray:
    """Orthonormal columns, uniform among such (Mezzadri 2007, arXiv math-ph/0609050, section 5)."""
    gaussian = np.random.default_rng(address).standard_normal((rows, columns))
    q, r = np.linalg.qr(gaussian)
    return q * np.sign(np.diagonal(r))


def draw(dials: Dials) -> dict[str, Columns]:
    """Inputs [N, inputs] and targets [N, outputs], both float32, of every split."""
    teacher = draw_teacher(dials)
    columns: dict[str, Columns] = {}
    for number, split in enumerate(SPLITS):
        count = dials.train if split == "train" else HELD_OUT
        rng = np.random.default_rng([_INPUT_ADDRESS, dials.draw, number])
        inputs = rng.standard_normal((count, dials.inputs), dtype=np.float32)
        targets = inputs.astype(np.float64) @ teacher.T
        columns[split] = {"inputs": inputs, "targets": targets.astype(np.float32)}
    return columns


class LinearTeacher(GeneratedBuilder[Dials]):
    """A linear map: inputs [inputs] and targets [outputs], float32."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Singular values by a power law."}
    DEFAULTS: ClassVar[Dials] = Dials()

    def _info(self) -> tfds.core.DatasetInfo:
        dials = self.dials
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=(dials.inputs,), dtype=np.float32),
                    "targets": tfds.features.Tensor(shape=(dials.outputs,), dtype=np.float32),
                }
            ),
            supervised_keys=("inputs", "targets"),
            homepage="https://arxiv.org/abs/1312.6120",
            metadata=tfds.core.MetadataDict(singular_values=singular_values(dials).tolist()),
        )

    def columns(self) -> dict[str, Columns]:
        return draw(self.dials)
