"""The handwritten digits arrive as they are in scikit-learn, in disjoint splits."""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

from lab.data import loading
from lab.data.source_digits import split_digits
from lab.specs import DataSpec
from lab.words import Task


def test_images_and_labels_are_the_source(own_folder: pathlib.Path) -> None:
    data = loading.load(DataSpec("sklearn_digits", Task.CLASSIFICATION), own_folder)
    assert data.classes == 10
    assert (data.train.inputs.shape, data.validation.inputs.shape) == (
        (1297, 8, 8, 1),
        (200, 8, 8, 1),
    )
    source, indices = load_digits(), split_digits()["validation"]

    def rows(images: np.ndarray, labels: np.ndarray) -> list[tuple[int, ...]]:
        return sorted(map(tuple, np.column_stack([labels, images.reshape(len(images), -1)])))

    read = rows(np.rint(data.validation.inputs * (16 / 255)), data.validation.targets)
    assert read == rows(source.images[indices], source.target[indices])


def test_inputs_use_the_whole_range(own_folder: pathlib.Path) -> None:
    data = loading.load(DataSpec("sklearn_digits", Task.CLASSIFICATION), own_folder)
    assert (data.train.inputs.min(), data.train.inputs.max()) == (0, 255)
    assert data.train.targets.dtype == np.int32
