"""What the best of n trials is worth, on members that did not choose it."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def expected_best(chosen_by_N: Floats, scored_by_N: Floats) -> Floats:
    """Expected score of the best among n of N trials drawn without replacement, for n = 1..N.

    Smaller is better. The best is the one with the least `chosen_by_N`, and counts with its
    `scored_by_N`, of other members: sum over ranks r of C(N-r, n-1) / C(N, n) times the score of
    rank r (Tang et al. 2020, without replacement; STATISTICS, section 2). Trials that tie stand in
    any order, each equally likely.
    """
    count = len(chosen_by_N)
    ranked_N = _ranked(chosen_by_N, scored_by_N)
    return np.array(
        [
            sum(
                math.comb(count - rank, drawn - 1) / math.comb(count, drawn) * score
                for rank, score in enumerate(ranked_N, start=1)
            )
            for drawn in range(1, count + 1)
        ]
    )


def _ranked(chosen_by_N: Floats, scored_by_N: Floats) -> Floats:
    """Scores from the best rank to the worst; tied ones share the mean of theirs."""
    _, level_N = np.unique(chosen_by_N, return_inverse=True)
    mean_L = np.bincount(level_N, weights=scored_by_N) / np.bincount(level_N)
    return mean_L[np.sort(level_N)]


def cross_fitted(scores_NxR: Floats) -> Floats:
    """The same from R >= 2 members a trial: one half chooses and the other scores, both ways."""
    half = scores_NxR.shape[1] // 2
    first_N, second_N = scores_NxR[:, :half].mean(axis=1), scores_NxR[:, half:].mean(axis=1)
    return (expected_best(first_N, second_N) + expected_best(second_N, first_N)) / 2


def lead_changes(first_n: Floats, second_n: Floats) -> tuple[int, ...]:
    """The numbers of trials, from 2 on, at which the one that is less is another than before."""
    changes, leader = [], 0.0
    for drawn, sign in enumerate(np.sign(first_n - second_n), start=1):
        if sign and leader and sign != leader:
            changes.append(drawn)
        leader = sign or leader
    return tuple(changes)
