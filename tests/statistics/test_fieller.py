import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.fieller import Estimates, ratio

REPLICATES = 20_000
sized = st.floats(0.2, 5.0)
signed = st.floats(-3.0, 3.0)


@pytest.mark.parametrize(
    ("first", "second", "deviations", "correlation"),
    [
        (1.0, 2.0, (0.3, 0.4), 0.0),
        (0.0, 1.0, (0.2, 0.2), 0.0),
        (-1.0, 1.0, (0.3, 0.1), 0.0),
        (1.0, 1.0, (0.3, 0.3), 0.8),
        (0.3, 0.5, (0.3, 0.3), -0.5),
    ],
)
def test_it_covers_as_often_as_it_says(first, second, deviations, correlation):
    """An interval without an end holds every ratio, as in Fieller's theorem it does."""
    level = 0.95
    covariance = correlation * math.prod(deviations)
    matrix = [[deviations[0] ** 2, covariance], [covariance, deviations[1] ** 2]]
    drawn = np.random.default_rng(1).multivariate_normal((first, second), matrix, REPLICATES)
    held, bounded = 0, 0
    for one, other in drawn.tolist():
        found = ratio(Estimates(one, other, matrix[0][0], matrix[1][1], covariance), level)
        square = 1.959963984540054**2
        # The test behind it, for what the theorem says of intervals without an end.
        away = one - first / second * other
        variance = matrix[0][0] - 2 * first / second * covariance
        variance += (first / second) ** 2 * matrix[1][1]
        held += away**2 <= square * variance
        if found is not None:
            bounded += 1
            inside = found.lower <= first / second <= found.upper
            assert inside == (away**2 <= square * variance)
    error = math.sqrt(level * (1 - level) / REPLICATES)
    assert abs(held / REPLICATES - level) < 3 * error
    assert bounded > REPLICATES / 10


def test_a_known_second_is_a_plain_division():
    found = ratio(Estimates(3.0, 2.0, 0.04, 0.0), 0.95)
    assert found.estimate == 1.5
    reach = 1.959963984540054 * 0.2 / 2
    assert (found.lower, found.upper) == pytest.approx((1.5 - reach, 1.5 + reach))


def test_what_is_one_thing_twice_has_a_ratio_for_certain():
    found = ratio(Estimates(1.0, 1.0, 0.01, 0.01, covariance=0.01), 0.95)
    assert (found.lower, found.upper) == pytest.approx((1.0, 1.0))


def test_without_a_second_there_is_no_end():
    assert ratio(Estimates(1.0, 0.1, 0.01, 0.01), 0.95) is None


def test_few_degrees_reach_further():
    many, few = (ratio(Estimates(1.0, 2.0, 0.01, 0.01, degrees=one), 0.95) for one in (1e6, 5))
    assert few.upper - few.lower > 1.2 * (many.upper - many.lower)


@given(first=signed, second=sized, variances=st.tuples(sized, sized), scale=sized)
def test_mirrored_and_rescaled_gaps_have_the_same_ratio(first, second, variances, scale):
    """Relabelling smaller and larger turns the signs of both; a share is the same."""
    one, other = (value / 50 for value in variances)
    plain = ratio(Estimates(first, second, one, other), 0.95)
    turned = ratio(Estimates(-first, -second, one, other), 0.95)
    assert turned == plain
    grown = ratio(Estimates(first * scale, second * scale, one * scale**2, other * scale**2), 0.95)
    assert (plain is None) == (grown is None)
    if plain is not None:
        assert (grown.lower, grown.upper) == pytest.approx((plain.lower, plain.upper), abs=1e-6)
