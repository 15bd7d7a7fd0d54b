"""Which trial is the best, and whether the best rate lies inside the range that was tried."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lab.tuning.trials import Result

CLEARLY = 2.0
"""Standard errors by which one trial must be behind another to count as worse."""


class Ends(NamedTuple):
    """Which ends of the range may still be better than all inside."""

    low: bool
    high: bool


def best(results: Sequence[Result]) -> Result:
    """The least criterion; of trials that tie, as all do where nobody arrives, their middle one."""
    least = min(one.criterion for one in results)
    tied = [one for one in results if one.criterion == least]
    middle = float(np.mean([math.log(one.trial.rate) for one in tied]))
    return min(tied, key=lambda one: (abs(math.log(one.trial.rate) - middle), one.trial.rate))


def spread(results: Sequence[Result]) -> float:
    """Variance of a member's time within its trial, pooled: a trial's own is of very few."""
    squares = sum(float(((one.restricted_R - one.criterion) ** 2).sum()) for one in results)
    degrees = sum(one.members - 1 for one in results)
    return squares / degrees if degrees else 0.0


def clearly_worse(one: Result, other: Result, pooled: float) -> bool:
    """Whether `one` is behind by more than chance would have it.

    Each counts with its own variance or the `pooled` one, whichever is larger: four members that
    agree prove nothing, and trials in which nobody arrives, which all agree, make no other surer.
    """
    error = math.sqrt(sum(max(_variance(each), pooled) / each.members for each in (one, other)))
    return one.criterion - other.criterion > CLEARLY * error


def _variance(one: Result) -> float:
    return float(np.var(one.restricted_R, ddof=1)) if one.members > 1 else 0.0


def line(results: Sequence[Result], chosen: Result) -> list[Result]:
    """The trials that differ from the chosen one in the rate alone, and itself, by rate."""
    alike = [one for one in results if one.trial.beside == chosen.trial.beside]
    return sorted(alike, key=lambda one: one.trial.rate)


def open_ends(results: Sequence[Result], chosen: Result) -> Ends:
    """Ends of the range that are not clearly worse than the chosen trial, along its line.

    That the best is no end is not enough: with few members a trial, one inside is the best by
    chance where all are alike up to the end. An end counts as passed once its trial is behind by
    two standard errors. As the best of many was picked, it looks better than it is; the two errors
    are there to cover that, and what is decided is only where to look further, and to be silent.
    """
    variance, trials = spread(results), line(results, chosen)
    return Ends(
        low=not clearly_worse(trials[0], chosen, variance),
        high=not clearly_worse(trials[-1], chosen, variance),
    )


def worth_passing(results: Sequence[Result], chosen: Result) -> Ends:
    """Open ends beyond which there may be something to find.

    Where nobody arrived at an end, and somebody inside, it is for want of members that the best
    cannot be told from it.
    """
    ends, trials = open_ends(results, chosen), line(results, chosen)
    nobody = not any(one.reached for one in trials)
    return Ends(
        low=ends.low and (nobody or trials[0].reached > 0),
        high=ends.high and (nobody or trials[-1].reached > 0),
    )


def transfers(results: Sequence[Result], rate: float) -> bool:
    """Whether these trials show that the transferred rate holds at this size too.

    They do where members reached the target at it, no other trial is clearly better than it, and
    one at least is clearly worse. That none is clearly better would be no evidence alone: with few
    members, or where nobody arrives, none ever is. One that is clearly worse shows that these
    members can tell such a distance between rates at all; another that is ahead by less than they
    can tell is then what a broad optimum looks like.
    """
    (own,) = [one for one in results if one.trial.rate == rate]
    others, variance = [one for one in results if one is not own], spread(results)
    return (
        own.reached > 0
        and not any(clearly_worse(own, one, variance) for one in others)
        and any(clearly_worse(one, own, variance) for one in others)
    )
