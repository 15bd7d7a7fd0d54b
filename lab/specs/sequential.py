"""When members are added until the answer is clear."""

import dataclasses
import itertools

from lab.specs.rules import require

MOST_MEMBERS = 1024
"""Of each cohort, by default: equivalence within the default margins takes some 600 (STATISTICS,
section 6)."""
FEWEST = 64
"""Confidence sequences begin at so many members of each cohort (STATISTICS, section 4)."""


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
        require(
            self.planned or self.looks[0] >= FEWEST,
            f"the first look is at {self.looks[0]} members; without a plan it takes {FEWEST}: pass "
            f"--members={2 * FEWEST} or more, or --planned",
        )


def default_looks(members: int) -> tuple[int, ...]:
    """64, 96, 128, 192, 256 and so on, to all members; quarters of them where they are few."""
    looks = [start * factor // 2 for start in _powers(members) for factor in (2, 3)]
    if members < FEWEST:
        looks = [members * quarter // 4 for quarter in (1, 2, 3)]
    return (*dict.fromkeys(look for look in looks if 1 < look < members), members)


def in_turn(members: int, *, planned: bool = False) -> SequentialSpec:
    """Up to `members` of each cohort, with a verdict sought at `default_looks`.

    UsageError for fewer than 2 members.
    """
    require(members >= 2, f"members is {members}; looks take 2 or more: pass --members=1024")
    return SequentialSpec(default_looks(members), planned)


def _powers(members: int) -> list[int]:
    return [FEWEST << power for power in range(members.bit_length())]
