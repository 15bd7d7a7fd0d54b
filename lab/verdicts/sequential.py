"""Verdicts while members are being added: at looks, each on blocks of members that all ended.

STATISTICS, section 4. A look is at the first n members of each cohort, whoever ended first; those
beyond it, under way or ended early, are not looked at.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from lab.specs import Margins, SequentialSpec
from lab.statistics import eprocesses, permutation, rmst, sequences, spending
from lab.statistics.intervals import Floats, Interval, OrderCertain
from lab.statistics.win import Placement
from lab.verdicts.decision import Decision, conclude
from lab.verdicts.evidence import (
    Evidence,
    Levels,
    MeanTimes,
    Measure,
    between,
    evidence,
    mean_times,
    times_of_landmarks,
)
from lab.verdicts.landmarks import Landmark, Reached, landmarks_at
from lab.verdicts.meeting import Meeting, Unit
from lab.verdicts.reading import Reading
from lab.verdicts.words import Modifier, Verdict

CLEAR = (
    Verdict.SMALLER_FASTER,
    Verdict.LARGER_FASTER,
    Verdict.CROSSING,
    Verdict.EQUIVALENT,
    # These two say nothing of either net, so to stop at them is never to reject wrongly; and more
    # members help neither a grid nor, as a rule, a target that none of the first ones reached.
    Verdict.NOT_REACHED,
    Verdict.GRID_TOO_COARSE,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """The members so far, `meeting`, and those of them that are new since the look before."""

    meeting: Meeting
    block: Meeting

    @functools.cached_property
    def log_ratios(self) -> tuple[Floats, Floats]:
        """Of the block's e-values, for each of ODDS, at the readings `latest` and `earliest`."""
        tables = self.block.tables
        latest = eprocesses.logrank_block(tables.latest.first, tables.latest.second)
        if tables.shared_grid:
            return latest, latest
        return latest, eprocesses.logrank_block(tables.earliest.first, tables.earliest.second)


def decide_in_turn(
    looks: Sequence[Look], spec: SequentialSpec, margins: Margins, generator: np.random.Generator
) -> Decision:
    """The verdict at the last of `looks`, which are the first ones of the spec, in order.

    Intervals and p-value hold at every look; quantile times have their error shared by all looks.
    """
    latest = looks[-1].meeting
    level = 1 - margins.alpha_win / len(spec.looks)
    if not spec.planned:
        found = _in_sequence(looks, margins)
        return _told(conclude(latest, found, margins, level, spec.looks), Modifier.SEQUENTIAL)
    levels = _levels_at(spec, len(looks) - 1, margins, len(times_of_landmarks(latest)))
    found = _repeated(evidence(latest, levels, generator), spec, len(looks) - 1)
    return _told(conclude(latest, found, margins, level, spec.looks), Modifier.PLANNED_LOOKS)


def is_clear(decision: Decision) -> bool:
    """Whether more members would change nothing, or nothing that can be told."""
    return decision.verdict in CLEAR or Modifier.GRID_LIMITED in decision.modifiers


def _told(decision: Decision, modifier: Modifier) -> Decision:
    return dataclasses.replace(decision, modifiers=(*decision.modifiers, modifier))


def _levels_at(spec: SequentialSpec, index: int, margins: Margins, landmarks: int) -> Levels:
    declared = Levels.declared(margins, landmarks)
    win, landmark = (
        spending.nominal_levels(spec.looks, 1 - level)[index]
        for level in (declared.win, declared.landmark)
    )
    return Levels(win, landmark)


def _repeated(found: Evidence, spec: SequentialSpec, index: int) -> Evidence:
    """With p-values that may be read where one stops."""

    def read(p_value: float) -> float:
        return spending.repeated_p(p_value, spec.looks, index)

    def of(reading: Reading) -> Reading:
        return dataclasses.replace(reading, p_value=read(reading.p_value))

    return dataclasses.replace(
        found,
        reading=of(found.reading),
        rounded=None if found.rounded is None else of(found.rounded),
        logrank_p_value=read(found.logrank_p_value),
    )


def _in_sequence(looks: Sequence[Look], margins: Margins) -> Evidence:
    """Confidence sequences, each as narrow as it has been at any look, and an exact e-process."""
    latest = looks[-1].meeting
    levels = Levels.declared(margins, len(times_of_landmarks(latest)))
    chance = _win(looks[0].meeting, levels.win)
    landmarks = _landmarks(looks[0].meeting, levels.landmark)
    for look in looks[1:]:
        chance = _shared(chance, _win(look.meeting, levels.win))
        landmarks = tuple(
            dataclasses.replace(now, difference=_shared(before.difference, now.difference))
            for before, now in zip(
                landmarks, _landmarks(look.meeting, levels.landmark), strict=True
            )
        )
    p_value, log_e_value = _exact(looks)
    reading = Reading(
        win=chance,
        differences=tuple(landmark.difference for landmark in landmarks),
        p_value=p_value,
        sparse=permutation.is_sparse(latest.tables.rounded),
        reached=latest.reached(),
    )
    ratios = [_mean_ratio(latest, levels.win, reading.sparse)(one) for one in mean_times(latest)]
    return Evidence(
        reading=reading,
        rounded=None,
        landmarks=landmarks,
        rmst_ratio=OrderCertain.hull(*ratios),
        rmst_rounded=ratios[0],
        divergence=_difference(latest, latest.smaller.diverged, latest.larger.diverged, levels.win),
        # The e-process is a log-rank test's, of pairs a sign test's: the log-rank within pairs.
        logrank_p_value=p_value,
        log_e_value=log_e_value,
    )


def _win(meeting: Meeting, level: float) -> OrderCertain:
    def interval(placed: Placement) -> Interval:
        return Interval.of(placed.estimate, *sequences.win_bounds(placed, level), level)

    return between(meeting, interval)


def _landmarks(meeting: Meeting, level: float) -> tuple[Landmark, ...]:
    return landmarks_at(
        times_of_landmarks(meeting),
        meeting,
        lambda first, second: _difference(meeting, first, second, level),
    )


def _difference(meeting: Meeting, first: Reached, second: Reached, level: float) -> Interval:
    if meeting.unit is Unit.PAIRS:
        return sequences.paired_difference(first.astype(np.float64) - second, level)
    return sequences.difference(
        (int(first.sum()), len(first)), (int(second.sum()), len(second)), level
    )


def _mean_ratio(meeting: Meeting, level: float, sparse: bool) -> Measure:
    def measure(times: MeanTimes) -> Interval:
        if sparse:
            return rmst.known_ratio(*times.means, level)
        one, other = times.parts
        covariance = 0.0
        if meeting.unit is Unit.PAIRS and len(one.value) > 1:
            covariance = float(np.cov(one.value, other.value)[0, 1]) / len(one.value)
        return sequences.rmst_ratio(*times.means, level, covariance)

    return measure


def _shared(before: OrderCertain, now: OrderCertain) -> OrderCertain:
    both = sequences.intersection(before, now)
    return dataclasses.replace(now, lower=both.lower, upper=both.upper)


def _exact(looks: Sequence[Look]) -> tuple[float, float]:
    """The p-value that may be read at any look, and the log e-value at this one.

    Of equal distributions, at the order within evaluations that favours them most.
    """
    paired = looks[-1].meeting.unit is Unit.PAIRS
    process = _of_pairs if paired else _of_blocks
    found = [process(looks, which) for which in (1, 2)]
    p_value = max(float(eprocesses.anytime_p(log_e)) for log_e in found)
    return p_value, min(float(log_e[-1]) for log_e in found)


def _of_blocks(looks: Sequence[Look], which: int) -> Floats:
    """Log e-values at each look [L]; each block has risk sets of its own."""
    return eprocesses.mixture(np.cumsum([look.log_ratios[which - 1] for look in looks], axis=0))


def _of_pairs(looks: Sequence[Look], which: int) -> Floats:
    """The same from mates; `which` is the reading of `Meeting.cells`."""
    cells = [look.block.cells[which] for look in looks]
    wins = np.cumsum([np.count_nonzero(one.first < one.second) for one in cells])
    losses = np.cumsum([np.count_nonzero(one.first > one.second) for one in cells])
    return eprocesses.sign(wins, losses)
