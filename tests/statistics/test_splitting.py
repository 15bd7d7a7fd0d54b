"""A cohort against itself: silent on exchangeable members, loud where something is wrong."""

import numpy as np
import pytest

from lab.statistics import splitting, win
from lab.statistics.splitting import split_check

CELLS = 12


@pytest.mark.parametrize("members", [32, 64, 513])
@pytest.mark.parametrize("cells", [4, CELLS])
def test_exchangeable_members_pass(members, cells):
    generator = np.random.default_rng(members + cells)
    for _ in range(20):
        found = split_check(generator.integers(0, cells, members), cells, generator)
        assert found.splits == splitting.SPLITS
        assert not found.uneven
        assert not found.drifts


def test_a_test_that_rejects_too_often_is_found(monkeypatch):
    """The fault that the gate is for: p-values of half their due."""
    honest = win.p_value
    monkeypatch.setattr(win, "p_value", lambda placed: honest(placed) / 2)
    cell = np.random.default_rng(0).integers(0, CELLS, 200)
    assert split_check(cell, CELLS, np.random.default_rng(1)).uneven


def test_members_in_two_kinds_one_after_the_other_drift():
    cell = np.repeat([2, 3, 8, 9], 16)
    assert split_check(cell, CELLS, np.random.default_rng(0)).drifts
    mixed = np.random.default_rng(0).permutation(cell)
    assert not split_check(mixed, CELLS, np.random.default_rng(0)).drifts


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cell", [[], [0], [CELLS - 1] * 40, [3] * 40, list(range(11))], ids=str)
def test_what_is_too_small_or_too_much_alike_is_left_to_exact_tests(cell):
    found = split_check(np.array(cell, np.int64), CELLS, np.random.default_rng(0))
    assert (found.rejected, found.drift_p_value) == (None, None)
    assert not found.uneven
    assert not found.drifts


def test_same_members_same_check():
    cell = np.random.default_rng(5).integers(0, CELLS, 50)
    once, again = (split_check(cell, CELLS, np.random.default_rng(7)) for _ in range(2))
    assert once == again
