"""muP: how draws and learning rates of each tensor follow the width of the network.

Yang et al. 2022, "Tensor Programs V" (arXiv 2203.03466), table 3, relative to a base width: what
is there in powers of a width n is here in powers of n / base, so that a network of the base width
is the standard one to the bit. Which widths a tensor has is seen from its shapes at both.
"""

import dataclasses
import enum
import math
from typing import Any

from lab.models.paths import named
from lab.models.schemes import deviation, inputs_axes, is_drawn
from lab.specs import InitialSpec, OptimizerSpec, SGDSpec


class Role(enum.Enum):
    """Which sides of a tensor grow with the width."""

    HIDDEN = "hidden"
    INPUT = "input"  # what it says grows: the first layers, embeddings, all vectors
    OUTPUT = "output"  # what it reads grows: the last layer
    SCALAR = "scalar"


@dataclasses.dataclass(frozen=True, slots=True)
class Growth:
    """How many times a tensor reads and says what it does at the base width; 1 where alike."""

    inputs: float
    outputs: float

    @property
    def role(self) -> Role:
        """By the sides that differ; at the base width none does."""
        if self.inputs != 1:
            return Role.OUTPUT if self.outputs == 1 else Role.HIDDEN
        return Role.SCALAR if self.outputs == 1 else Role.INPUT


def growths(shapes: Any, base_shapes: Any) -> dict[str, Growth]:
    """By path, from two trees of arrays or their shapes.

    ValueError unless both have the same tensors with the same number of axes.
    """
    tensors, bases = named(shapes), named(base_shapes)
    if {path: len(one.shape) for path, one in tensors.items()} != {
        path: len(one.shape) for path, one in bases.items()
    }:
        raise ValueError("the network has other tensors at the base width than at its own")
    return {
        path: _growth(path, tuple(one.shape), tuple(bases[path].shape))
        for path, one in tensors.items()
    }


def _growth(path: str, shape: tuple[int, ...], base: tuple[int, ...]) -> Growth:
    reads = inputs_axes(path, shape)
    return Growth(
        math.prod(shape[:reads]) / math.prod(base[:reads]),
        math.prod(shape[reads:]) / math.prod(base[reads:]),
    )


def draw_factors(spec: InitialSpec, shapes: Any, base_shapes: Any) -> dict[str, float]:
    """What the standard draw of a tensor is multiplied by; those with another than 1, by path.

    It brings the deviation to that of the base width, and from there to the power of the growth
    that table 3 has for the tensor's role. A module of the user's own is taken to draw as Flax does
    by default, with a variance of 1/fan-in.
    """
    bases = named(base_shapes)
    tensors = named(shapes)
    factors = {}
    for path, growth in growths(shapes, base_shapes).items():
        shape, base = tuple(tensors[path].shape), tuple(bases[path].shape)
        if is_drawn(path, shape):
            to_base = deviation(spec, path, base) / deviation(spec, path, shape)
            factors[path] = to_base * growth.inputs ** _POWERS[growth.role]
    return {path: factor for path, factor in factors.items() if not math.isclose(factor, 1.0)}


_POWERS = {Role.HIDDEN: -0.5, Role.OUTPUT: -1.0, Role.INPUT: 0.0, Role.SCALAR: 0.0}


def rate_factors(optimizer: OptimizerSpec, shapes: Any, base_shapes: Any) -> dict[str, float]:
    """What the learning rate of each tensor is multiplied by, by path.

    Entrywise optimizers: 1 / inputs. Gradient descent: outputs / inputs, which is table 3 where
    both grow alike.
    """
    descends = isinstance(optimizer, SGDSpec)
    return {
        path: (growth.outputs if descends else 1.0) / growth.inputs
        for path, growth in growths(shapes, base_shapes).items()
    }
