"""When members are added until the answer is clear."""

import dataclasses
import itertools

from lab.specs.rules import require


@dataclasses.dataclass(frozen=True, slots=True)
class SequentialSpec:
    """Looks: how many members each cohort has when a verdict is sought; the last is all of them.

    `planned` spends the level over these very looks (O'Brien and Fleming 1979; Lan and DeMets
    1983); else confidence sequences hold at every look there could be (STATISTICS, section 4).
    """

    looks: tuple[int, ...]
    planned: bool = False

    def __post_init__(self) -> None:
        rising = all(before < after for before, after in itertools.pairwise((1, *self.looks)))
        require(
            bool(self.looks) and rising,
            f"looks {self.looks} do not rise from 2 members or more: pass rising numbers",
        )
