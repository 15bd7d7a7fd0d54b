"""Cells of what undecided verdicts promise: so many more members would settle this or that."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from calibration.cell import Band, Cell, Simulate
from calibration.fixed import side
from calibration.laws import CROSSING, NULL, Counts, Law, shifted
from lab.specs import Margins, SequentialSpec
from lab.verdicts.decision import Decision, decide
from lab.verdicts.meeting import Meeting, independent
from lab.verdicts.sequential import Look, decide_in_turn
from lab.verdicts.words import Verdict

REPLICATES = 400
MOST = 3_000
"""More members than this are not tried."""
SETTLES = {
    "a direction": (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER),
    "that the lead changes": (Verdict.CROSSING,),
    "equivalence": (Verdict.EQUIVALENT,),
}
LEAD = "that the lead changes"


class Scene(NamedTuple):
    """Two laws, how many members of each are at hand, and whether they are added in turn."""

    laws: tuple[Law, Law]
    members: tuple[int, int]
    in_turn: bool = False


SCENES = {
    "64 members, p = .6": Scene((shifted(0.6, NULL), NULL), (64, 64)),
    "16 against 200 members, p = .65": Scene((shifted(0.65, NULL), NULL), (16, 200)),
    "128 members of one law": Scene((NULL, NULL), (128, 128)),
    "48 members, crossing": Scene(CROSSING, (48, 48)),
    "added in turn, 64 members, p = .6": Scene((shifted(0.6, NULL), NULL), (64, 64), True),
    "added in turn, 256 members of one law": Scene((NULL, NULL), (256, 256), True),
}


class Promise(NamedTuple):
    """What a replicate's verdict promised, None where it was decided or none; and if it was kept.

    `kept` is None where more members were asked for than are tried.
    """

    purpose: str | None
    kept: bool | None


def cells() -> Iterator[Cell]:
    """Promises are kept in half of all attempts, or nearly; noise is no crossing to come."""
    kept = Band(0.5, None, 0.6)
    for scene in SCENES:
        yield Cell("promise kept", scene, REPLICATES, kept, _kept(scene), f"promises: {scene}")
    seldom = Band(None, 0.01, 0.005)
    for members in (16, 64, 256):
        where = f"{members} members of one law"
        share = _of_the_lead(Scene((NULL, NULL), (members, members)))
        yield Cell("promise of a crossing, wrong", where, 1_000, seldom, share)
    share = _of_the_lead(Scene(CROSSING, (48, 48)))
    where = "48 members, crossing"
    yield Cell("promise of a crossing, right", where, REPLICATES, Band(0.3, None, 0.4), share)


def _kept(scene: str) -> Simulate:
    """The share of promises that another attempt with so many members keeps.

    Members beyond those at hand come from the shares at hand, for a promise is "if the estimate
    holds". Where they are added in turn those at hand stay; else all are drawn anew, since to
    extend a fixed number of members is to peek.
    """

    def simulate(replicates: int, _: np.random.Generator) -> float:
        found = [one.kept for one in _promises(scene, replicates) if one.kept is not None]
        return sum(found) / len(found)

    return simulate


def _of_the_lead(scene: Scene) -> Simulate:
    def simulate(replicates: int, generator: np.random.Generator) -> float:
        told = [
            _decided(scene, [_drawn(scene, generator)], generator).more_for
            for _ in range(replicates)
        ]
        return told.count(LEAD) / replicates

    return simulate


@functools.cache
def _promises(scene: str, replicates: int) -> tuple[Promise, ...]:
    generator = np.random.default_rng([12, sorted(SCENES).index(scene)])
    return tuple(_promise(SCENES[scene], generator) for _ in range(replicates))


def _promise(scene: Scene, generator: np.random.Generator) -> Promise:
    seen = _drawn(scene, generator)
    found = _decided(scene, [seen], generator)
    more = found.more_members
    if more is None or found.more_for is None:
        return Promise(found.more_for, None)
    if max(more.smaller, more.larger) > MOST:
        return Promise(found.more_for, None)
    held = [0, 0] if not scene.in_turn else [counts.sum() for counts in seen]
    wanted = [
        counts.sum() + count
        for counts, count in zip(seen, (more.smaller, more.larger), strict=True)
    ]
    fresh = [
        generator.multinomial(total - kept, counts / counts.sum())
        for total, kept, counts in zip(wanted, held, seen, strict=True)
    ]
    blocks = [seen, fresh] if scene.in_turn else [fresh]
    verdict = _decided(scene, blocks, generator).verdict
    return Promise(found.more_for, verdict in SETTLES[found.more_for])


def _drawn(scene: Scene, generator: np.random.Generator) -> list[Counts]:
    return [
        generator.multinomial(count, law)
        for count, law in zip(scene.members, scene.laws, strict=True)
    ]


def _decided(scene: Scene, blocks: list[list[Counts]], generator: np.random.Generator) -> Decision:
    """By all blocks, each of them a look where members are added in turn."""
    if not scene.in_turn:
        return decide(_met(blocks[-1]), Margins(), generator)
    totals = [
        [np.sum(counts, axis=0) for counts in zip(*blocks[:stop], strict=True)]
        for stop in range(1, len(blocks) + 1)
    ]
    looks = [
        Look(meeting=_met(total), block=_met(block))
        for total, block in zip(totals, blocks, strict=True)
    ]
    spec = SequentialSpec(tuple(int(total[0].sum()) for total in totals))
    return decide_in_turn(looks, spec, Margins(), generator)


def _met(counts: list[Counts]) -> Meeting:
    return independent(side(counts[0]), side(counts[1]))
