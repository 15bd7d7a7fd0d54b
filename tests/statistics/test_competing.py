import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight

from lab.statistics.competing import End, cumulative_incidence
from lab.statistics.proportions import wilson_bounds
from lab.statistics.survival import kaplan_meier

members = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(list(End))), max_size=25)


def split(rows):
    duration = np.array([one for one, _ in rows], np.int64)
    return duration, np.array([end for _, end in rows], np.int64)


@pytest.mark.filterwarnings("error")
@given(members)
def test_a_common_budget_gives_the_proportions_with_wilsons_band(rows):
    duration, end = split(rows)
    duration = np.where(end == End.CENSORED, 8, duration)
    for cause in (End.REACHED, End.DIVERGED):
        curve = cumulative_incidence(duration, end, cause, 0.9)
        had = [(end == cause) & (duration <= one) for one in curve.evaluation]
        count = np.array([one.sum() for one in had])
        np.testing.assert_allclose(curve.share, count / max(len(rows), 1), atol=1e-12)
        share = curve.share
        np.testing.assert_allclose(
            curve.variance, share * (1 - share) / max(len(rows), 1), atol=1e-12
        )
        lower, upper = wilson_bounds(count, len(rows), 0.9)
        np.testing.assert_allclose(curve.lower, lower, atol=1e-9)
        np.testing.assert_allclose(curve.upper, upper, atol=1e-9)


@pytest.mark.filterwarnings("error")
@given(members)
def test_unequal_follow_up_stays_defined_and_the_causes_add_up_to_one_minus_kaplan_meier(rows):
    duration, end = split(rows)
    curves = [cumulative_incidence(duration, end, one, 0.9) for one in (End.REACHED, End.DIVERGED)]
    either = kaplan_meier(duration, end != End.CENSORED, 0.9)
    np.testing.assert_allclose(curves[0].share + curves[1].share, either.share, atol=1e-12)
    for curve in curves:
        for values in (curve.share, curve.variance, curve.lower, curve.upper):
            assert np.isfinite(values).all()
        assert (curve.lower <= curve.share + 1e-9).all()
        assert (curve.share <= curve.upper + 1e-9).all()


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels(seed):
    generator = np.random.default_rng(seed)
    duration = generator.integers(1, 15, 60)
    end = generator.choice(3, 60, p=[0.3, 0.5, 0.2])
    end[duration == duration.max()] = End.CENSORED  # statsmodels divides by 0 where none is left
    oracle = CumIncidenceRight(duration, end)
    for cause in (End.REACHED, End.DIVERGED):
        curve = cumulative_incidence(duration, end, cause, 0.95)
        at = np.searchsorted(curve.evaluation, oracle.times)
        np.testing.assert_allclose(curve.share[at], oracle.cinc[cause - 1], rtol=1e-9)
        np.testing.assert_allclose(
            np.sqrt(curve.variance[at]), oracle.cinc_se[cause - 1], rtol=1e-6, atol=1e-9
        )


def test_swapped_causes_swap_the_curves():
    duration, end = np.array([1, 2, 2, 3, 5]), np.array([1, 2, 0, 1, 2])
    swapped = np.array([0, 2, 1])[end]
    one = cumulative_incidence(duration, end, End.REACHED, 0.95)
    other = cumulative_incidence(duration, swapped, End.DIVERGED, 0.95)
    np.testing.assert_array_equal(one.share, other.share)
    np.testing.assert_array_equal(one.upper, other.upper)


def test_a_diverged_member_is_no_censored_one():
    duration = np.array([1, 4])
    honest = cumulative_incidence(duration, np.array([2, 1]), End.REACHED, 0.95)
    censored = cumulative_incidence(duration, np.array([0, 1]), End.REACHED, 0.95)
    assert honest.share[-1] == pytest.approx(0.5)
    assert censored.share[-1] == pytest.approx(1.0)
