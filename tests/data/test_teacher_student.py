"""The targets are what the teacher says, plus noise as asked for, at a variance of one."""

import dataclasses
import pathlib

import numpy as np
import pytest
import scipy.stats
import stored

from lab.data import preparation, teacher_student
from lab.data.teacher_student import Activation, Dials, draw, draw_teacher


@pytest.mark.parametrize("activation", Activation)
def test_teacher_reproduces_targets_without_noise(
    own_folder: pathlib.Path, activation: Activation
) -> None:
    name = f"teacher_student/inputs7-width3-{activation.value}-train50"
    splits = stored.columns(preparation.open_prepared(name, own_folder))
    teacher = draw_teacher(Dials(inputs=7, width=3, activation=activation))
    assert len(splits["train"]["inputs"]) == 50
    for examples in splits.values():
        assert examples["inputs"].dtype == examples["targets"].dtype == np.float32
        said = teacher(examples["inputs"])[:, None]
        np.testing.assert_allclose(examples["targets"], said, rtol=1e-6, atol=1e-6)


def test_activations_are_what_they_are_called() -> None:
    first, second, inputs = np.array([[2.0]]), np.array([3.0]), np.array([[-0.5], [0.25]])
    expected = {
        Activation.RELU: [0, 1.5],
        Activation.TANH: [3 * np.tanh(-1), 3 * np.tanh(0.5)],
        # erf(x / sqrt 2) = 2 Phi(x) - 1, with Phi of the standard normal.
        Activation.ERF: [3 * (2 * scipy.stats.norm.cdf(x) - 1) for x in (-1, 0.5)],
    }
    for activation, values in expected.items():
        teacher = teacher_student.Teacher(first, second, activation, shift=1.0, scale=2.0)
        np.testing.assert_allclose(teacher(inputs), 2 * (np.array(values) + 1))


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("number", range(3))
def test_variance_is_one(activation: Activation, number: int) -> None:
    targets = draw(Dials(activation=activation, train=20_000, draw=number))["train"]["targets"]
    assert targets.mean() == pytest.approx(0, abs=0.05)
    assert targets.var() == pytest.approx(1, abs=0.06)


def test_noise_is_added_to_every_split_and_to_nothing_else() -> None:
    plain = Dials(train=2000)
    clean, noisy = draw(plain), draw(dataclasses.replace(plain, noise=0.5))
    added = []
    for split, columns in clean.items():
        np.testing.assert_array_equal(columns["inputs"], noisy[split]["inputs"])
        added.append((noisy[split]["targets"] - columns["targets"])[:, 0])
    everywhere = np.concatenate(added)
    assert everywhere.std() == pytest.approx(0.5, rel=0.06)
    # No noise is used twice, in other splits.
    assert len(np.unique(everywhere.round(6))) > 0.99 * len(everywhere)


def test_inputs_are_whitened_and_never_the_same_in_two_splits() -> None:
    drawn = draw(Dials(train=20_000))
    inputs = drawn["train"]["inputs"]
    assert abs(inputs.T @ inputs / len(inputs) - np.eye(20)).max() < 0.06
    firsts = np.concatenate([columns["inputs"][:, 0] for columns in drawn.values()])
    rows = np.concatenate([columns["inputs"] for columns in drawn.values()])
    assert len(np.unique(rows, axis=0)) == len(firsts) == 22_000


def test_linear_fit_is_better_than_the_mean_but_far_from_the_teacher() -> None:
    drawn = draw(Dials())
    train, validation = drawn["train"], drawn["validation"]
    weights, *_ = np.linalg.lstsq(train["inputs"], train["targets"])
    error = np.square(validation["inputs"] @ weights - validation["targets"]).mean()
    assert error == pytest.approx(0.35, abs=0.03)
    assert validation["targets"].var() == pytest.approx(1.04, abs=0.01)
