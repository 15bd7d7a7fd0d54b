"""Boundaries of O'Brien and Fleming's kind: published ones, and the level that they keep."""

import numpy as np
import pytest

from lab.statistics.spending import boundaries, nominal_levels, repeated_p, spent


def test_published_boundaries():
    """Five equal looks, two-sided .05: Jennison and Turnbull 2000, the Lan-DeMets analogue; the
    same stand in the manuals of group-sequential packages."""
    wanted = (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)
    assert boundaries([0.2, 0.4, 0.6, 0.8, 1.0], 0.05) == pytest.approx(wanted, abs=2e-4)


def test_one_look_is_a_fixed_design():
    assert boundaries([1.0], 0.05) == pytest.approx([1.959964], abs=1e-6)
    assert nominal_levels([50], 0.03) == pytest.approx([0.97], abs=1e-9)


def test_paths_cross_as_often_as_was_spent():
    looks, replicates = np.array([64, 96, 128, 192, 256]), 200_000
    critical = boundaries(looks / looks[-1], 0.05)
    steps = np.diff(looks / looks[-1], prepend=0) ** 0.5
    paths = (np.random.default_rng(0).normal(size=(replicates, len(looks))) * steps).cumsum(1)
    crossed = np.abs(paths / (looks / looks[-1]) ** 0.5) > critical
    by_then = crossed.cumsum(1).astype(bool).mean(0)
    wanted = [spent(look / looks[-1], 0.05) for look in looks]
    assert by_then == pytest.approx(wanted, abs=3 * (0.05 * 0.95 / replicates) ** 0.5)


def test_early_looks_have_finite_quantiles():
    levels = nominal_levels([2, 4, 1_024], 0.03)
    assert levels[0] < 1
    assert list(levels) == sorted(levels, reverse=True)


@pytest.mark.parametrize("index", [0, 2, 3])
@pytest.mark.parametrize("alpha", [0.001, 0.03, 0.4])
def test_repeated_p_is_the_level_whose_boundary_it_lies_on(index, alpha):
    looks = (64, 96, 192, 256)
    single = 1 - nominal_levels(looks, alpha)[index]
    assert repeated_p(single, looks, index) == pytest.approx(alpha, rel=2e-3)
    assert repeated_p(single, looks, index) >= single * (1 - 1e-3)


def test_repeated_p_rises_with_p_and_stays_a_probability():
    looks = (64, 96, 192, 256)
    for index in range(4):
        found = [repeated_p(p, looks, index) for p in (0.0, 1e-12, 1e-4, 0.01, 0.5, 1.0)]
        assert found == sorted(found)
        assert 0 < found[0] <= found[-1] == 1
