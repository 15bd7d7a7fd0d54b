"""What a cohort needs to know of a family, and the rules that families share."""

import math
from typing import ClassVar, Protocol

from lab.specs.rules import require
from lab.words import Normalisation


class Family:
    """What holds of a family that does not say otherwise."""

    __slots__ = ()

    drops_out: ClassVar[bool] = True
    """Whether a training pass follows the recipe's dropout."""

    @property
    def gathers_statistics(self) -> bool:
        """Whether training passes gather statistics of their batches, to be evaluated with."""
        return False

    @property
    def draws(self) -> bool:
        """Whether training passes draw at random, whatever the recipe says."""
        return False


class NormalisedFamily(Family):
    """A family with a normalisation to choose."""

    __slots__ = ()

    normalisation: Normalisation

    @property
    def gathers_statistics(self) -> bool:
        """Batch normalisation does."""
        return self.normalisation is Normalisation.BATCH


class ResidualFamily(NormalisedFamily):
    """A family whose residual branches may be dropped, example by example."""

    __slots__ = ()

    stochastic_depth: float
    skips: bool

    @property
    def draws(self) -> bool:
        """Which branches are dropped is drawn."""
        return self.stochastic_depth > 0


class _Deep(Protocol):
    @property
    def depth(self) -> int: ...

    @property
    def skips(self) -> bool: ...


class _Headed(Protocol):
    @property
    def width(self) -> int: ...

    @property
    def heads(self) -> int: ...


def require_something_to_skip(spec: _Deep) -> None:
    """UsageError for skip connections in a net of one layer or level, which has none."""
    require(
        spec.depth > 1 or not spec.skips,
        "depth is 1, and skip connections need 2 or more: pass a larger --depth, or set skips to "
        "false",
    )


def require_branches_to_drop(spec: ResidualFamily) -> None:
    """UsageError unless stochastic depth is a probability below 1, and of what can be dropped."""
    require(
        0 <= spec.stochastic_depth < 1,
        f"stochastic_depth is {spec.stochastic_depth}; it must lie in [0, 1): set another",
    )
    require(
        spec.stochastic_depth == 0 or spec.skips,
        f"stochastic_depth is {spec.stochastic_depth}, and without skip connections there is "
        "nothing to go on with once a branch is dropped: set it to 0, or skips to true",
    )


def require_several_units(width: int, normalisation: Normalisation) -> None:
    """UsageError where an example's only unit would be normalised by itself, to 0 always."""
    alone = normalisation in (Normalisation.LAYER, Normalisation.GROUP)
    require(
        width > 1 or not alone,
        f"width is 1, and {normalisation.value} normalisation makes 0 of one number: pass "
        "--width=2 or more, or set another normalisation",
    )


def require_even_heads(spec: _Headed) -> None:
    """UsageError unless the heads share the width evenly."""
    require(
        spec.width % spec.heads == 0,
        f"width {spec.width} is not a multiple of the {spec.heads} heads: "
        f"pass --width={spec.heads * math.ceil(spec.width / spec.heads)}",
    )
