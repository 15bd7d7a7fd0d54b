"""How members share what chance enters by."""

import dataclasses
import math
from typing import Any

from lab.specs.rules import require
from lab.words import Factor

CROSSED = (Factor.SPLIT, Factor.INIT, Factor.ORDER, Factor.DROPOUT)
"""The last of them turns fastest from one member to the next."""


@dataclasses.dataclass(frozen=True, slots=True)
class SeedsSpec:
    """Of each factor so many levels, crossed; None is a level of its own for every member.

    Members with one level of a factor have the same draws of it. Every combination of levels occurs
    in every so many members, so that the share of each factor in the spread of times can be told.
    """

    init: int | None = None
    order: int | None = None
    dropout: int | None = None
    split: int | None = None

    def __post_init__(self) -> None:
        for factor in CROSSED:
            levels = self.levels(factor)
            require(
                levels is None or levels >= 1,
                f"{factor.value} has {levels} levels; it takes 1 or more: pass "
                f"--cross={factor.value}:8",
            )

    def levels(self, factor: Factor) -> int | None:
        """How many, or None."""
        return {
            Factor.INIT: self.init,
            Factor.ORDER: self.order,
            Factor.DROPOUT: self.dropout,
            Factor.SPLIT: self.split,
        }[factor]

    @property
    def combinations(self) -> int:
        """How many members have every combination of levels once."""
        return math.prod(self.levels(factor) or 1 for factor in CROSSED)

    def level(self, factor: Factor, member: Any) -> Any:
        """A member's level, by mixed radix; of one or of an array of them, NumPy's or JAX's."""
        levels = self.levels(factor)
        if levels is None:
            return member
        later = CROSSED[CROSSED.index(factor) + 1 :]
        return member // math.prod(self.levels(one) or 1 for one in later) % levels
