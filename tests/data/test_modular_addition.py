"""Every pair once, with its sum; the training split is exactly the share that was asked for."""

import pathlib

import numpy as np
import pytest
import stored
from hypothesis import given
from hypothesis import strategies as st

from lab.data import modular_addition, preparation
from lab.data.modular_addition import Dials


@given(st.integers(4, 40), st.integers(10, 90), st.integers(0, 3))
def test_every_pair_is_in_one_split_with_its_sum(modulus: int, train: int, draw: int) -> None:
    drawn = modular_addition.draw(Dials(modulus, train, draw))
    tokens = np.concatenate([columns["tokens"] for columns in drawn.values()])
    labels = np.concatenate([columns["label"] for columns in drawn.values()])
    pairs = {(int(first), int(second)) for first, second, _ in tokens}
    assert len(tokens) == len(pairs) == modulus**2
    assert pairs == {(first, second) for first in range(modulus) for second in range(modulus)}
    assert (tokens[:, 2] == modulus).all()
    np.testing.assert_array_equal(labels, tokens[:, :2].sum(axis=1) % modulus)
    assert len(drawn["train"]["label"]) == modulus**2 * train // 100
    assert len(drawn["test"]["label"]) - len(drawn["validation"]["label"]) in (0, 1)


def test_larger_share_contains_the_smaller() -> None:
    few, many = (modular_addition.draw(Dials(97, train))["train"] for train in (20, 40))
    np.testing.assert_array_equal(many["tokens"][: len(few["tokens"])], few["tokens"])


def test_commonest_label_is_poor(own_folder: pathlib.Path) -> None:
    splits = stored.columns(preparation.open_prepared("modular_addition", own_folder))
    sizes = {split: len(examples["label"]) for split, examples in splits.items()}
    assert sizes == {"train": 2822, "validation": 3293, "test": 3294}
    assert splits["train"]["tokens"].dtype == np.int32
    commonest = np.bincount(splits["train"]["label"]).argmax()
    assert (splits["validation"]["label"] == commonest).mean() == pytest.approx(0.0091, abs=1e-4)
