"""What a model is given, and what it must say of it."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from lab.errors import UsageError


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """Of one example: the shapes of what a model reads and of what it says.

    A vocabulary is the number of tokens that inputs [T], int32, are made of; 0 means that they are
    numbers, float32: images [H, W, C] in [0, 1], or vectors [D]. Outputs None are for the model to
    choose: a user's loss takes whatever their model says.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...] | None
    vocabulary: int = 0

    @property
    def tokens(self) -> bool:
        """Whether inputs are tokens."""
        return self.vocabulary > 0

    @property
    def images(self) -> bool:
        """Whether inputs are images [H, W, C]."""
        return not self.tokens and len(self.inputs) == 3

    @property
    def dense(self) -> bool:
        """Whether every pixel or position gets an answer of its own."""
        if self.outputs is None:
            return False
        if self.tokens:
            return len(self.outputs) == 2 and self.outputs[:1] == self.inputs
        return self.images and self.outputs[:2] == self.inputs[:2]

    @property
    def answers(self) -> int:
        """How many numbers are said of an example, or of each pixel or position of it."""
        if self.outputs is None:
            raise UsageError(
                "the task does not say what it asks of a model, and the lab's own models are made "
                "to measure: pass outputs=(CLASSES,), or so, to OwnTask"
            )
        places = 0 if not self.dense else 1 if self.tokens else 2
        return math.prod(self.outputs[places:])

    def example(self, batch: int = 1) -> jax.ShapeDtypeStruct:
        """What modules are called with, in shape and type."""
        dtype = jnp.int32 if self.tokens else jnp.float32
        return jax.ShapeDtypeStruct((batch, *self.inputs), dtype)
