"""Where trials are placed: at first, beyond an end of the range, and about the best."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from lab.specs import SearchSpec, Setting
from lab.tuning.choosing import Ends, best, line, open_ends, worth_passing
from lab.tuning.trials import Result, Trial
from lab.words import Search

BRACKET = 3.0
"""A transferred rate is compared with a third and three times of it."""


def rounded(rate: float) -> float:
    """To four digits, so that what is printed can be asked for by hand."""
    return float(f"{rate:.4g}")


def first_trials(search: SearchSpec, centre: float, seed: int) -> tuple[Trial, ...]:
    """Those of the first round; of a random search drawn from the address `seed`."""
    half = search.decades / 2
    if search.method is not Search.RANDOM:
        rates = _between(centre / 10**half, centre * 10**half, search.trials)
        beside = [
            tuple(
                Setting(one.hyperparameter, value)
                for one, value in zip(search.also, values, strict=True)
            )
            for values in itertools.product(*(one.values for one in search.also))
        ]
        return tuple(Trial(rate, settings) for settings in beside for rate in rates)
    generator = np.random.default_rng(seed)
    return tuple(
        Trial(
            rounded(centre * 10 ** generator.uniform(-half, half)),
            tuple(
                Setting(one.hyperparameter, float(generator.choice(one.values)))
                for one in search.also
            ),
        )
        for _ in range(search.trials)
    )


def further_trials(search: SearchSpec, results: Sequence[Result]) -> tuple[Trial, ...]:
    """A third as many as the first: beyond ends that may hide the best, else about the best.

    So that cohorts are searched with equal effort, one whose best lies inside gets as many. Where
    an end is open for want of members, it gets as many again, and so does the best.
    """
    count = min(-(-search.trials // 3), len(results))
    chosen = best(results)
    passed, ends = worth_passing(results, chosen), open_ends(results, chosen)
    if any(ends) and not any(passed):
        return _again(results, chosen, ends)[:count]
    rates = [one.trial.rate for one in line(results, chosen)]
    if any(passed):
        found = _past(rates, passed, chosen.trial.rate, count, search.decades / (search.trials - 1))
    else:
        found = _about(rates, chosen.trial.rate, count)
    return tuple(Trial(rate, chosen.trial.beside) for rate in sorted(found))


def _again(results: Sequence[Result], chosen: Result, ends: Ends) -> tuple[Trial, ...]:
    """Trials by their need of members: the best, the ends it is to be told from, the others."""
    trials = line(results, chosen)
    needed = [chosen, *([trials[0]] if ends.low else []), *([trials[-1]] if ends.high else [])]
    return tuple(dict.fromkeys(one.trial for one in (*needed, *by_merit(results))))


def by_merit(results: Sequence[Result]) -> list[Result]:
    """The best first; of those that tie, the nearer to the best in rate."""
    rate = best(results).trial.rate
    return sorted(results, key=lambda one: (one.criterion, abs(math.log(one.trial.rate / rate))))


def _past(
    rates: Sequence[float], passed: Ends, chosen: float, count: int, spacing: float
) -> list[float]:
    """Beyond one end, or both, with more of them beyond the one that is nearer to the best."""
    if passed.low and passed.high:
        low_is_nearer = chosen <= math.sqrt(rates[0] * rates[-1])
        below = -(-count // 2) if low_is_nearer else count // 2
    else:
        below = count if passed.low else 0
    return [
        *_beyond(rates[0], -spacing, below),
        *_beyond(rates[-1], spacing, count - below),
    ]


def bracket(chosen: Trial) -> tuple[Trial, ...]:
    """The transferred trial between its neighbours."""
    rates = rounded(chosen.rate / BRACKET), chosen.rate, rounded(chosen.rate * BRACKET)
    return tuple(Trial(rate, chosen.beside) for rate in rates)


def _between(lowest: float, highest: float, count: int) -> list[float]:
    return [rounded(float(rate)) for rate in np.geomspace(lowest, highest, count)]


def _beyond(end: float, spacing: float, count: int) -> list[float]:
    """Rates further on, `spacing` powers of ten apart."""
    return [rounded(end * 10 ** (spacing * step)) for step in range(1, count + 1)]


def _about(rates: Sequence[float], rate: float, count: int) -> list[float]:
    """Rates inside the gaps on both sides of one, at equal distances in each."""
    at = rates.index(rate)
    above = count - count // 2
    return [
        *_between(rate, rates[at + 1], above + 2)[1:-1],
        *_between(rates[at - 1], rate, count - above + 2)[1:-1],
    ]
