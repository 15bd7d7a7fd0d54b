"""The map that the set is made of has the singular values that were asked for."""

import pathlib

import numpy as np
import pytest
import stored
from hypothesis import given
from hypothesis import strategies as st

from lab.data import preparation
from lab.data.linear_teacher import Dials, draw, draw_teacher, singular_values


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 3), st.integers(0, 3), st.data())
def test_singular_values_are_as_prescribed(
    inputs: int, outputs: int, power: float, number: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(1, min(inputs, outputs)))
    dials = Dials(inputs, outputs, rank, power, draw=number)
    found = np.linalg.svd(draw_teacher(dials), compute_uv=False)
    expected = [index**-power for index in range(1, rank + 1)]
    np.testing.assert_allclose(singular_values(dials), expected)
    np.testing.assert_allclose(found[:rank], expected, atol=1e-12)
    np.testing.assert_allclose(found[rank:], 0, atol=1e-12)


def test_least_squares_finds_the_teacher_again(own_folder: pathlib.Path) -> None:
    builder = preparation.open_prepared("linear_teacher", own_folder)
    splits = stored.columns(builder)
    train = splits["train"]
    assert train["inputs"].shape == (2000, 32)
    assert train["targets"].shape == (2000, 16)
    weights, *_ = np.linalg.lstsq(train["inputs"], train["targets"])
    np.testing.assert_allclose(weights.T, draw_teacher(Dials()), atol=1e-5)
    for examples in splits.values():
        said = examples["inputs"] @ weights
        np.testing.assert_allclose(said, examples["targets"], atol=1e-5)
    found = np.linalg.svd(weights, compute_uv=False)[:8]
    np.testing.assert_allclose(found, builder.info.metadata["singular_values"], atol=1e-5)


def test_error_of_zero_is_the_sum_of_squares_over_outputs() -> None:
    targets = draw(Dials())["validation"]["targets"]
    assert np.square(targets).mean() == pytest.approx(0.0955, rel=0.1)


def test_singular_vectors_have_no_preferred_sign() -> None:
    """The Q of a QR decomposition alone is not uniform: LAPACK fixes the sign of its columns."""
    corners = [draw_teacher(Dials(1, 1, 1, draw=number))[0, 0] for number in range(200)]
    assert set(np.sign(corners)) == {-1, 1}
    assert abs(np.mean(corners)) < 0.25


def test_inputs_are_whitened_and_never_the_same_in_two_splits() -> None:
    drawn = draw(Dials(train=20_000))
    inputs = drawn["train"]["inputs"]
    assert abs(inputs.T @ inputs / len(inputs) - np.eye(32)).max() < 0.06
    rows = np.concatenate([columns["inputs"] for columns in drawn.values()])
    assert len(np.unique(rows, axis=0)) == 22_000
