"""One cell of the programme: what is simulated, and between which figures it must end."""

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np

Simulate = Callable[[int, np.random.Generator], float]
"""From a number of replicates to one figure: a share of them, or a mean."""


@dataclasses.dataclass(frozen=True)
class Band:
    """What a figure must lie in at the full number of replicates; None is open.

    `about` is the share whose Monte-Carlo error the band allows for, three standard errors of it:
    with fewer replicates the band is wider by what that error grows.
    """

    lower: float | None
    upper: float | None
    about: float

    def at(self, full: int, used: int) -> tuple[float, float]:
        """The band for `used` replicates, as two finite numbers in [0, 1] or wider if asked."""
        spread = (self.about * (1 - self.about)) ** 0.5
        wider = 3 * spread * (used**-0.5 - full**-0.5)
        lower = -np.inf if self.lower is None else self.lower - wider
        upper = np.inf if self.upper is None else self.upper + wider
        return float(lower), float(upper)


@dataclasses.dataclass(frozen=True)
class Cell:
    """`simulate(replicates, generator)` gives the figure that must lie in `band`.

    Cells of one `sample` look at the same replicates, drawn once where one process runs them all.
    """

    check: str
    scenario: str
    replicates: int
    band: Band
    simulate: Simulate
    sample: str = ""

    @property
    def name(self) -> str:
        """Unique in the programme."""
        return f"{self.check}: {self.scenario}"

    def run(self, replicates: int) -> float:
        """The figure; every cell has a seed of its own, whatever else is run."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return self.simulate(replicates, np.random.default_rng(list(digest)))


def rejection(upper: float = 0.060, lower: float | None = 0.040) -> Band:
    """Of a level of .05."""
    return Band(lower, upper, 0.05)


def coverage(lower: float = 0.935, upper: float | None = 0.965) -> Band:
    """Of an interval of 95%."""
    return Band(lower, upper, 0.95)
