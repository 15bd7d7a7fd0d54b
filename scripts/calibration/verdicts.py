"""Cells of the whole verdict: how often each falls where the truth is known."""

import functools
from collections import Counter
from collections.abc import Iterator

import numpy as np

from calibration.cell import Band, Cell, Simulate
from calibration.fixed import side
from calibration.laws import CROSSING, NULL, RARE, Law, drawn, lognormal, shifted
from lab.specs import Margins
from lab.verdicts.decision import decide
from lab.verdicts.meeting import independent
from lab.verdicts.words import Verdict

REPLICATES = 4_000
ONE_CELL = np.array([0.99, 0.01, 0.0])
DIRECTIONS = frozenset({Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER, Verdict.CROSSING})
_WRONG = Band(None, 0.05 + 3 * (0.05 * 0.95 / REPLICATES) ** 0.5, 0.05)

SCENES: dict[str, tuple[Law, Law, int]] = {
    "null": (NULL, NULL, 64),
    "rare: 8% reached": (RARE, RARE, 64),
    "coarse grid": (ONE_CELL, ONE_CELL, 64),
    "shift to p = .567": (shifted(0.567, NULL), NULL, 512),
    "shift to p = .632": (shifted(0.632, NULL), NULL, 256),
    "shift to p = .734": (shifted(0.734, NULL), NULL, 96),
    "shift to p = .95": (shifted(0.95, NULL), NULL, 32),
    "crossing": (*CROSSING, 256),
    "more divergence": (lognormal(18, diverged=0.3), NULL, 192),
}
TRUTH = {
    "coarse grid": Verdict.GRID_TOO_COARSE,
    "shift to p = .567": Verdict.SMALLER_FASTER,
    "shift to p = .632": Verdict.SMALLER_FASTER,
    "shift to p = .734": Verdict.SMALLER_FASTER,
    "shift to p = .95": Verdict.SMALLER_FASTER,
    "crossing": Verdict.CROSSING,
    "more divergence": Verdict.LARGER_FASTER,
}
FOUND_AT_LEAST = {
    "coarse grid": 0.95,
    "shift to p = .567": 0.85,
    "shift to p = .632": 0.95,
    "shift to p = .734": 0.95,
    "shift to p = .95": 0.95,
    "crossing": 0.95,
    "more divergence": 0.9,
}
"""Section 5 asks .95 of crossings only; the others are this programme's, from these designs."""


def cells() -> Iterator[Cell]:
    """Wrong directions nowhere more often than the level; the truth found where it can be."""
    for scene in SCENES:
        wrong = DIRECTIONS - {TRUTH.get(scene, Verdict.UNDECIDED)}
        share = _share(scene, frozenset(wrong))
        yield Cell("wrong verdict", scene, REPLICATES, _WRONG, share, f"verdicts: {scene}")
    for scene, least in FOUND_AT_LEAST.items():
        found = frozenset({TRUTH[scene]})
        band = Band(least, None, least)
        share = _share(scene, found)
        yield Cell("true verdict", scene, REPLICATES, band, share, f"verdicts: {scene}")


def _share(scene: str, verdicts: frozenset[Verdict]) -> Simulate:
    def simulate(replicates: int, _: np.random.Generator) -> float:
        counts = _confusion(scene, replicates)
        return sum(counts[verdict] for verdict in verdicts) / replicates

    return simulate


@functools.cache
def _confusion(scene: str, replicates: int) -> Counter[Verdict]:
    """How often each verdict falls; both of a scene's cells look at the same replicates."""
    first, second, members = SCENES[scene]
    generator = np.random.default_rng([9, sorted(SCENES).index(scene)])
    pairs = zip(
        *(drawn(generator, law, members, replicates) for law in (first, second)), strict=True
    )
    return Counter(
        decide(independent(side(one), side(other)), Margins(), generator).verdict
        for one, other in pairs
    )
