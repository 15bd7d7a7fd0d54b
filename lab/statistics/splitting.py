"""A cohort against itself: whether the test that verdicts rest on keeps its level on these data."""

import dataclasses

import numpy as np

from lab.statistics import permutation, win
from lab.statistics.tables import Table
from lab.statistics.times import Integers

SPLITS = 2_000
LEVELS = (0.03, 0.1)
EXCESS = 1.3
"""A level may be exceeded by so much: section 5 of STATISTICS lets .05 be .065 in small cohorts."""
FEWEST = 16
DRIFT = 0.001


@dataclasses.dataclass(frozen=True, slots=True)
class SplitCheck:
    """How often random halves of one cohort differed, and whether its first half did from the rest.

    `rejected[i]` is the share of `splits` with a p-value of LEVELS[i] or less; `drift_p_value` is
    of the members in their order, first half against second. None where the cohort is too small
    or too sparse for the normal theory: there verdicts rest on permutations, which are exact.
    """

    splits: int
    rejected: tuple[float, ...] | None
    drift_p_value: float | None

    @property
    def uneven(self) -> bool:
        """Whether halves differ more often than chance lets them."""
        return self.rejected is not None and any(
            share > EXCESS * level + 3 * (level * (1 - level) / self.splits) ** 0.5
            for share, level in zip(self.rejected, LEVELS, strict=True)
        )

    @property
    def drifts(self) -> bool:
        """Whether members differ by where they stand among the others, which chance cannot do."""
        return self.drift_p_value is not None and self.drift_p_value < DRIFT


def split_check(cell: Integers, cells: int, generator: np.random.Generator) -> SplitCheck:
    """From the cell of each member, in their order, of `cells` ordered ones; the last is 'never'.

    Halves are drawn without replacement, so that under the test's own hypothesis, which holds by
    construction, p-values must be uniform but for ties.
    """
    half = len(cell) // 2
    early, late = (np.bincount(one, minlength=cells) for one in (cell[:half], cell[half:]))
    # Cells that nobody is in cost a draw each, and count for nothing; 'never' stays the last.
    occupied = np.append((early + late)[:-1] > 0, True)
    ordered = Table(early[occupied], late[occupied])
    counts = ordered.first + ordered.second
    if len(cell) < FEWEST or permutation.is_sparse(Table(counts, counts)):
        return SplitCheck(0, None, None)
    drawn = generator.multivariate_hypergeometric(counts, half, size=SPLITS)
    p_values = win.p_value(win.placement(drawn, counts - drawn))
    drift = win.p_value(win.placement(ordered.first, ordered.second))
    return SplitCheck(
        splits=SPLITS,
        rejected=tuple(float(np.mean(p_values <= level)) for level in LEVELS),
        drift_p_value=float(drift),
    )
