import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from lab.statistics.turnbull import Brackets, turnbull


def brackets(rows):
    """From (left, right or None)."""
    return Brackets(
        left=np.array([left for left, _ in rows], np.int64),
        right=np.array([right or 0 for _, right in rows], np.int64),
        never=np.array([right is None for _, right in rows], np.bool_),
    )


row = st.integers(0, 8).flatmap(
    lambda left: st.tuples(st.just(left), st.none() | st.integers(left + 1, 10))
)


def likelihood(rows, fit):
    """Mean log-likelihood of the fitted masses."""
    left = [*fit.left, *([] if fit.beyond_from is None else [fit.beyond_from])]
    right = [*fit.right, *([] if fit.beyond_from is None else [np.inf])]
    mass = [*fit.mass, *([] if fit.beyond_from is None else [fit.beyond])]
    total = 0.0
    for low, high in rows:
        end = np.inf if high is None else high
        inside = [low <= a and b <= end for a, b in zip(left, right, strict=True)]
        total += np.log(np.dot(inside, mass))
    return total / len(rows)


@pytest.mark.filterwarnings("error")
@given(st.lists(row, max_size=25))
def test_masses_sum_to_one_and_meet_the_kuhn_tucker_conditions(rows):
    fit = turnbull(brackets(rows))
    assert fit.mass.sum() + fit.beyond == pytest.approx(1)
    assert (fit.mass >= 0).all()
    assert fit.gap <= 1e-8
    assert (fit.left < fit.right).all()
    for time in range(12):
        least, most = fit.by(time)
        assert 0 <= least <= most <= 1 + 1e-12


@given(st.lists(st.none() | st.integers(1, 6), min_size=1, max_size=20))
def test_on_one_shared_grid_it_is_the_share_of_each_cell(hits):
    rows = [(hit - 1, hit) if hit else (6, None) for hit in hits]
    fit = turnbull(brackets(rows))
    for evaluation in range(1, 7):
        share = sum(hit is not None and hit <= evaluation for hit in hits) / len(hits)
        assert fit.by(evaluation) == pytest.approx((share, share))


def test_a_closed_form():
    """(0, 2], (1, 3], (2, 4]: innermost are (1, 2] and (2, 3]; the first holds 1, the last 1,
    the middle either. By symmetry 1/2 each."""
    fit = turnbull(brackets([(0, 2), (1, 3), (2, 4)]))
    assert list(zip(fit.left, fit.right, strict=True)) == [(1, 2), (2, 3)]
    np.testing.assert_allclose(fit.mass, [0.5, 0.5], atol=1e-9)
    assert fit.beyond == 0
    assert fit.beyond_from is None


def test_another_closed_form_with_unequal_counts():
    """a of (0, 1], b of (1, 2], c of (0, 2]: the c are shared out as the others are."""
    fit = turnbull(brackets([(0, 1)] * 3 + [(1, 2)] * 1 + [(0, 2)] * 5))
    np.testing.assert_allclose(fit.mass, [0.75, 0.25], atol=1e-7)


@pytest.mark.parametrize("seed", [1, 2])
def test_lifelines(seed):
    """It treats intervals as closed, so left ends move by a little (STATISTICS, section 1)."""
    generator = np.random.default_rng(seed)
    time = generator.weibull(1.5, 60) * 40
    every = generator.integers(3, 15, 60)
    left = (time // every * every).astype(int)
    right = left + every
    never = left >= 60
    rows = [
        (int(a), None if none else int(b)) for a, b, none in zip(left, right, never, strict=True)
    ]
    fit = turnbull(brackets(rows))
    upper = np.where(never, np.inf, right)
    fitter = KaplanMeierFitter().fit_interval_censoring(left + 1e-6, upper, tol=1e-10)
    # After an interval has ended its mass is gone from the upper curve; their index is of its ends.
    curves = fitter.survival_function_
    for one in fit.right:
        least, _ = fit.by(int(one))
        after = curves[curves.index <= one + 0.5].iloc[-1].min()
        assert 1 - after == pytest.approx(least, abs=1e-6)


def test_order_of_members_and_scale_do_not_matter():
    rows = [(0, 4), (2, 6), (3, None), (0, 9), (5, 7), (6, None), (1, 3)]
    fit = turnbull(brackets(rows))
    again = turnbull(brackets(rows[::-1]))
    scaled = turnbull(brackets([(10 * a, None if b is None else 10 * b) for a, b in rows]))
    np.testing.assert_allclose(fit.mass, again.mass, atol=1e-8)
    np.testing.assert_allclose(fit.mass, scaled.mass, atol=1e-8)
    np.testing.assert_array_equal(10 * fit.left, scaled.left)


def test_no_other_masses_are_likelier():
    generator = np.random.default_rng(5)
    rows = [(int(a), int(a + b)) for a, b in generator.integers(1, 9, (40, 2))]
    fit = turnbull(brackets(rows))
    best = likelihood(rows, fit)
    for _ in range(50):
        mass = fit.mass * generator.uniform(0.9, 1.1, len(fit.mass)) + 1e-4
        object.__setattr__(fit, "mass", mass / mass.sum())
        assert likelihood(rows, fit) <= best + 1e-9


def test_an_interval_must_end_after_it_begins():
    with pytest.raises(ValueError, match="end after it begins"):
        brackets([(3, 3)])
