"""Some few bits decide, which ones can be found by trying all, and no input comes twice."""

import itertools
import pathlib

import numpy as np
import pytest
import stored
from hypothesis import given
from hypothesis import strategies as st

from lab.data import preparation, sparse_parity
from lab.data.sparse_parity import Dials


@pytest.fixture(scope="module")
def splits(own_folder: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    name = "sparse_parity/bits12-parity3-train500"
    return stored.columns(preparation.open_prepared(name, own_folder))


def test_exactly_one_subset_explains_every_label(
    splits: dict[str, dict[str, np.ndarray]], own_folder: pathlib.Path
) -> None:
    inputs = np.concatenate([examples["inputs"] for examples in splits.values()])
    labels = np.concatenate([examples["label"] for examples in splits.values()])
    explaining = [
        list(subset)
        for size in range(13)
        for subset in itertools.combinations(range(12), size)
        if np.array_equal(labels, inputs[:, subset].prod(axis=1) == -1)
    ]
    builder = preparation.open_prepared("sparse_parity/bits12-parity3-train500", own_folder)
    assert explaining == [builder.info.metadata["hidden_bits"]]
    assert len(explaining[0]) == 3


def test_inputs_are_signs_and_no_two_alike(splits: dict[str, dict[str, np.ndarray]]) -> None:
    sizes = {split: len(examples["inputs"]) for split, examples in splits.items()}
    assert sizes == {"train": 500, "validation": 1000, "test": 1000}
    inputs = np.concatenate([examples["inputs"] for examples in splits.values()])
    assert inputs.dtype == np.float32
    assert set(np.unique(inputs)) == {-1, 1}
    assert len(np.unique(inputs, axis=0)) == 2500


@given(st.integers(1, 130), st.integers(0, 3), st.data())
def test_hidden_bits_are_as_many_as_asked_for(bits: int, draw: int, data: st.DataObject) -> None:
    parity = data.draw(st.integers(1, bits))
    dials = Dials(bits=max(bits, 20), parity=parity, draw=draw)
    hidden = sparse_parity.hidden_bits(dials)
    assert len(set(hidden.tolist())) == parity
    assert 0 <= hidden.min() <= hidden.max() < dials.bits


def test_every_input_there_is_can_be_asked_for() -> None:
    drawn = sparse_parity.draw(Dials(bits=12, train=2**12 - 2000))
    inputs = np.concatenate([columns["inputs"] for columns in drawn.values()])
    assert len(np.unique(inputs, axis=0)) == 2**12


@pytest.mark.parametrize("bits", [62, 63, 100])
def test_every_bit_is_fair_and_independent_of_the_others(bits: int) -> None:
    """More than 62 bits are drawn in two parts."""
    inputs = sparse_parity.draw(Dials(bits=bits))["train"]["inputs"]
    correlation = inputs.T @ inputs / len(inputs)
    # Five standard errors of 10,000 draws, over all pairs.
    assert abs(correlation - np.eye(bits)).max() < 0.05
    assert abs(inputs.mean(axis=0)).max() < 0.05


def test_majority_and_single_bits_say_nothing() -> None:
    drawn = sparse_parity.draw(Dials())
    signs = 1 - 2 * drawn["train"]["label"]
    assert abs(signs.mean()) < 0.05
    assert abs(signs @ drawn["train"]["inputs"] / len(signs)).max() < 0.05
    commoner = np.bincount(drawn["train"]["label"]).argmax()
    assert (drawn["validation"]["label"] == commoner).mean() == pytest.approx(0.484)
