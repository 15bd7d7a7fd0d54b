"""Vectors, tokens and texts are read as images are: by name, and refused in a line."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lab.data import loading
from lab.data.catalogue import own_set
from lab.errors import UsageError
from lab.specs import DataSpec, TextSpec
from lab.words import Task, Tokens

Prepare = Callable[..., pathlib.Path]
LABEL = tfds.features.ClassLabel(num_classes=3)


def vector(number: int, **changed: Any) -> dict[str, Any]:
    inputs = np.arange(4, dtype=np.float32) + number
    targets = np.float32([number, -number])
    return {"inputs": inputs, "label": number % 3, "targets": targets} | changed


VECTORS = {
    "inputs": tfds.features.Tensor(shape=(4,), dtype=np.float32),
    "label": LABEL,
    "targets": tfds.features.Tensor(shape=(2,), dtype=np.float32),
}


@pytest.fixture
def vectors(tmp_path: pathlib.Path, prepare_set: Prepare) -> pathlib.Path:
    splits = {"train": [vector(n) for n in range(12)], "validation": [vector(n) for n in (50, 51)]}
    prepare_set(tmp_path, "vectors", "1.0.0", VECTORS, splits)
    return tmp_path


def refusal(spec: DataSpec, folder: pathlib.Path) -> str:
    with pytest.raises(UsageError) as caught:
        loading.load(spec, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_vectors_with_labels(vectors: pathlib.Path) -> None:
    data = loading.load(DataSpec("vectors", Task.CLASSIFICATION), vectors)
    assert data.train.inputs.shape == (12, 4)
    assert data.train.inputs.dtype == np.float32
    assert (data.classes, data.vocabulary) == (3, 0)
    np.testing.assert_array_equal(data.train.inputs[:, 0].astype(int) % 3, data.train.targets)


def test_vectors_with_numbers_to_predict(vectors: pathlib.Path) -> None:
    data = loading.load(DataSpec("vectors", Task.REGRESSION), vectors)
    assert data.classes == 2
    np.testing.assert_array_equal(data.validation.targets[:, 0], [50, 51])
    assert data.validation.targets.dtype == np.float32


def test_numbers_that_are_none(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    bad = [vector(n, targets=np.float32([np.nan, 0])) for n in range(8)]
    prepare_set(tmp_path, "vectors", "1.0.0", VECTORS, {"train": bad})
    assert "no finite numbers" in refusal(DataSpec("vectors", Task.REGRESSION), tmp_path)


def test_tokens_of_a_set_that_does_not_count_them(
    tmp_path: pathlib.Path, prepare_set: Prepare
) -> None:
    features = {"tokens": tfds.features.Tensor(shape=(3,), dtype=np.int32), "label": LABEL}
    examples = [{"tokens": np.int32([0, 1, n]), "label": n % 3} for n in range(8)]
    prepare_set(tmp_path, "sums", "1.0.0", features, {"train": examples})
    assert "does not say how many tokens" in refusal(
        DataSpec("sums", Task.CLASSIFICATION), tmp_path
    )


def test_a_text_by_whatever_name_it_has(
    tmp_path: pathlib.Path, prepare_set: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = {"content": tfds.features.Text(), "label": LABEL}
    documents = ["abab " * 9, "bá" * 20]
    splits = {
        "train": [{"content": document, "label": 0} for document in documents],
        "test": [{"content": "ab" * 30, "label": 1}],
    }
    prepare_set(tmp_path, "prose", "1.0.0", features, splits)
    text = TextSpec(window=8)
    spec = DataSpec("prose", Task.LANGUAGE, validation_split="test", text=text)
    data = loading.load(spec, tmp_path)
    assert data.train.inputs.shape[1] == 8
    np.testing.assert_array_equal(data.train.inputs[:, 1:], data.train.targets[:, :-1])
    assert data.classes == data.vocabulary == len(set("".join(documents) + "\n")) + 1
    assert data.characters_per_token == 1
    pairs = TextSpec(Tokens.BPE, window=4, vocabulary=258)
    spec = DataSpec("prose", Task.LANGUAGE, validation_split="test", text=pairs)
    shorter = loading.load(spec, tmp_path)
    assert shorter.characters_per_token > 1
    monkeypatch.setattr(loading, "MAX_BYTES", 200)
    assert "--train_split" in refusal(spec, tmp_path)


def test_what_a_set_does_not_hold(vectors: pathlib.Path) -> None:
    assert "needs the features text" in refusal(DataSpec("vectors", Task.LANGUAGE), vectors)
    sized = DataSpec("vectors", Task.CLASSIFICATION, image_size=8)
    assert "has no images: drop --image_size" in refusal(sized, vectors)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "vocabulary"),
    [
        ("sparse_parity/bits12-train50", (12,), 2, 0),
        ("modular_addition/modulus7", (3,), 7, 8),
        ("teacher_student/train50", None, 1, 0),
        ("sklearn_wine", (13,), 3, 0),
        ("python_documentation", (64,), None, None),
    ],
)
def test_own_sets_are_read_by_what_they_are_for(
    own_folder: pathlib.Path,
    name: str,
    shape: tuple[int, ...] | None,
    classes: int | None,
    vocabulary: int | None,
) -> None:
    own = own_set(name)
    assert own is not None
    spec = loading.name_splits(DataSpec(name, own.task), own_folder)
    assert spec.name.startswith(name.split("/")[0])
    data = loading.load(spec, own_folder)
    assert shape in (None, data.train.inputs.shape[1:])
    assert classes in (None, data.classes)
    assert vocabulary in (None, data.vocabulary)
    assert loading.name_splits(spec, own_folder) == spec
