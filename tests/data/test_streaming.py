"""Examples read by index from disk are those that a whole load gives."""

import dataclasses
import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lab.data import loading, pictures, reading, streaming
from lab.data.arrays import DataArrays, Source, Split
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Residence, Task

Prepare = Callable[..., pathlib.Path]

MNIST = DataSpec("mnist", Task.CLASSIFICATION)
PETS = DataSpec("oxford_iiit_pet", Task.SEGMENTATION, image_size=16)
PART = dataclasses.replace(PETS, train_split="train[5:]", validation_split="test")


def streamed(spec: DataSpec) -> DataSpec:
    return dataclasses.replace(spec, residence=Residence.STREAM)


def source_of(data: DataArrays) -> Source:
    assert data.source is not None
    return data.source


def require_equal(one: Split, other: Split) -> None:
    for mine, theirs in ((one.inputs, other.inputs), (one.targets, other.targets)):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("spec", [MNIST, PETS, PART])
def test_examples_by_index_are_those_of_a_whole_load(
    known_folder: pathlib.Path, spec: DataSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 4)
    whole, data = loading.load(spec, known_folder), loading.load(streamed(spec), known_folder)
    source = source_of(data)
    assert len(source) == len(whole.train.inputs)
    indices = np.array([3, 0, len(source) - 1, 3, 7, 7, 1])
    expected = Split(whole.train.inputs[indices], whole.train.targets[indices])
    require_equal(source.read(indices), expected)
    require_equal(data.validation, whole.validation)
    require_equal(data.train, Split(whole.train.inputs[:64], whole.train.targets[:64]))


def test_only_the_first_training_examples_are_read_beforehand(
    known_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SAMPLE", 5)
    data = loading.load(streamed(MNIST), known_folder)
    assert len(data.train.inputs) == 5
    assert len(source_of(data)) == 34


def test_no_more_is_encoded_in_memory_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 8)
    asked: list[int] = []

    def by_index(indices: Any) -> list[dict[str, Any]]:
        asked.append(len(indices))
        return [{"number": number} for number in indices]

    def decode(number: int, example: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        assert example["number"] == number
        return np.full((2, 2, 1), number, np.uint8), np.array(number, np.int32)

    like = Split(np.zeros((1, 2, 2, 1), np.uint8), np.zeros(1, np.int32))
    source = streaming.Streamed(by_index, decode, 100, like, "made up", threads=3)
    read = source.read(np.arange(99, 70, -1))
    assert asked == [8, 8, 8, 5]
    np.testing.assert_array_equal(read.targets, np.arange(99, 70, -1))
    np.testing.assert_array_equal(read.inputs[:, 0, 0, 0], np.arange(99, 70, -1))


SQUARES = {
    "image": tfds.features.Image(shape=(None, None, 1)),
    "label": tfds.features.ClassLabel(num_classes=2),
}


def square(number: int, side: int = 4, label: int | None = None) -> dict[str, Any]:
    image = pictures.to_png(np.full((side, side, 1), number, np.uint8))
    return {"image": image, "label": number % 2 if label is None else label}


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        (square(1, side=5), "pass --image_size"),
        (square(1, label=-1), "run from -1 to -1"),
        ({"image": b"no picture", "label": 0}, "cannot be decoded"),
    ],
)
def test_an_example_unlike_the_others_is_refused_when_it_comes(
    tmp_path: pathlib.Path,
    prepare_set: Prepare,
    monkeypatch: pytest.MonkeyPatch,
    odd: dict[str, Any],
    line: str,
) -> None:
    monkeypatch.setattr(loading, "SAMPLE", 1)
    train = [square(number) for number in range(20)]
    splits = {"train": [*train, odd], "validation": train[:4]}
    prepare_set(tmp_path, "squares", "1.0.0", SQUARES, splits)
    try:
        source = source_of(
            loading.load(streamed(DataSpec("squares", Task.CLASSIFICATION)), tmp_path)
        )
    except UsageError as error:  # TFDS shuffled it to the front.
        pytest.fail(str(error))
    with pytest.raises(UsageError) as caught:
        source.read(np.arange(len(source)))
    assert re.search(line, str(caught.value))
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_streamed(
    known_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """34 and 6 images of 28 x 28 and as many labels of 4 bytes."""
    needed = 40 * (28 * 28 + 4)
    monkeypatch.setattr(loading, "MAX_BYTES", needed)
    assert loading.name_splits(MNIST, known_folder).residence is Residence.AUTO
    monkeypatch.setattr(loading, "MAX_BYTES", needed - 1)
    spec = loading.name_splits(MNIST, known_folder)
    assert spec.residence is Residence.STREAM
    assert len(source_of(loading.load(spec, known_folder))) == 34
    on_device = dataclasses.replace(MNIST, residence=Residence.DEVICE)
    assert loading.name_splits(on_device, known_folder).residence is Residence.DEVICE
    with pytest.raises(UsageError, match="--residence=stream"):
        loading.load(on_device, known_folder)


def test_the_validation_split_must_fit(
    known_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SAMPLE", 1)
    monkeypatch.setattr(loading, "MAX_BYTES", 6 * 28 * 28)
    with pytest.raises(UsageError, match=r"the validation split .* --validation_split=validation"):
        loading.load(streamed(MNIST), known_folder)


def test_a_split_is_told_from_others_in_every_session(known_folder: pathlib.Path) -> None:
    def digest(**changes: Any) -> str:
        spec = dataclasses.replace(streamed(MNIST), **changes)
        return source_of(loading.load(spec, known_folder)).digest

    assert digest() == digest()
    assert digest() != digest(train_split="train[:20]", validation_split="test")


def test_damaged_files_are_told_when_they_are_read(
    tmp_path: pathlib.Path, prepare_set: Prepare
) -> None:
    splits = {
        "train": [square(number) for number in range(50)],
        "validation": [square(number) for number in range(4)],
    }
    folder = prepare_set(tmp_path, "squares", "1.0.0", SQUARES, splits)
    spec = streamed(DataSpec("squares", Task.CLASSIFICATION))
    source = source_of(loading.load(spec, tmp_path))
    (file,) = folder.glob("*train*")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for read in (lambda: loading.load(spec, tmp_path), lambda: source.read(np.arange(50))):
        with pytest.raises(UsageError, match="incomplete or damaged"):
            read()


def test_tfrecord_files_are_read_by_index_too(
    tmp_path: pathlib.Path, prepare_set: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records of two files, from within the first to within the second."""
    extents = []
    for name, many in (("a", 5), ("b", 4)):
        path = tmp_path / name
        records = [f"{name}{number}".encode() * (number + 1) for number in range(many)]
        path.write_bytes(
            b"".join(
                len(one).to_bytes(8, "little") + b"\0" * 4 + one + b"\0" * 4 for one in records
            )
        )
        extents.append((str(path), 0, many))
    whole = list(reading._tfrecords(extents))
    assert len(whole) == 9
    part = [(extents[0][0], 2, 5), (extents[1][0], 0, 3)]
    record_at = reading._tfrecords_by_index(part)
    assert [record_at(index) for index in (5, 0, 2, 3)] == [whole[i] for i in (7, 2, 4, 5)]
