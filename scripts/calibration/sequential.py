"""Cells of members that are added in turn: errors at any look, coverage at all, verdicts."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from calibration.cell import Band, Cell, Simulate
from calibration.fixed import side
from calibration.laws import CROSSING, NULL, NULLS, STEADY, Counts, Law, drawn, shifted, true_win
from lab.specs import Margins, SequentialSpec, default_looks
from lab.statistics import eprocesses, sequences, spending, win
from lab.statistics.win import Placement
from lab.verdicts.decision import Decision
from lab.verdicts.meeting import independent
from lab.verdicts.sequential import Look, decide_in_turn, is_clear
from lab.verdicts.words import Verdict

Rejects = Callable[[Counts, Counts], npt.NDArray[np.bool_]]
"""Whether each look of each replicate rejects [LOOKS, replicates]."""
BLOCK, LOOKS = 32, 16
ALPHA = 0.05
_ANYTIME = Band(None, 0.055, 0.05)
_COVERED = Band(0.943, None, 0.95)
_WRONG = Band(None, 0.05 + 3 * (0.05 * 0.95 / 4_000) ** 0.5, 0.05)
VERDICTS: dict[str, tuple[Law, Law, Verdict, float]] = {
    "shift to p = .567": (shifted(0.567, NULL), NULL, Verdict.SMALLER_FASTER, 0.95),
    "shift to p = .632": (shifted(0.632, NULL), NULL, Verdict.SMALLER_FASTER, 0.95),
    "crossing": (*CROSSING, Verdict.CROSSING, 0.95),
    "null": (NULL, NULL, Verdict.EQUIVALENT, 0.95),
}


def cells() -> Iterator[Cell]:
    """Looks after every 32 members of each cohort, 16 of them; the verdict at its own looks."""
    methods = {
        "confidence sequence": _sequence_rejects,
        "log-rank e-process": _logrank_rejects,
        "sign e-process": _sign_rejects,
    }
    for label, law in NULLS.items():
        for method, rejects in methods.items():
            yield Cell(f"type I, anytime, {method}", label, 20_000, _ANYTIME, _ever(rejects, law))
        yield Cell(
            "type I, O'Brien-Fleming",
            label,
            20_000,
            Band(None, 0.060, 0.05),
            _ever(_planned_rejects, law),
        )
    yield Cell(
        "negative control: naive peeking must fail",
        "40 cells",
        5_000,
        Band(0.15, None, 0.2),
        _ever(_naive_rejects, NULL),
    )
    for wanted in (0.5, 0.63, 0.95, 0.99):
        steady = wanted >= 0.95
        second = STEADY if steady else NULL
        law = shifted(wanted, second, *((0.3, 0.0) if steady else (0.6, 0.05)))
        yield Cell(
            "coverage at all looks, win probability",
            f"p = {wanted:g}",
            10_000,
            _COVERED,
            _sequence_covers(law, second),
        )
    for scene, (_, _, truth, least) in VERDICTS.items():
        sample, band = f"sequential verdicts: {scene}", Band(least, None, least)
        found, wrong = _found(scene, truth), _wrong(scene, truth)
        yield Cell("true verdict, sequential", scene, 400, band, found, sample)
        yield Cell("wrong verdict, sequential", scene, 400, _WRONG, wrong, sample)


def _ever(rejects: Rejects, law: Law) -> Simulate:
    """The share of replicates in which any look rejects."""

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        blocks = _blocks(generator, law, law, replicates)
        return float(np.mean(rejects(*blocks).any(axis=0)))

    return simulate


def _blocks(
    generator: np.random.Generator, first: Law, second: Law, replicates: int
) -> tuple[Counts, Counts]:
    """Counts of fresh members, [LOOKS, replicates, K] of either cohort."""
    one, other = (
        np.stack([drawn(generator, law, BLOCK, replicates) for _ in range(LOOKS)])
        for law in (first, second)
    )
    return one, other


def _placed(first: Counts, second: Counts) -> Placement:
    """Of all members up to each look."""
    return win.placement(first.cumsum(0), second.cumsum(0))


def _sequence_rejects(first: Counts, second: Counts) -> npt.NDArray[np.bool_]:
    lower, upper = sequences.win_bounds(_placed(first, second), 1 - ALPHA)
    return (lower > 0.5) | (upper < 0.5)


def _naive_rejects(first: Counts, second: Counts) -> npt.NDArray[np.bool_]:
    """A test of fixed size at every look: what the programme must catch."""
    return win.p_value(_placed(first, second)) <= ALPHA


def _planned_rejects(first: Counts, second: Counts) -> npt.NDArray[np.bool_]:
    levels = spending.nominal_levels([BLOCK * (look + 1) for look in range(LOOKS)], ALPHA)
    p_values = win.p_value(_placed(first, second))
    return p_values <= 1 - np.array(levels)[:, None]


def _logrank_rejects(first: Counts, second: Counts) -> npt.NDArray[np.bool_]:
    log_e = np.stack(
        [eprocesses.logrank_block(one, other) for one, other in zip(first, second, strict=True)]
    ).cumsum(0)
    return eprocesses.mixture(log_e) >= -np.log(ALPHA)


def _sign_rejects(first: Counts, second: Counts) -> npt.NDArray[np.bool_]:
    """Members of a block are paired at random: by a shuffle of one cohort's cells."""
    generator = np.random.default_rng(0)
    cells = [_as_cells(counts) for counts in (first, second)]
    mates = generator.permuted(cells[1], axis=-1)
    wins, losses = ((cells[0] < mates).sum(-1), (cells[0] > mates).sum(-1))
    return eprocesses.sign(wins.cumsum(0), losses.cumsum(0)) >= -np.log(ALPHA)


def _as_cells(counts: Counts) -> Counts:
    """The cell of each member [..., BLOCK], in order."""
    ends = counts.cumsum(-1)
    return (np.arange(BLOCK)[:, None] >= ends[..., None, :]).sum(-1)


def _sequence_covers(first: Law, second: Law) -> Simulate:
    truth = true_win(first, second)

    def simulate(replicates: int, generator: np.random.Generator) -> float:
        blocks = _blocks(generator, first, second, replicates)
        lower, upper = sequences.win_bounds(_placed(*blocks), 1 - ALPHA)
        return float(np.mean(((lower <= truth) & (truth <= upper)).all(axis=0)))

    return simulate


def _found(scene: str, truth: Verdict) -> Simulate:
    return lambda replicates, _: (
        sum(one.verdict is truth for one in _decisions(scene, replicates)) / replicates
    )


def _wrong(scene: str, truth: Verdict) -> Simulate:
    directions = {Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER, Verdict.CROSSING} - {truth}
    return lambda replicates, _: (
        sum(one.verdict in directions for one in _decisions(scene, replicates)) / replicates
    )


@functools.cache
def _decisions(scene: str, replicates: int) -> tuple[Decision, ...]:
    """Where each replicate stops, by the whole algorithm; at most 1,024 members."""
    first, second, _, _ = VERDICTS[scene]
    generator = np.random.default_rng([11, sorted(VERDICTS).index(scene)])
    return tuple(_stopped(first, second, generator) for _ in range(replicates))


def _stopped(first: Law, second: Law, generator: np.random.Generator) -> Decision:
    spec = SequentialSpec(default_looks(1024))
    looks: list[Look] = []
    so_far = [np.zeros(len(law), np.int64) for law in (first, second)]
    before = 0
    for look in spec.looks:
        fresh = [generator.multinomial(look - before, law) for law in (first, second)]
        so_far = [held + new for held, new in zip(so_far, fresh, strict=True)]
        before = look
        looks.append(
            Look(
                meeting=independent(side(so_far[0]), side(so_far[1])),
                block=independent(side(fresh[0]), side(fresh[1])),
            )
        )
        decision = decide_in_turn(looks, spec, Margins(), generator)
        if is_clear(decision):
            break
    return decision
