"""Laws of convergence times on a grid of 40 evaluations, as shares of members in its cells.

The last cell of a law is "never". A law's win probability against another is exact.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

CELLS = 40
Law = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def lognormal(centre: float, spread: float = 0.6, diverged: float = 0.05) -> Law:
    """Log-normal times of which a share diverges."""
    by = ndtr((np.log(np.arange(1, CELLS + 1)) - math.log(centre)) / spread)
    shares = np.diff(by, prepend=0, append=1) * (1 - diverged)
    shares[-1] += diverged
    return shares


def cut_mean(centre: float, spread: float, horizon: float) -> float:
    """E min(T, horizon) of log-normal T about its median `centre`, in continuous time."""
    late = math.log(horizon / centre) / spread
    early = centre * math.exp(spread**2 / 2) * float(ndtr(late - spread))
    return early + horizon * float(ndtr(-late))


def true_win(first: Law, second: Law) -> float:
    """P(first earlier) + P(tie)/2."""
    return float((first * (1 - np.cumsum(second) + second / 2)).sum())


def shifted(wanted: float, second: Law, spread: float = 0.6, diverged: float = 0.05) -> Law:
    """A log-normal law that beats `second` with the wanted probability."""
    centre = brentq(
        lambda log: true_win(lognormal(math.exp(log), spread, diverged), second) - wanted, -9, 5
    )
    return lognormal(math.exp(centre), spread, diverged)


NULL = lognormal(18)
STEADY = lognormal(18, spread=0.3, diverged=0)
RARE = np.append(np.full(4, 0.02), 0.92)
NULLS = {
    "40 cells": NULL,
    "3-cell ties": np.array([0.3, 0.4, 0.3, 0.0]),
    "24% reached": np.append(np.full(6, 0.04), 0.76),
    "10% diverged": lognormal(18, diverged=0.1),
}
# One median, two spreads: the shares that reached differ by a quarter, first up and then down.
CROSSING = (lognormal(18, spread=1.2), lognormal(18, spread=0.35))


def drawn(generator: np.random.Generator, law: Law, members: int, replicates: int) -> Counts:
    """Counts [replicates, K] of members in the law's cells."""
    return generator.multinomial(members, law, size=replicates)
