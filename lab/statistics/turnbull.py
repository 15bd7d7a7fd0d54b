"""Times known only to lie between two evaluations, on a grid that differs from member to member."""

import dataclasses

import numpy as np
import numpy.typing as npt
import scipy.optimize

from lab.statistics.intervals import Floats
from lab.statistics.times import Integers

TOLERANCE = 1e-9
ROUNDS = 500


@dataclasses.dataclass(frozen=True, eq=False)
class Brackets:
    """Member i's time lies in (left[i], right[i]], or anywhere beyond left[i] where `never[i]`."""

    left: Integers
    right: Integers
    never: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.left.shape == self.right.shape == self.never.shape or self.left.ndim != 1:
            raise ValueError("left, right and never must be three vectors of one length")
        if (self.left < 0).any() or (~self.never & (self.right <= self.left)).any():
            raise ValueError("every interval must end after it begins, and begin at 0 or later")


@dataclasses.dataclass(frozen=True, eq=False)
class Turnbull:
    """Probability in each of J innermost intervals (left, right]; where inside it, data cannot say.

    `beyond` is the probability after `beyond_from`: never, as far as anybody saw; `beyond_from` is
    None where there is none to be placed. `gap` bounds, per member, how far the log-likelihood lies
    below its maximum.
    """

    left: Integers
    right: Integers
    mass: Floats
    beyond: float
    beyond_from: int | None
    gap: float

    def by(self, time: float) -> tuple[float, float]:
        """The least and the most that the share reached by this time can be."""
        return float(self.mass[self.right <= time].sum()), float(self.mass[self.left < time].sum())


def turnbull(brackets: Brackets) -> Turnbull:
    """The nonparametric maximum-likelihood estimate of the distribution of T; Turnbull 1976.

    Self-consistency steps, each with a constrained Newton step after it (Wang 2007), since the
    former alone creep; stopped by the Kuhn-Tucker conditions (Gentleman and Geyer 1994). Nobody:
    all probability beyond 0.
    """
    if not len(brackets.left):
        none = np.zeros(0, dtype=np.int64)
        return Turnbull(none, none, np.zeros(0), 1.0, 0, 0.0)
    intervals, members = _grouped(brackets)
    inner = _innermost(intervals)
    covers = (intervals[:, :1] <= inner[:, 0]) & (inner[:, 1] <= intervals[:, 1:])
    mass, gap = _fitted(covers.astype(np.float64), members / members.sum())
    finite = inner[:, 1] < _NEVER
    return Turnbull(
        left=inner[finite, 0],
        right=inner[finite, 1],
        mass=mass[finite],
        beyond=float(mass[~finite].sum()),
        beyond_from=None if finite.all() else int(inner[-1, 0]),
        gap=gap,
    )


_NEVER = np.iinfo(np.int64).max


def _grouped(brackets: Brackets) -> tuple[Integers, Integers]:
    """The different intervals [G, 2] and how many members have each [G]."""
    right = np.where(brackets.never, _NEVER, brackets.right)
    return np.unique(np.stack([brackets.left, right], -1), axis=0, return_counts=True)


def _innermost(intervals: Integers) -> Integers:
    """The (left, right] that begin at a left end and end at the next end, a right one [J, 2]."""
    lefts, rights = np.unique(intervals[:, 0]), np.unique(intervals[:, 1])
    # Half open: at one place an end comes before a beginning, for (1, 2] and (2, 3] do not meet.
    ends = rights[np.searchsorted(rights, lefts, side="right")]
    following = np.append(lefts[1:], _NEVER)
    kept = ends <= following
    return np.stack([lefts[kept], ends[kept]], -1)


def _fitted(covers: Floats, weight: Floats) -> tuple[Floats, float]:
    """Probabilities [J] and the largest excess of the gradient over 1."""
    mass = np.full(covers.shape[1], 1 / covers.shape[1])
    gap = np.inf
    for _ in range(ROUNDS):
        gradient = (weight / (covers @ mass)) @ covers
        gap = float(gradient.max() - 1)
        if gap <= TOLERANCE:
            break
        mass = _newton(covers, weight, mass * gradient)
    return mass, max(gap, 0.0)


def _newton(covers: Floats, weight: Floats, mass: Floats) -> Floats:
    """Toward the maximum of the log-likelihood's quadratic approximation, as far as it rises."""
    ratio = covers / (covers @ mass)[:, None]
    root = np.sqrt(weight)[:, None]
    # Probabilities must sum to 1: a row that outweighs all others, then exactly.
    design = np.vstack([root * ratio, np.full((1, covers.shape[1]), 1e3)])
    goal = np.append(2 * root[:, 0], 1e3)
    aim, _ = scipy.optimize.nnls(design, goal)
    aim /= aim.sum()
    start = float(weight @ np.log(covers @ mass))
    for halving in range(12):
        tried = mass + (aim - mass) * 0.5**halving
        reached = covers @ tried
        if (reached > 0).all() and float(weight @ np.log(reached)) > start:
            return np.asarray(tried, dtype=np.float64)
    return mass
