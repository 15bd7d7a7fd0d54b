"""Regression on what a random network says: a student of the teacher's width can do it exactly.

Inputs are standard normal. The teacher has one hidden layer and no biases; its first weights are
normal of variance 1 / inputs, its second standard normal. Its output is centred and scaled by mean
and deviation over 10,000 inputs of their own, so that the target's variance is 1 to about a percent
and "always the mean" has a squared error of 1. Source: Saad and Solla 1995 (Phys. Rev. E 52, 4225);
Goldt et al. 2019 (arXiv 1906.08632).

Dials: `inputs`, how many; `width`, hidden units of the teacher; `relu`, `tanh` or `erf`, their
activation (erf is erf(x / sqrt 2)); `noise`, the deviation of what is added to every target, in all
splits; `train`, the training examples (1,000 more in validation and in test each); `draw`, which
teacher, and which inputs.

On the validation split of the default config the squared error of the training mean is 1.04, and of
a linear fit 0.35; with tanh, which is nearly linear here, 1.10 and 0.07; with erf 1.10 and 0.05. A
net of the teacher's own 5 hidden units (Adam, rate 0.003, batches of 64) is at 2e-13 in 60 epochs.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import ClassVar

import numpy as np
import scipy.special
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

_TEACHER_ADDRESS, _REFERENCE_ADDRESS, _INPUT_ADDRESS, _NOISE_ADDRESS = range(1995, 1999)
_REFERENCE_INPUTS = 10_000


class Activation(enum.Enum):
    """What the teacher's hidden units apply."""

    RELU = "relu"
    TANH = "tanh"
    ERF = "erf"


@dataclasses.dataclass(frozen=True)
class Dials:
    """What makes one such set differ from another."""

    inputs: int = 20
    width: int = 5
    activation: Activation = Activation.RELU
    noise: float = 0.0
    train: int = 5000
    draw: int = 0

    def __post_init__(self) -> None:
        require_range(self, "inputs", 1, 10_000)
        require_range(self, "width", 1, 10_000)
        require_range(self, "noise", 0, 100)
        require_range(self, "train", 1, MAX_ROWS)
        # The teacher's hidden layer over all of it is the largest array that is held.
        require_size(max(self.train, _REFERENCE_INPUTS), max(self.inputs, self.width))


@dataclasses.dataclass(frozen=True)
class Teacher:
    """first [width, inputs], second [width]; its output is shifted, then scaled."""

    first: np.ndarray
    second: np.ndarray
    activation: Activation
    shift: float = 0.0
    scale: float = 1.0

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Targets [N] float64 of inputs [N, inputs]."""
        hidden = inputs.astype(np.float64) @ self.first.T
        match self.activation:
            case Activation.RELU:
                hidden = np.maximum(hidden, 0)
            case Activation.TANH:
                hidden = np.tanh(hidden)
            case Activation.ERF:
                hidden = scipy.special.erf(hidden / np.sqrt(2))
        return (hidden @ self.second + self.shift) * self.scale


def draw_teacher(dials: Dials) -> Teacher:
    """The teacher, which depends neither on the number of examples nor on the noise."""
    rng = np.random.default_rng([_TEACHER_ADDRESS, dials.draw])
    first = rng.standard_normal((dials.width, dials.inputs)) / np.sqrt(dials.inputs)
    raw = Teacher(first, rng.standard_normal(dials.width), dials.activation)
    reference = np.random.default_rng([_REFERENCE_ADDRESS, dials.draw])
    said = raw(reference.standard_normal((_REFERENCE_INPUTS, dials.inputs)))
    return dataclasses.replace(raw, shift=-float(said.mean()), scale=1 / float(said.std()))


def draw(dials: Dials) -> dict[str, Columns]:
    """Inputs [N, inputs] and targets [N, 1], both float32, of every split."""
    teacher = draw_teacher(dials)
    columns: dict[str, Columns] = {}
    for number, split in enumerate(SPLITS):
        count = dials.train if split == "train" else HELD_OUT
        rng = np.random.default_rng([_INPUT_ADDRESS, dials.draw, number])
        inputs = rng.standard_normal((count, dials.inputs), dtype=np.float32)
        noise = np.random.default_rng([_NOISE_ADDRESS, dials.draw, number]).standard_normal(count)
        targets = teacher(inputs) + dials.noise * noise
        columns[split] = {"inputs": inputs, "targets": targets[:, None].astype(np.float32)}
    return columns


class TeacherStudent(GeneratedBuilder[Dials]):
    """A teacher's answers: inputs [inputs] and targets [1], float32."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Teachers of one hidden layer."}
    DEFAULTS: ClassVar[Dials] = Dials()

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=(self.dials.inputs,), dtype=np.float32),
                    "targets": tfds.features.Tensor(shape=(1,), dtype=np.float32),
                }
            ),
            supervised_keys=("inputs", "targets"),
            homepage="https://arxiv.org/abs/1906.08632",
        )

    def columns(self) -> dict[str, Columns]:
        return draw(self.dials)
