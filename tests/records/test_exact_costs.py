"""A step's cost is the number that somebody wrote, and no other; what no step can cost is said."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.records.costs import DIGITS, LEAST, MOST, exact_cost


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0.1", Fraction(1, 10)),
        (0.1, Fraction(1, 10)),
        ("3e7", Fraction(30_000_000)),
        (1e6, Fraction(10**6)),
        (" 2.50 ", Fraction(5, 2)),
        ("0." + 39 * "3", Fraction(int(39 * "3"), 10**39)),
        (str(LEAST), Fraction(1, 10**30)),
        (str(MOST), Fraction(10**30)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_a_cost_is_the_number_as_it_is_written(written, number):
    assert exact_cost(written) == number


@given(st.integers(1, 10**15 - 1), st.integers(-12, 12))
def test_text_and_the_float_that_it_reads_as_are_one_cost(digits, exponent):
    written = f"{digits}e{exponent}"
    assert exact_cost(written) == exact_cost(float(written))


@pytest.mark.parametrize(
    "written",
    [
        *("0", "-1", "nan", "inf", "", "many", "1/3", "1e-300", "1e300", "1e999999999"),
        *(f"1e{'9' * 30}", (DIGITS + 1) * "1", 100_000 * "7", 1e-300, 1e300, float("nan")),
    ],
)
def test_what_no_step_can_cost_is_refused_in_a_line(written):
    with pytest.raises(
        UsageError, match=r"a step costs .*; it must be a number above 0"
    ) as refused:
        exact_cost(written)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250
