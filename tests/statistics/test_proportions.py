import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from lab.statistics import proportions


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_published_examples(successes, trials, lower, upper):
    bounds = proportions.wilson_bounds(successes, trials, 0.95)
    assert bounds == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_published_examples(first, second, lower, upper):
    interval = proportions.difference(first, second, 0.95)
    assert (interval.lower, interval.upper) == pytest.approx((lower, upper), abs=5e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.data(), st.sampled_from([0.9, 0.97, 0.9967]))
def test_statsmodels_agrees(trials, others, data, level):
    successes, more = data.draw(st.integers(0, trials)), data.draw(st.integers(0, others))
    wilson = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    here = proportions.wilson_bounds(successes, trials, level)
    np.testing.assert_allclose(here, wilson, rtol=1e-6, atol=1e-12)
    newcombe = confint_proportions_2indep(
        successes, trials, more, others, method="newcomb", compare="diff", alpha=1 - level
    )
    here = proportions.newcombe_bounds((successes, trials), (more, others), level)
    np.testing.assert_allclose(here, newcombe, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 20), st.integers(0, 20), st.data())
def test_swapping_cohorts_mirrors_the_difference(trials, others, data):
    first = data.draw(st.integers(0, trials)), trials
    second = data.draw(st.integers(0, others)), others
    here, there = (
        proportions.difference(*pair, 0.95) for pair in ((first, second), (second, first))
    )
    assert (here.lower, here.upper) == pytest.approx((-there.upper, -there.lower))
    assert -1 <= here.lower <= here.estimate <= here.upper <= 1


def test_no_trials_know_nothing():
    assert proportions.wilson_bounds(0, 0, 0.95) == (0.0, 1.0)
    assert proportions.difference((0, 0), (0, 0), 0.95).estimate == 0
