"""Flip points and shares of the gap in plain sentences."""

import dataclasses
import math

from lab.quantities import percent
from lab.statistics.intervals import Interval
from lab.verdicts.cost_ratio import WIDEST, CostRatioFlip
from lab.verdicts.flips import Flips, LevelFlip, TargetFlip
from lab.verdicts.shares import NotEstimable, Share
from lab.words import Cause, Clock

_REASONS = {
    NotEstimable.SPARSE: "too few members reached the target, or differ, for an interval",
    NotEstimable.NO_GAP: "at {} there is no gap that is told apart from none",
}


def worded(found: Flips, cause: Cause | None) -> Flips:
    """Each flip with its sentence."""
    return Flips(
        cost_ratios=tuple(
            dataclasses.replace(one, sentence=_cost_ratio(one)) for one in found.cost_ratios
        ),
        targets=tuple(dataclasses.replace(one, sentence=_target(one)) for one in found.targets),
        levels=tuple(
            dataclasses.replace(one, sentence=_level(one, found, cause)) for one in found.levels
        ),
    )


def worded_shares(found: tuple[Share, ...]) -> tuple[Share, ...]:
    """Each share with its sentence."""
    pairs = len({one.pair for one in found})
    return tuple(dataclasses.replace(one, sentence=_share(one, pairs)) for one in found)


def times(log_ratio: float) -> str:
    """A gap as what it is the logarithm of: `1.35 times`."""
    return f"{math.exp(log_ratio):.2f} times"


def _cost_ratio(one: CostRatioFlip) -> str:
    measured = [
        f"counted in {known.clock.label} it costs {known.ratio:.3g} times as much"
        for known in one.known
        if known.clock not in (Clock.STEPS, Clock.EXAMPLES)
    ]
    told = "; ".join([_ends(one), *measured])
    return f"{_pair(one)}, to {one.metric.label} {one.target:g}: {told}."


def _ends(one: CostRatioFlip) -> str:
    if one.larger_until == WIDEST:
        return f"the larger net is first even where its step costs {WIDEST:g} times the smaller's"
    if one.smaller_from is not None and one.smaller_from * WIDEST <= 1:
        return (
            f"the smaller net is first even where the larger's step costs a {WIDEST:g}th of its own"
        )
    parts = []
    if one.larger_until is not None:
        parts.append(
            f"the larger net is first while its step costs up to {one.larger_until:.3g} times the "
            "smaller's"
        )
    if one.smaller_from is not None:
        opening = "the smaller" if parts else "the smaller net is first where the larger's step"
        rest = "" if parts else " costs the smaller's"
        parts.append(f"{opening}{rest} from {one.smaller_from:.3g} times on")
    if not parts:
        return "at no cost of the larger net's step is either first for certain"
    if len(parts) == 1:
        side = "beyond" if one.smaller_from is None else "below"
        return f"{parts[0]}; {side} these runs cannot tell"
    turn = "" if one.turn is None else f" (the order turns at about {one.turn:.3g})"
    return ", ".join(parts) + turn


def _target(one: TargetFlip) -> str:
    return (
        f"In {one.clock.label}, {_pair(one)}, at full budget: the {one.easier.value} net is first "
        f"to {one.from_target:g}, the {one.easier.other.value} to {one.to_target:g}."
    )


def _level(one: LevelFlip, found: Flips, cause: Cause | None) -> str:
    pairs = len({each.pair for each in found.levels})
    which = f" for pair {one.pair + 1} of each level" if pairs > 1 else ""
    noun = f"{cause.value} " if cause else ""
    first, then = one.before, one.before.other
    if one.at is None:
        return (
            f"In {one.clock.label}{which} the {first.value} net is first at {noun}"
            f"{one.from_level}, the {then.value} at {one.to_level}."
        )
    return (
        f"In {one.clock.label}{which} the order turns between {noun}{one.from_level}, where the "
        f"{first.value} net is first, and {one.to_level}, where the {then.value} is: at about "
        f"{_number(one.at)}."
    )


def _number(at: Interval) -> str:
    return f"{at.estimate:.3g} [{at.lower:.3g}, {at.upper:.3g}]"


def _share(one: Share, pairs: int) -> str:
    which = f" for pair {one.pair + 1} of each level" if pairs > 1 else ""
    gaps = (
        f"the smaller's mean time is {times(one.baseline_gap)} the larger's at {one.baseline}, "
        f"{times(one.gap)} at {one.level}"
    )
    if one.share is None:
        reason = _REASONS[one.reason or NotEstimable.SPARSE].format(one.baseline)
        return (
            f"In {one.clock.label}{which}, what going from {one.baseline} to {one.level} explains "
            f"of the gap is not estimable: {reason} ({gaps})."
        )
    ends = [signed(end) for end in (one.share.estimate, one.share.lower, one.share.upper)]
    return (
        f"In {one.clock.label}{which}, going from {one.baseline} to {one.level} explains {ends[0]} "
        f"[{ends[1]}, {ends[2]}] of the gap{_reading(one.share)}: {gaps}."
    )


def _reading(share: Interval) -> str:
    if share.lower > 1:
        return ", which it turns round"
    if share.upper < 0:
        return ", which it widens"
    return ""


def signed(share: float) -> str:
    """A share that may lie below none or above all."""
    return percent(share) if 0 <= share <= 1 else f"{share:.0%}"


def _pair(one: CostRatioFlip | TargetFlip) -> str:
    told = one.smaller.endswith(one.level)  # As "small-learning-rate-0.1" does, and no level.
    level = "" if told else f" ({one.level})"
    return f"{one.smaller} against {one.larger}{level}"
