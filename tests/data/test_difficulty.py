"""Each dial of difficulty does what its definition says, to the training split or to both."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data.arrays import DataArrays, Split
from lab.data.difficulty import made_harder
from lab.errors import UsageError
from lab.specs import DataSpec, DifficultySpec
from lab.words import Task


def images(count: int = 400, classes: int = 4) -> DataArrays:
    """Every example is told by its pixels; each class is equally frequent in training."""
    labels = np.arange(count, dtype=np.int32) % classes
    pixels = np.arange(count)[:, None, None, None] % 251
    inputs = np.broadcast_to(pixels, (count, 2, 2, 1)).astype(np.uint8)
    return DataArrays(Split(inputs, labels), Split(inputs[:40], labels[:40]), classes)


def vectors(count: int = 2000) -> DataArrays:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(count, 3)).astype(np.float32) * np.float32([1, 10, 100])
    targets = rng.normal(size=(count, 2)).astype(np.float32) * np.float32([1, 5])
    return DataArrays(Split(inputs, targets), Split(inputs[:500], targets[:500]), 2)


def spec(task: Task = Task.CLASSIFICATION, **dials: Any) -> DataSpec:
    return DataSpec("anything", task, difficulty=DifficultySpec(**dials))


def equal(one: DataArrays, other: DataArrays) -> bool:
    return all(
        np.array_equal(getattr(getattr(one, split), part), getattr(getattr(other, split), part))
        for split in ("train", "validation")
        for part in ("inputs", "targets")
    )


def test_no_dial_changes_nothing() -> None:
    assert made_harder(images(), spec()) is not None
    assert equal(made_harder(images(), spec()), images())


DIALS: list[dict[str, Any]] = [
    {"classes": (2, 0)},
    {"train_fraction": 0.25},
    {"imbalance": 10.0},
    {"label_noise": 0.3},
    {"input_noise": 0.1},
]


@pytest.mark.parametrize("dials", DIALS, ids=lambda dials: next(iter(dials)))
def test_draws_have_an_address(dials: dict[str, Any]) -> None:
    once, again = (made_harder(images(), spec(**dials)) for _ in range(2))
    assert equal(once, again)
    assert not equal(once, images())
    if "classes" not in dials:
        assert not equal(once, made_harder(images(), spec(**dials, seed=1)))


@pytest.mark.parametrize("dials", DIALS[1:4], ids=lambda dials: next(iter(dials)))
def test_validation_stays_what_it_was(dials: dict[str, Any]) -> None:
    hard = made_harder(images(), spec(**dials))
    np.testing.assert_array_equal(hard.validation.inputs, images().validation.inputs)
    np.testing.assert_array_equal(hard.validation.targets, images().validation.targets)


def test_classes_are_kept_and_numbered_as_listed() -> None:
    hard = made_harder(images(), spec(classes=(3, 1)))
    assert hard.classes == 2
    for split in (hard.train, hard.validation):
        # A pixel below 251 is the example's number, and its class that modulo 4.
        known = split.inputs[:, 0, 0, 0] < 100
        old = split.inputs[known, 0, 0, 0][:20] % 4
        assert set(split.targets) == {0, 1}
        assert set(old) <= {3, 1}
    first = hard.train.inputs[:40, 0, 0, 0] % 4
    np.testing.assert_array_equal(hard.train.targets[:40], np.where(first == 3, 0, 1))


@settings(deadline=None, max_examples=40)
@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_a_smaller_share_lies_within_a_larger_one(one: float, other: float) -> None:
    data = images(400)
    data = dataclasses.replace(
        data, train=Split(np.arange(400, dtype=np.int32)[:, None], data.train.targets)
    )
    small, large = (
        set(made_harder(data, spec(train_fraction=share)).train.inputs[:, 0])
        for share in sorted((one, other))
    )
    assert small <= large
    assert len(large) == 4 * round(max(one, other) * 100)


def test_imbalance_falls_geometrically() -> None:
    hard = made_harder(images(4000), spec(imbalance=100.0))
    counts = np.bincount(hard.train.targets)
    expected = 1000 / 100 ** (np.arange(4) / 3)
    np.testing.assert_allclose(counts, expected, atol=0.5)


def test_noisy_labels_are_another_class_at_the_rate_asked() -> None:
    hard = made_harder(images(20_000), spec(label_noise=0.3))
    wrong = hard.train.targets != images(20_000).train.targets
    assert abs(wrong.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 20_000)
    shifts = (hard.train.targets[wrong] - images(20_000).train.targets[wrong]) % 4
    np.testing.assert_allclose(np.bincount(shifts)[1:] / wrong.sum(), 1 / 3, atol=0.03)


def test_noise_on_masks_flips_pixels() -> None:
    masks = np.zeros((500, 8, 8), np.uint8)
    masks[:, :4] = 1
    split = Split(np.zeros((500, 8, 8, 3), np.uint8), masks)
    hard = made_harder(DataArrays(split, split, 2), spec(Task.SEGMENTATION, label_noise=0.2))
    assert abs((hard.train.targets != masks).mean() - 0.2) < 0.01
    assert hard.train.targets.dtype == np.uint8


def test_noise_on_numbers_is_in_their_own_deviations() -> None:
    hard = made_harder(vectors(), spec(Task.REGRESSION, label_noise=0.5, input_noise=2.0))
    added = (hard.train.targets - vectors().train.targets).std(0)
    np.testing.assert_allclose(added, 0.5 * vectors().train.targets.std(0), rtol=0.1)
    deviations = vectors().train.inputs.std(0)
    for split, plain in ((hard.train, vectors().train), (hard.validation, vectors().validation)):
        np.testing.assert_allclose((split.inputs - plain.inputs).std(0), 2 * deviations, rtol=0.15)
    assert hard.train.inputs.dtype == np.float32


def test_the_deviation_of_many_numbers_far_from_zero_is_their_own() -> None:
    """Added up in float32, a million rows of 2000 give or take 5 had a deviation of 18."""
    numbers = np.random.default_rng(0).normal(2000, 5, (1_000_000, 2)).astype(np.float32)
    split = Split(numbers, numbers)
    hard = made_harder(DataArrays(split, split, 2), spec(Task.REGRESSION, label_noise=1.0))
    added = np.float64(hard.train.targets) - numbers
    np.testing.assert_allclose(added.std(0), 5, rtol=0.01)


def test_noise_on_images_is_in_units_of_their_range() -> None:
    grey = np.full((200, 8, 8, 1), 128, np.uint8)
    split = Split(grey, np.zeros(200, np.int32))
    hard = made_harder(DataArrays(split, split, 2), spec(input_noise=0.05))
    assert hard.train.inputs.dtype == np.uint8
    assert abs(hard.train.inputs.std() / 255 - 0.05) < 0.002
    assert not np.array_equal(hard.train.inputs, hard.validation.inputs)


@pytest.mark.parametrize(
    ("task", "dials", "words"),
    [
        (Task.REGRESSION, {"classes": (0, 1)}, "regression has no classes: drop --classes"),
        (Task.SEGMENTATION, {"imbalance": 2.0}, "has no classes: drop --imbalance"),
        (Task.LANGUAGE, {"label_noise": 0.1}, "drop --label_noise"),
        (Task.LANGUAGE, {"input_noise": 0.1}, "drop --input_noise"),
        (Task.CLASSIFICATION, {"label_noise": 1.5}, "must lie in [0, 1]"),
        (Task.CLASSIFICATION, {"train_fraction": 0.0}, "must lie in (0, 1]"),
        (Task.CLASSIFICATION, {"imbalance": 0.5}, "at least 1"),
        (Task.CLASSIFICATION, {"classes": (1,)}, "pass --classes=0,1"),
        (Task.CLASSIFICATION, {"classes": (1, 1)}, "each once"),
    ],
)
def test_dials_that_mean_nothing_are_refused(task: Task, dials: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        spec(task, **dials)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dials", "words"),
    [
        ({"classes": (0, 7)}, "those of anything run from 0 to 3"),
        ({"train_fraction": 0.0001}, "leaves none of 400"),
        ({"imbalance": 1e6}, "without any: pass a smaller --imbalance"),
    ],
)
def test_dials_that_leave_nothing_are_refused(dials: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        made_harder(images(), spec(**dials))
    assert words in str(caught.value)
