"""A level spent over looks that are fixed beforehand, little of it early.

O'Brien and Fleming 1979, Biometrics 35:549.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special

from lab.statistics import intervals
from lab.statistics.intervals import Floats

_NODES = 128
_FARTHEST = 37.0
"""Beyond so many standard deviations a tail is zero in floating point."""


def spent(fraction: float, alpha: float) -> float:
    """What of a two-sided alpha is spent by a share of the information, half of it on either side.

    4(1 - Phi(z/sqrt(t))), z the quantile of 1 - alpha/4; Lan and DeMets 1983, Biometrika 70:659,
    their first function, on each side.
    """
    z = intervals.normal_quantile(1 - alpha / 2)
    return float(4 * scipy.special.ndtr(-z / math.sqrt(fraction)))


def boundaries(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """Critical |z| at each look, for rising shares of the information, the last of them 1.

    By the recursion of Armitage, McPherson and Rowe 1969 on Gauss-Legendre nodes: the density of
    the path among those that have crossed at no look before.
    """
    found: list[float] = []
    paths = _Paths(np.zeros(1), np.ones(1))  # All start at 0.
    at, gone = 0.0, 0.0
    for fraction in fractions:
        step, total = math.sqrt(fraction - at), spent(fraction, alpha)
        critical = _critical(paths, step, math.sqrt(fraction), total - gone)
        paths = _continued(paths, step, critical * math.sqrt(fraction))
        found.append(critical)
        at, gone = fraction, total
    return tuple(found)


def nominal_levels(looks: Sequence[int], alpha: float) -> tuple[float, ...]:
    """Levels at which intervals of a fixed size hold together at all looks, with 1 - alpha.

    `looks` are numbers of members; information is taken to grow with them. The interval at a look
    is a repeated confidence interval (Jennison and Turnbull 1989, JRSS B 51:305).
    """
    critical = boundaries([look / looks[-1] for look in looks], alpha)
    # Never 1, of which no quantile is finite: an early look may be given next to nothing.
    return tuple(1 - max(float(2 * scipy.special.ndtr(-z)), 1e-15) for z in critical)


def repeated_p(p_value: float, looks: Sequence[int], index: int) -> float:
    """The least level, spent over the looks, at which this p-value of a look would have sufficed.

    A p-value that may be read at the look where one stops (Jennison and Turnbull 2000, section
    9.2); `p_value` itself is of a number of members fixed beforehand.
    """

    fractions = [look / looks[-1] for look in looks[: index + 1]]

    def excess(log_alpha: float) -> float:
        critical = boundaries(fractions, math.exp(log_alpha))[-1]
        return float(scipy.special.log_ndtr(-critical)) + math.log(2 / max(p_value, 1e-300))

    least, most = math.log(1e-9), math.log(1 - 1e-9)
    if excess(most) < 0:
        return 1.0
    if excess(least) >= 0:
        return 1e-9
    return math.exp(scipy.optimize.brentq(excess, least, most, xtol=1e-4))


@functools.cache
def _legendre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


class _Paths(NamedTuple):
    """Where paths that have not crossed may stand, and how many of them do."""

    nodes: Floats
    weights: Floats


def _critical(paths: _Paths, step: float, scale: float, share: float) -> float:
    """The |z| that this share of all paths crosses after one more step."""

    def excess(z: float) -> float:
        tails = scipy.special.ndtr((paths.nodes - z * scale) / step)
        tails += scipy.special.ndtr((-paths.nodes - z * scale) / step)
        return math.log(max(float(paths.weights @ tails), 1e-320)) - math.log(max(share, 1e-300))

    if excess(_FARTHEST) >= 0:
        return _FARTHEST
    return float(scipy.optimize.brentq(excess, 0.0, _FARTHEST, xtol=1e-10))


def _continued(paths: _Paths, step: float, bound: float) -> _Paths:
    """Those that end within the bound."""
    unit, weights = _legendre()
    ends = unit * bound
    steps = (ends[:, None] - paths.nodes) / step
    kernel = np.exp(-(steps**2) / 2) / (step * math.sqrt(2 * math.pi))
    return _Paths(ends, (kernel @ paths.weights) * weights * bound)
