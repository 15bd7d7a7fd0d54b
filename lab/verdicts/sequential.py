"""Verdicts while members are being added: at looks, each on blocks of members that all ended.

STATISTICS, section 4. A look is at the first n members of each cohort, whoever ended first; those
beyond it, under way or ended early, are not looked at.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lab.specs import Margins, SequentialSpec
from lab.statistics import eprocesses, permutation, sequences, spending
from lab.statistics.intervals import Interval, OrderCertain
from lab.statistics.tables import Table
from lab.statistics.win import Placement
from lab.verdicts.decision import Decision, conclude
from lab.verdicts.evidence import (
    Evidence,
    Levels,
    between,
    evidence,
    restricted_means,
    times_of_landmarks,
)
from lab.verdicts.landmarks import Landmark, Reached, landmarks_at
from lab.verdicts.meeting import Meeting
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
        return _told(conclude(latest, found, margins, level), Modifier.SEQUENTIAL)
    levels = _levels_at(spec, len(looks) - 1, margins, len(times_of_landmarks(latest)))
    now = dataclasses.replace(margins, alpha_win=1 - levels.win)
    found = evidence(latest, levels, generator)
    return _told(conclude(latest, found, now, level), Modifier.PLANNED_LOOKS)


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
    reading = Reading(
        win=chance,
        differences=tuple(landmark.difference for landmark in landmarks),
        p_value=_anytime_p(looks),
        sparse=permutation.is_sparse(latest.tables.rounded),
        reached=latest.reached(),
    )
    return Evidence(
        reading=reading,
        rounded=None,
        landmarks=landmarks,
        rmst_ratio=sequences.rmst_ratio(*restricted_means(latest), levels.win),
        divergence=_difference(latest.smaller.diverged, latest.larger.diverged, levels.win),
    )


def _win(meeting: Meeting, level: float) -> OrderCertain:
    def interval(placed: Placement) -> Interval:
        return Interval.of(placed.estimate, *sequences.win_bounds(placed, level), level)

    return between(meeting, interval)


def _landmarks(meeting: Meeting, level: float) -> tuple[Landmark, ...]:
    return landmarks_at(
        times_of_landmarks(meeting),
        meeting,
        lambda first, second: _difference(first, second, level),
    )


def _difference(first: Reached, second: Reached, level: float) -> Interval:
    return sequences.difference(
        (int(first.sum()), len(first)), (int(second.sum()), len(second)), level
    )


def _shared(before: OrderCertain, now: OrderCertain) -> OrderCertain:
    both = sequences.intersection(before, now)
    return dataclasses.replace(now, lower=both.lower, upper=both.upper)


def _anytime_p(looks: Sequence[Look]) -> float:
    """Of equal distributions, at the order within evaluations that favours them most."""
    readings = [(look.block.tables.latest, look.block.tables.earliest) for look in looks]
    return max(_of_blocks([pair[which] for pair in readings]) for which in (0, 1))


def _of_blocks(blocks: Sequence[Table]) -> float:
    """Each block has risk sets of its own."""
    total = np.zeros(len(eprocesses.ODDS))
    largest = -math.inf
    for block in blocks:
        total = total + eprocesses.logrank_block(block.first, block.second)
        largest = max(largest, float(eprocesses.mixture(total)))
    return float(eprocesses.anytime_p(np.array([largest])))
