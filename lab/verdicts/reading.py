"""The rules: what intervals, an exact test and the shares that reached say, in one word.

Rows 3 to 8 of STATISTICS, section 3; the first that matches decides.
"""

import dataclasses

from lab.specs import Margins
from lab.statistics.intervals import OrderCertain
from lab.verdicts.words import Verdict

DIRECTED = (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER)


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What rows 3 to 8 look at; `reached` are the shares of the smaller and the larger cohort."""

    win: OrderCertain
    differences: tuple[OrderCertain, ...]
    p_value: float
    sparse: bool
    reached: tuple[float, float]

    def verdict(self, margins: Margins) -> Verdict:
        """Rows 3 to 8 of STATISTICS, section 3, in order."""
        ahead = any(difference.above(0) for difference in self.differences)
        behind = any(difference.below(0) for difference in self.differences)
        if self.sparse and self.p_value > margins.alpha_win:
            return Verdict.UNDECIDED
        if ahead and behind:
            return Verdict.CROSSING
        if self.win.above(0.5) and not behind:
            return Verdict.SMALLER_FASTER
        if self.win.below(0.5) and not ahead:
            return Verdict.LARGER_FASTER
        if self.equivalent(margins):
            return Verdict.EQUIVALENT
        return Verdict.UNDECIDED

    def grid_bound(self, margins: Margins) -> bool:
        """Whether the grids hide who is first from any number of members, so row 8 is for good."""
        straddling = self.win.lowest < 0.5 < self.win.highest
        return straddling and self.shrunk(0.0).verdict(margins) is Verdict.UNDECIDED

    def shrunk(self, ratio: float) -> "Reading":
        """The same with sampling parts `ratio` times as long: none at 0, as of all members ever."""
        return dataclasses.replace(
            self,
            win=self.win.shrunk(ratio),
            differences=tuple(each.shrunk(ratio) for each in self.differences),
            sparse=False,
        )

    def equivalent(self, margins: Margins) -> bool:
        """Row 7: no difference beyond the margins anywhere, and enough members reached to tell."""
        bound = margins.delta_incidence
        return (
            self.win.inside(0.5 - margins.delta, 0.5 + margins.delta)
            and all(difference.inside(-bound, bound) for difference in self.differences)
            and min(self.reached) >= margins.minimum_reached
        )
