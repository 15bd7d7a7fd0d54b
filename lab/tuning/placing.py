"""Where trials are placed: at first, beyond an end of the range, and about the best."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from lab.specs import SearchSpec, Setting
from lab.tuning.choosing import best, open_ends
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
    """A third as many as the first rates: beyond the ends that are open, else about the best.

    So that cohorts are searched with equal effort, one whose best lies inside gets as many.
    """
    count = -(-search.trials // 3)
    chosen, ends = best(results), open_ends(results)
    line = sorted(one.trial.rate for one in results if one.trial.beside == chosen.trial.beside)
    spacing = search.decades / (search.trials - 1)
    if ends.low and ends.high:
        # The nearer end is the likelier one; beyond it goes the larger half.
        middle = math.sqrt(line[0] * line[-1])
        below = count // 2 if chosen.trial.rate > middle else count - count // 2
        rates = _beyond(line[0], -spacing, below) + _beyond(line[-1], spacing, count - below)
    elif ends.low or ends.high:
        rates = _beyond(line[0], -spacing, count) if ends.low else _beyond(line[-1], spacing, count)
    else:
        rates = _about(line, chosen.trial.rate, count)
    return tuple(Trial(rate, chosen.trial.beside) for rate in sorted(rates))


def bracket(chosen: Trial) -> tuple[Trial, ...]:
    """The transferred trial between its neighbours."""
    rates = rounded(chosen.rate / BRACKET), chosen.rate, rounded(chosen.rate * BRACKET)
    return tuple(Trial(rate, chosen.beside) for rate in rates)


def _between(lowest: float, highest: float, count: int) -> list[float]:
    return [rounded(float(rate)) for rate in np.geomspace(lowest, highest, count)]


def _beyond(end: float, spacing: float, count: int) -> list[float]:
    """Rates further on, `spacing` powers of ten apart."""
    return [rounded(end * 10 ** (spacing * step)) for step in range(1, count + 1)]


def _about(line: Sequence[float], rate: float, count: int) -> list[float]:
    """Rates inside the gaps on both sides of one, at equal distances in each."""
    at = line.index(rate)
    above = count - count // 2
    return [
        *_between(rate, line[at + 1], above + 2)[1:-1],
        *_between(line[at - 1], rate, count - above + 2)[1:-1],
    ]
