"""Exact evidence against equal distributions that may be looked at whenever one likes.

An e-value is nonnegative with mean at most 1 under the hypothesis; a product over blocks of fresh
members is a martingale, and exceeds 1/a ever with a chance of a at most (Ville 1939).
"""

import math

import numpy as np
import scipy.special

from lab.statistics.intervals import Floats
from lab.statistics.times import Integers

ODDS = (1 / 2, 1 / 1.5, 1 / 1.25, 1.25, 1.5, 2.0)
"""Hazard odds of the first cohort over the second's that evidence is gathered for, in equal parts;
above 1 the first is faster."""
SHRINKAGE = 8
"""Of the sign process: as if so many wins and losses had been expected alike."""
_CELLS_AT_ONCE = 4_000_000


def logrank_block(first: Integers, second: Integers) -> Floats:
    """Log e-values [..., 6] of one block of members, for each of ODDS.

    Counts [..., K] over ordered cells, the last "never". At each time, given how many of both are
    at risk and how many events there are, those of the first cohort are hypergeometric if the
    hazards are equal, Fisher's noncentral hypergeometric if not; the e-value is the product of the
    likelihood ratios. Exact with ties and tiny blocks. Risk sets are the block's own, for pooled
    over blocks the products are no martingale. ter Schure, Perez-Ortiz, Ly and Grunwald 2020,
    sections 2 and 5.
    """
    one, other = np.broadcast_arrays(np.asarray(first), np.asarray(second))
    shape = one.shape[:-1]
    flat = one.reshape(-1, one.shape[-1]), other.reshape(-1, one.shape[-1])
    wide = int(max(1, _CELLS_AT_ONCE // max((flat[0] + flat[1]).sum(-1).max(initial=1), 1)))
    found = np.zeros((len(flat[0]), len(ODDS)))
    for start in range(0, len(found), wide):
        rows = slice(start, start + wide)
        found[rows] = _log_ratios(flat[0][rows], flat[1][rows])
    return found.reshape(*shape, len(ODDS))


def mixture(log_ratios: Floats) -> Floats:
    """Log e-value [...] from those of ODDS [..., 6], summed over blocks: their mean."""
    return np.asarray(scipy.special.logsumexp(log_ratios, axis=-1) - math.log(len(ODDS)))


def sign(wins: Integers, losses: Integers) -> Floats:
    """Log e-value of wins and losses among untied pairs, each fair if neither is faster.

    B(a + w, a + l)/B(a, a) 2^(w + l) with a = SHRINKAGE: a beta mixture of the chance of a win.
    """
    a, w, losing = float(SHRINKAGE), np.asarray(wins), np.asarray(losses)
    ratio = scipy.special.betaln(a + w, a + losing) - scipy.special.betaln(a, a)
    return np.asarray(ratio + (w + losing) * math.log(2), dtype=np.float64)


def anytime_p(log_e: Floats) -> Floats:
    """p-value [...] above 0 from log e-values at all looks so far [..., L], read at any look."""
    smallest = np.finfo(np.float64).tiny  # Larger than exp() may give, which is the safe side.
    return np.clip(np.exp(-np.max(log_e, axis=-1, initial=0.0)), smallest, 1.0)


def _log_ratios(first: Integers, second: Integers) -> Floats:
    """[R, 6] from counts [R, K]."""
    at_risk = [counts[:, ::-1].cumsum(-1)[:, ::-1] for counts in (first, second)]
    log_factorial = scipy.special.gammaln(
        np.arange(int(at_risk[0].max() + at_risk[1].max()) + 2) + 1
    )
    log_odds = np.log(np.array(ODDS))
    total = np.zeros((len(first), len(ODDS)))
    for cell in range(first.shape[-1] - 1):
        events = first[:, cell] + second[:, cell]
        rows = np.flatnonzero(events)
        if not len(rows):
            continue
        central = _log_weights(
            at_risk[0][rows, cell], at_risk[1][rows, cell], events[rows], log_factorial
        )
        beyond = np.arange(central.shape[-1]) - first[rows, cell, None]
        for column, log_odd in enumerate(log_odds):
            total[rows, column] -= _log_mean_power(central, beyond, log_odd)
    return total


def _log_weights(
    risk_one: Integers, risk_other: Integers, events: Integers, log_factorial: Floats
) -> Floats:
    """Central hypergeometric log weights [R, Y] of y = 0, 1, ... events in the first cohort.

    Up to a constant for each row; -inf where a count is impossible.
    """
    y = np.arange(int(events.max()) + 1)
    left = (risk_one[:, None] - y, risk_other[:, None] - (events[:, None] - y), events[:, None] - y)
    possible = np.logical_and.reduce([one >= 0 for one in left])
    weight = -log_factorial[y] - sum(log_factorial[np.maximum(one, 0)] for one in left)
    return np.where(possible, weight, -np.inf)


def _log_mean_power(central: Floats, beyond: Integers, log_odds: float) -> Floats:
    """log E[odds^(Y - y)] [R] under the central weights [R, Y], `beyond` being Y - y, y as seen.

    Relative to the largest term, not to the largest weight: where thousands tie, the terms that
    the odds favour have weights smaller than that by more than a float's range.
    """
    return _log_sum(central + beyond * log_odds) - _log_sum(central)


def _log_sum(logs: Floats) -> Floats:
    """log of sums of exponentials [R] from their logarithms [R, Y], some of each row finite."""
    largest = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - largest).sum(axis=-1)) + largest[..., 0])
