"""The decision: two cohorts' times on one clock in, one of seven verdicts out.

The rules are rows 1 to 8 of STATISTICS, section 3; the first that matches decides.
"""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from lab.specs import Margins
from lab.statistics import quantiles, tables
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.quantiles import QuantileTime, SpeedUp
from lab.statistics.times import ClockTimes
from lab.verdicts import follow_up
from lab.verdicts.evidence import Evidence, Levels, evidence, times_of_landmarks
from lab.verdicts.follow_up import FollowUp
from lab.verdicts.forecast import Forecast
from lab.verdicts.landmarks import Landmark
from lab.verdicts.meeting import Meeting
from lab.verdicts.reading import DIRECTED
from lab.verdicts.sample_size import MoreMembers, Need, members_needed
from lab.verdicts.words import Modifier, Verdict

TIED_SHARE = 0.95
"""So many of all pairs reached within one evaluation of each other: the grid is too coarse."""

QUANTILES = (0.1, 0.5, 0.9)


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with all that it was decided from; times in clock units up to `horizon`.

    `reached` counts members that surely reached by the horizon; `win_probability` is P(smaller
    first) + P(tie)/2; `rmst_ratio` is the smaller's restricted mean over the larger's, as are the
    speed-ups: above 1 the smaller is slower. Intervals hold wherever between two evaluations the
    times lie; estimates take them at the later one. `more_members` is what an undecided verdict is
    estimated to need to settle `more_for`; None where a number cannot be given. `log_e_value` is
    the evidence against equal distributions where one stopped, if members were added in turn: what
    may be combined with other contrasts' (e-BH). `sparse`: too few members, or too few that differ,
    for normal theory; the interval of `rmst_ratio` is then the horizon's. `follow_up` is there
    where runs were stopped early.
    """

    verdict: Verdict
    modifiers: tuple[Modifier, ...]
    horizon: float
    members: int
    reached_smaller: int
    reached_larger: int
    win_probability: OrderCertain
    p_value: float
    rmst_ratio: OrderCertain
    quantiles_smaller: tuple[QuantileTime, ...]
    quantiles_larger: tuple[QuantileTime, ...]
    speed_ups: tuple[SpeedUp, ...]
    landmarks: tuple[Landmark, ...]
    logrank_p_value: float
    more_members: MoreMembers | None
    more_for: str | None
    log_e_value: float | None
    sparse: bool
    follow_up: FollowUp | None = None


def decide(meeting: Meeting, margins: Margins, generator: np.random.Generator) -> Decision:
    """Which cohort is faster on this clock; `generator` draws permutations of sparse data only."""
    levels = Levels.declared(margins, len(times_of_landmarks(meeting)))
    return conclude(meeting, evidence(meeting, levels, generator), margins)


def conclude(
    meeting: Meeting,
    found: Evidence,
    margins: Margins,
    quantile_level: float | None = None,
    looks: Sequence[int] = (),
) -> Decision:
    """The verdict that the evidence has; quantiles are told at the margins' level by default.

    `looks` are the numbers of members that a verdict is sought at, where they are added in turn.
    """
    horizon, reading = meeting.horizon, found.reading
    verdict = before_reading(meeting) or reading.verdict(margins)
    grid_limited = verdict is Verdict.UNDECIDED and (
        reading.grid_bound(margins)
        or (found.rounded is not None and found.rounded.verdict(margins) is not Verdict.UNDECIDED)
    )
    need = Need(None, "a finer evaluation grid" if grid_limited else None)
    # What more runs that may be stopped too would settle nobody can tell.
    if verdict is Verdict.UNDECIDED and not grid_limited and meeting.whole:
        in_sequence = found.log_e_value is not None
        forecast = Forecast(meeting, reading, found.landmarks, in_sequence)
        need = members_needed(forecast, margins, looks)
    level = 1 - margins.alpha_win if quantile_level is None else quantile_level
    sides = meeting.smaller.clock, meeting.larger.clock
    at_quantiles = [_quantiles(side, horizon, level) for side in sides]
    return Decision(
        verdict=verdict,
        modifiers=_modifiers(meeting, verdict, found, grid_limited, margins),
        horizon=float(horizon),
        members=meeting.members,
        reached_smaller=sides[0].certain_by(horizon),
        reached_larger=sides[1].certain_by(horizon),
        win_probability=reading.win,
        p_value=reading.p_value,
        rmst_ratio=found.rmst_ratio,
        quantiles_smaller=at_quantiles[0],
        quantiles_larger=at_quantiles[1],
        speed_ups=tuple(map(quantiles.speed_up, *at_quantiles)),
        landmarks=found.landmarks,
        logrank_p_value=found.logrank_p_value,
        more_members=need.members,
        more_for=need.purpose,
        log_e_value=found.log_e_value,
        sparse=reading.sparse,
        follow_up=follow_up.summary(meeting, 1 - margins.alpha_win),
    )


def before_reading(meeting: Meeting) -> Verdict | None:
    """Rows 1 and 2, and cohorts without members; None where the rules go on."""
    sides = meeting.smaller.clock, meeting.larger.clock
    if meeting.members == 0:
        return Verdict.UNDECIDED
    if not any(side.possible_by(meeting.horizon) for side in sides):
        return Verdict.NOT_REACHED
    if tables.overlapping_share(*sides, meeting.horizon) >= TIED_SHARE:
        return Verdict.GRID_TOO_COARSE
    return None


def _modifiers(
    meeting: Meeting, verdict: Verdict, found: Evidence, grid_limited: bool, margins: Margins
) -> tuple[Modifier, ...]:
    modifiers = [] if meeting.whole else [Modifier.UNEQUAL_FOLLOW_UP]
    if verdict in DIRECTED and found.reading.equivalent(margins):
        modifiers.append(Modifier.NEGLIGIBLY)
    if found.divergence.above(0):
        modifiers.append(Modifier.SMALLER_LESS_RELIABLE)
    if found.divergence.below(0):
        modifiers.append(Modifier.LARGER_LESS_RELIABLE)
    if grid_limited:
        modifiers.append(Modifier.GRID_LIMITED)
    if _grid_hides_ratio(found):
        modifiers.append(Modifier.MEANS_GRID_LIMITED)
    if found.reading.sparse and verdict not in (Verdict.NOT_REACHED, Verdict.GRID_TOO_COARSE):
        modifiers.append(Modifier.SPARSE)
    return tuple(modifiers)


def _grid_hides_ratio(found: Evidence) -> bool:
    """Whether the ratio of means is told apart from 1 by times as seen, and not by all allowed."""

    def apart(ratio: Interval) -> bool:
        return ratio.above(1) or ratio.below(1)

    return apart(found.rmst_rounded) and not apart(found.rmst_ratio)


def _quantiles(clock: ClockTimes, horizon: Fraction, level: float) -> tuple[QuantileTime, ...]:
    """In clock units, each of the level at which a ratio of two has `level`."""
    single = 1 - (1 - level) / 2
    return tuple(
        quantiles.quantile_time(clock.times, quantile, single).on(clock, horizon)
        for quantile in QUANTILES
    )
