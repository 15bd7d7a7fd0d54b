"""The decision: two cohorts' times on one clock in, one of seven verdicts out.

The rules are rows 1 to 8 of STATISTICS, section 3; the first that matches decides.
"""

import copy
import dataclasses
import enum
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from lab.specs import Margins
from lab.statistics import logrank, permutation, proportions, quantiles, rmst, tables, win
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.quantiles import QuantileTime, SpeedUp
from lab.statistics.tables import Table, Tables
from lab.statistics.times import ClockTimes, common_horizon
from lab.verdicts.landmarks import Landmark, landmark_times, landmarks_at
from lab.verdicts.sample_size import Need, members_needed

TIED_SHARE = 0.95
"""So many of all pairs reached within one evaluation of each other: the grid is too coarse."""

QUANTILES = (0.1, 0.5, 0.9)


class Verdict(enum.Enum):
    """A contrast's answer."""

    SMALLER_FASTER = "smaller faster"
    LARGER_FASTER = "larger faster"
    CROSSING = "crossing"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"
    NOT_REACHED = "not reached"
    GRID_TOO_COARSE = "grid too coarse"


class Modifier(enum.Enum):
    """What must be known besides the verdict."""

    NEGLIGIBLY = "negligibly"
    SMALLER_LESS_RELIABLE = "smaller less reliable"
    LARGER_LESS_RELIABLE = "larger less reliable"
    GRID_LIMITED = "grid-limited"
    SPARSE = "sparse: judged by permutation too"
    SAME_AS_STEPS = "same hypothesis as steps"
    ONE_SHARED_RATE = "one shared learning rate"
    AS_CONFIGURED = "as configured"
    TRAINED_ELSEWHERE = "trained elsewhere"
    INCOMPLETE = "incomplete"


_DIRECTED = (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER)
_SETTLED = {
    Verdict.SMALLER_FASTER: "a direction",
    Verdict.LARGER_FASTER: "a direction",
    Verdict.CROSSING: "that the lead changes",
    Verdict.EQUIVALENT: "equivalence",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """One cohort of a contrast, on one clock."""

    clock: ClockTimes
    diverged: int

    @property
    def members(self) -> int:
        return self.clock.times.members


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with all that it was decided from; times in clock units up to `horizon`.

    `reached` counts members that surely reached by the horizon; `win_probability` is P(smaller
    first) + P(tie)/2; `rmst_ratio` is the smaller's restricted mean over the larger's, as are the
    speed-ups: above 1 the smaller is slower. `more_members` (for each cohort) is what an undecided
    verdict is estimated to need to settle `more_for`; None where a number cannot be given.
    """

    verdict: Verdict
    modifiers: tuple[Modifier, ...]
    horizon: float
    members: int
    reached_smaller: int
    reached_larger: int
    win_probability: OrderCertain
    p_value: float
    rmst_ratio: Interval
    quantiles_smaller: tuple[QuantileTime, ...]
    quantiles_larger: tuple[QuantileTime, ...]
    speed_ups: tuple[SpeedUp, ...]
    landmarks: tuple[Landmark, ...]
    logrank_p_value: float
    more_members: int | None
    more_for: str | None


def decide(
    smaller: Side, larger: Side, margins: Margins, generator: np.random.Generator
) -> Decision:
    """Which cohort is faster on this clock; `generator` draws permutations of sparse data only."""
    horizon = common_horizon(smaller.clock, larger.clock)
    tabulated = tables.tabulate(smaller.clock, larger.clock, horizon)
    level = 1 - margins.alpha_win
    chance = win.certain_win(tabulated, level)
    times = landmark_times(smaller.clock, larger.clock, horizon)
    landmarks = landmarks_at(times, smaller.clock, larger.clock, margins.alpha_landmarks)
    sparse = permutation.is_sparse(tabulated.rounded)
    certain = Reading(
        win=chance,
        differences=tuple(landmark.difference for landmark in landmarks),
        p_value=_p_value((tabulated.latest, tabulated.earliest), sparse, generator),
        sparse=sparse,
        reached=(_reached_share(smaller, horizon), _reached_share(larger, horizon)),
    )
    verdict = _before_reading(smaller, larger, horizon) or certain.verdict(margins)
    grid_limited = verdict is Verdict.UNDECIDED and (
        certain.grid_bound(margins)
        or _decided_by_rounding(certain, tabulated, landmarks, margins, generator)
    )
    need = Need(None, "a finer evaluation grid" if grid_limited else None)
    if verdict is Verdict.UNDECIDED and not grid_limited:
        need = certain.need(min(smaller.members, larger.members), margins)
    means = [rmst.restricted_mean(side.clock, horizon) for side in (smaller, larger)]
    at_quantiles = [_quantiles(side.clock, horizon, level) for side in (smaller, larger)]
    return Decision(
        verdict=verdict,
        modifiers=_modifiers(verdict, certain, grid_limited, smaller, larger, margins),
        horizon=float(horizon),
        members=min(smaller.members, larger.members),
        reached_smaller=smaller.clock.certain_by(horizon),
        reached_larger=larger.clock.certain_by(horizon),
        win_probability=chance,
        p_value=certain.p_value,
        rmst_ratio=rmst.rmst_ratio(means[0], means[1], level),
        quantiles_smaller=at_quantiles[0],
        quantiles_larger=at_quantiles[1],
        speed_ups=tuple(map(quantiles.speed_up, *at_quantiles)),
        landmarks=landmarks,
        logrank_p_value=logrank.logrank(tabulated.rounded).p_value,
        more_members=need.members,
        more_for=need.purpose,
    )


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

    def need(self, members: int, margins: Margins) -> Need:
        """What row 8 lacks; `members` of the smaller cohort so far."""
        delta, bound = margins.delta, margins.delta_incidence
        turns = self.win.turns(0.5 - delta, 0.5, 0.5 + delta)
        turns += [turn for each in self.differences for turn in each.turns(-bound, 0, bound)]
        return members_needed(members, turns, lambda ratio: self._settled(ratio, margins))

    def grid_bound(self, margins: Margins) -> bool:
        """Whether the grids hide who is first from any number of members, so row 8 is for good."""
        straddling = self.win.lowest < 0.5 < self.win.highest
        return straddling and self._shrunk(0.0).verdict(margins) is Verdict.UNDECIDED

    def _settled(self, ratio: float, margins: Margins) -> str | None:
        """What is settled with sampling parts so much shorter.

        A direction only where four times those members leave it: no landmark soon forbids it.
        Of sparse data only a direction: there the exact test follows the interval, while data that
        stay sparse, which nobody can know, bar every other verdict.
        """
        verdict = self._shrunk(ratio).verdict(margins)
        if verdict in _DIRECTED:
            settled = verdict is self._shrunk(ratio / 2).verdict(margins)
        else:
            settled = not self.sparse
        return _SETTLED.get(verdict) if settled else None

    def _shrunk(self, ratio: float) -> "Reading":
        """With sampling parts `ratio` times as long: at 0 as from members without number."""
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


def _before_reading(smaller: Side, larger: Side, horizon: Fraction) -> Verdict | None:
    """Rows 1 and 2, and cohorts without members."""
    if min(smaller.members, larger.members) == 0:
        return Verdict.UNDECIDED
    if not any(side.clock.possible_by(horizon) for side in (smaller, larger)):
        return Verdict.NOT_REACHED
    if tables.overlapping_share(smaller.clock, larger.clock, horizon) >= TIED_SHARE:
        return Verdict.GRID_TOO_COARSE
    return None


def _p_value(pair: tuple[Table, Table], sparse: bool, generator: np.random.Generator) -> float:
    """Of p = 1/2, at whichever of the two tables favours it; 1 if they lie on both its sides."""
    latest, earliest = (win.placement(table.first, table.second) for table in pair)
    if latest.estimate < 0.5 < earliest.estimate:
        return 1.0
    different = pair[:1] if pair[0] is pair[1] else pair
    if sparse:
        # The same draws for both tables: else swapping the cohorts' roles would change them.
        copies = [copy.deepcopy(generator) for _ in different]
        return max(map(permutation.permutation_p, different, copies))
    return float(max(win.p_value(latest), win.p_value(earliest)))


def _decided_by_rounding(
    certain: Reading,
    tabulated: Tables,
    landmarks: Sequence[Landmark],
    margins: Margins,
    generator: np.random.Generator,
) -> bool:
    """Whether only the grids' coarseness stands between the data and a verdict."""
    if tabulated.shared_grid:
        return False
    rounded = dataclasses.replace(
        certain,
        win=_exact(win.win_probability(tabulated.rounded, certain.win.level)),
        differences=tuple(_exact(landmark.rounded) for landmark in landmarks),
        p_value=_p_value((tabulated.rounded, tabulated.rounded), certain.sparse, generator),
    )
    return rounded.verdict(margins) is not Verdict.UNDECIDED


def _exact(interval: Interval) -> OrderCertain:
    """Of times taken as seen: no order is open."""
    known = dataclasses.asdict(interval)
    return OrderCertain(**known, lowest=interval.estimate, highest=interval.estimate)


def _modifiers(
    verdict: Verdict,
    certain: Reading,
    grid_limited: bool,
    smaller: Side,
    larger: Side,
    margins: Margins,
) -> tuple[Modifier, ...]:
    found = []
    if verdict in _DIRECTED and certain.equivalent(margins):
        found.append(Modifier.NEGLIGIBLY)
    diverged = [(side.diverged, side.members) for side in (smaller, larger)]
    divergence = proportions.difference(diverged[0], diverged[1], 1 - margins.alpha_win)
    if divergence.above(0):
        found.append(Modifier.SMALLER_LESS_RELIABLE)
    if divergence.below(0):
        found.append(Modifier.LARGER_LESS_RELIABLE)
    if grid_limited:
        found.append(Modifier.GRID_LIMITED)
    if certain.sparse and verdict not in (Verdict.NOT_REACHED, Verdict.GRID_TOO_COARSE):
        found.append(Modifier.SPARSE)
    return tuple(found)


def _reached_share(side: Side, horizon: Fraction) -> float:
    return side.clock.certain_by(horizon) / max(side.members, 1)


def _quantiles(clock: ClockTimes, horizon: Fraction, level: float) -> tuple[QuantileTime, ...]:
    """In clock units, each of the level at which a ratio of two has `level`."""
    single = 1 - (1 - level) / 2
    return tuple(
        quantiles.quantile_time(clock.times, quantile, single).on(clock, horizon)
        for quantile in QUANTILES
    )
