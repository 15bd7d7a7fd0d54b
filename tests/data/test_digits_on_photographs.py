"""The set is what its docstring says: disjoint, deterministic, and neither trivial nor hopeless."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import stored
import tensorflow_datasets as tfds

from lab.data import digits_on_photographs, preparation
from lab.data.digits_on_photographs import LUMINANCE, PHOTOGRAPHS, SIDE
from lab.data.source_digits import SPLIT_DIGITS, split_digits

Examples = dict[str, np.ndarray]


def iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float((predicted & truth).sum() / (predicted | truth).sum())


def best_iou(thresholds: range, predict: Callable[[int], np.ndarray], truth: np.ndarray) -> float:
    return max(iou(predict(threshold), truth) for threshold in thresholds)


@pytest.fixture(scope="module")
def splits(own_folder: pathlib.Path) -> dict[str, Examples]:
    """Every feature of every split, as TFDS itself reads it."""
    return stored.columns(preparation.open_prepared("digits_on_photographs", own_folder))


@pytest.fixture(scope="module")
def brightness_and_truth(splits: dict[str, Examples]) -> tuple[np.ndarray, np.ndarray]:
    validation = splits["validation"]
    return validation["image"] @ LUMINANCE, validation["segmentation_mask"][..., 0] == 1


def test_split_sizes(splits: dict[str, Examples]) -> None:
    sizes = {split: len(examples["image"]) for split, examples in splits.items()}
    assert sizes == {"train": 2 * 1297, "validation": 200, "test": 300}


def test_no_source_digit_is_in_two_splits(splits: dict[str, Examples]) -> None:
    indices = [set(examples["digit_index"].tolist()) for examples in splits.values()]
    assert [len(part) for part in indices] == list(SPLIT_DIGITS.values())
    assert set.union(*indices) == set(range(1797))


def test_every_split_has_every_digit() -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    for indices in split_digits().values():
        share = np.bincount(target[indices], minlength=10) / len(indices)
        assert share.min() > 0.05


def test_no_photograph_pixel_is_in_two_splits(splits: dict[str, Examples]) -> None:
    used = {split: np.zeros((len(PHOTOGRAPHS), 427, 640), bool) for split in splits}
    for split, examples in splits.items():
        places = zip(
            examples["photograph"], examples["patch_top"], examples["patch_left"], strict=True
        )
        for photograph, top, left in places:
            used[split][photograph, top : top + SIDE, left : left + SIDE] = True
    assert all(pixels.any(axis=(1, 2)).all() for pixels in used.values())
    assert np.sum(list(used.values()), axis=0).max() == 1


def test_both_compositions_of_a_training_digit_differ(splits: dict[str, Examples]) -> None:
    images = splits["train"]["image"]
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_patch_beside_the_ink_is_the_photograph(splits: dict[str, Examples]) -> None:
    from sklearn.datasets import load_sample_image

    photographs = [load_sample_image(name) for name in PHOTOGRAPHS]
    examples = splits["test"]
    for number in range(20):
        top, left = examples["patch_top"][number], examples["patch_left"][number]
        patch = photographs[examples["photograph"][number]][top : top + SIDE, left : left + SIDE]
        image, mask = examples["image"][number], examples["segmentation_mask"][number, ..., 0]
        same = (image == patch).all(axis=-1)
        assert same.mean() > 0.3
        assert not same[mask == 1].any()


def test_masks_are_binary_and_neither_empty_nor_full(splits: dict[str, Examples]) -> None:
    for examples in splits.values():
        masks = examples["segmentation_mask"]
        assert set(np.unique(masks)) == {0, 1}
        assert masks.sum(axis=(1, 2, 3)).min() >= 30
        assert masks.mean(axis=(1, 2, 3)).max() < 0.4


def test_prepared_twice_is_the_same_to_the_byte(
    own_folder: pathlib.Path, splits: dict[str, Examples], tmp_path: pathlib.Path
) -> None:
    # Whatever the global generator did in between must not matter.
    np.random.seed(3)  # noqa: NPY002
    builder = digits_on_photographs.DigitsOnPhotographs(
        data_dir=tmp_path, file_format=preparation.FILE_FORMAT
    )
    builder.download_and_prepare()
    name = "digits_on_photographs"
    assert stored.file_hashes(tmp_path / name) == stored.file_hashes(own_folder / name)


def test_constant_prediction_is_poor(brightness_and_truth: tuple[np.ndarray, np.ndarray]) -> None:
    _, truth = brightness_and_truth
    assert iou(np.ones_like(truth), truth) < 0.15


def test_no_brightness_threshold_finds_the_ink(
    brightness_and_truth: tuple[np.ndarray, np.ndarray],
) -> None:
    brightness, truth = brightness_and_truth
    thresholds = range(0, 256, 3)
    assert best_iou(thresholds, lambda level: brightness > level, truth) < 0.25
    assert best_iou(thresholds, lambda level: brightness < level, truth) < 0.25


def test_distance_from_the_median_finds_some_ink(
    brightness_and_truth: tuple[np.ndarray, np.ndarray],
) -> None:
    """So there is something to learn, and a net must do better than this."""
    brightness, truth = brightness_and_truth
    distance = abs(brightness - np.median(brightness, axis=(1, 2), keepdims=True))
    assert 0.35 < best_iou(range(0, 160, 3), lambda level: distance > level, truth) < 0.5


def test_the_builder_is_known_to_tfds_by_its_name() -> None:
    assert tfds.builder_cls("digits_on_photographs").name == "digits_on_photographs"
