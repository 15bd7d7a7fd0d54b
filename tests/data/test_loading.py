"""Known TFDS names are read as a user reads them; what a set does not hold is said in a line."""

import io
import json
import pathlib
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from PIL import Image

from lab.data import loading, pictures
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task

Prepare = Callable[..., pathlib.Path]

LABEL = tfds.features.ClassLabel(num_classes=2)
SQUARES = {
    "image": tfds.features.Tensor(shape=(4, 4, 3), dtype=np.uint8),
    "label": LABEL,
    "segmentation_mask": tfds.features.Tensor(shape=(4, 4, 1), dtype=np.uint8),
}


def square(number: int, **changed: Any) -> dict[str, Any]:
    mask = np.zeros((4, 4, 1), np.uint8)
    mask[:2] = 1
    image = np.full((4, 4, 3), number, np.uint8)
    return {"image": image, "label": number % 2, "segmentation_mask": mask} | changed


def segmentation(name: str, **settings: Any) -> DataSpec:
    return DataSpec(name, Task.SEGMENTATION, **settings)


def refusal(spec: DataSpec, folder: pathlib.Path) -> str:
    """The message of the error, which must be one line."""
    with pytest.raises(UsageError) as caught:
        loading.load(spec, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_oxford_iiit_pet_by_its_name(known_folder: pathlib.Path) -> None:
    data = loading.load(segmentation("oxford_iiit_pet", image_size=16), known_folder)
    assert data.train.inputs.shape == (17, 16, 16, 3)
    assert data.validation.targets.shape == (3, 16, 16)
    assert data.classes == 2
    for split in (data.train, data.validation):
        assert split.inputs.dtype == split.targets.dtype == np.uint8
        assert set(np.unique(split.targets)) == {0, 1}
        # The pet is bright, the rest is dark, and a mask that moved would mix the two.
        inside = split.inputs[split.targets == 1].mean()
        assert inside > 140
        assert split.inputs[split.targets == 0].mean() < 60


def test_foreground_may_include_the_outline(known_folder: pathlib.Path) -> None:
    thin, thick = (
        loading.load(
            segmentation("oxford_iiit_pet", image_size=16, foreground=values), known_folder
        )
        for values in ((1,), (1, 3))
    )
    assert thick.train.targets.mean() > 1.5 * thin.train.targets.mean()
    assert (thick.train.targets >= thin.train.targets).all()


def test_mnist_by_its_name(known_folder: pathlib.Path) -> None:
    data = loading.load(DataSpec("mnist", Task.CLASSIFICATION), known_folder)
    assert data.train.inputs.shape == (34, 28, 28, 1)
    assert data.validation.inputs.shape == (6, 28, 28, 1)
    assert data.classes == 10
    for split in (data.train, data.validation):
        assert split.targets.dtype == np.int32
        np.testing.assert_array_equal(split.inputs[:, 0, 0, 0] % 10, split.targets)


def test_held_out_tail_of_train_shares_nothing_with_the_rest(known_folder: pathlib.Path) -> None:
    data = loading.load(DataSpec("mnist", Task.CLASSIFICATION), known_folder)
    seen = [set(split.inputs[:, 0, 0, 0].tolist()) for split in (data.train, data.validation)]
    assert not seen[0] & seen[1]
    assert seen[0] | seen[1] == set(range(40))


def test_named_splits_are_read(known_folder: pathlib.Path) -> None:
    spec = DataSpec("mnist", Task.CLASSIFICATION, train_split="train[:10]", validation_split="test")
    data = loading.load(spec, known_folder)
    assert len(data.train.inputs) == 10
    assert set(data.validation.inputs[:, 0, 0, 0]) == set(range(40, 60))


def test_own_validation_split_is_taken(own_folder: pathlib.Path) -> None:
    data = loading.load(segmentation("digits_on_photographs"), own_folder)
    assert data.train.inputs.shape == (2594, 32, 32, 3)
    assert data.validation.targets.shape == (200, 32, 32)


def test_both_loads_are_equal(known_folder: pathlib.Path) -> None:
    first, second = (
        loading.load(segmentation("oxford_iiit_pet", image_size=9), known_folder) for _ in range(2)
    )
    np.testing.assert_array_equal(first.train.inputs, second.train.inputs)
    np.testing.assert_array_equal(first.train.targets, second.train.targets)


def test_tfrecord_files_need_no_tensorflow(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    """The format that TFDS writes by default: length, checksum, record, checksum."""
    folder = prepare_set(
        tmp_path, "squares", "1.0.0", SQUARES, {"train": [square(n) for n in range(20)]}
    )
    spec = segmentation("squares")
    expected = loading.load(spec, tmp_path)
    (stored,) = folder.glob("*.array_record-*")
    records = array_record_module.ArrayRecordReader(str(stored)).read_all()
    framed = (struct.pack("<QI", len(record), 0) + record + bytes(4) for record in records)
    tfrecord = folder / stored.name.replace("array_record", "tfrecord")
    tfrecord.write_bytes(b"".join(framed))
    stored.unlink()
    info = folder / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": "tfrecord"}))
    read = loading.load(spec, tmp_path)
    np.testing.assert_array_equal(read.train.inputs, expected.train.inputs)
    np.testing.assert_array_equal(read.validation.inputs, expected.validation.inputs)
    tfrecord.write_bytes(tfrecord.read_bytes()[:-40])
    assert "delete that folder and prepare the set again" in refusal(spec, tmp_path)


def test_size_none_keeps_the_pixels(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    prepare_set(tmp_path, "squares", "1.0.0", SQUARES, {"train": [square(n) for n in range(20)]})
    data = loading.load(segmentation("squares"), tmp_path)
    assert set(data.train.inputs[:, 0, 0, 0]) | set(data.validation.inputs[:, 0, 0, 0]) == set(
        range(20)
    )
    np.testing.assert_array_equal(data.train.targets[0], square(0)["segmentation_mask"][..., 0])


def test_resizing_squashes_and_keeps_masks_binary() -> None:
    wide = np.zeros((10, 40, 1), np.uint8)
    wide[:, 20:] = 200
    small = pictures.resize(wide, 10, Image.Resampling.NEAREST)[..., 0]
    np.testing.assert_array_equal(small, np.repeat([[0] * 5 + [200] * 5], 10, axis=0))
    assert pictures.resize(wide, 10, Image.Resampling.BILINEAR).shape == (10, 10, 1)


def test_png_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pictures.decode_image(pictures.to_png(pixels), 3), pixels)
    np.testing.assert_array_equal(
        pictures.decode_mask(pictures.to_png(pixels[..., :1])), pixels[..., 0]
    )


def test_mask_in_palette_mode_is_read_as_indices() -> None:
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    assert pictures.decode_mask(buffer.getvalue()).tolist() == [[0, 1], [2, 1]]


def test_missing_feature_names_those_found(known_folder: pathlib.Path) -> None:
    message = refusal(segmentation("mnist"), known_folder)
    assert "needs the features image and segmentation_mask" in message
    assert "image, label" in message


def test_native_sizes_that_differ(known_folder: pathlib.Path) -> None:
    message = refusal(segmentation("oxford_iiit_pet"), known_folder)
    assert "differ in size" in message
    assert "--image_size" in message


@pytest.mark.parametrize(
    ("train", "validation", "expected"),
    [
        ("train[:60%]", "train[50%:]", r"share 4 examples"),
        (None, "train[:10]", r"share 10 examples"),
        ("train", None, r"share 6 examples"),
        ("train[:0]", None, r"'train\[:0\]' of mnist/3.0.1 is empty; it has train \(40\)"),
        ("trian", None, r"Unknown split 'trian'.*train \(40\), test \(20\)"),
        ("train[", None, r"split 'train\[' of mnist/3.0.1"),
        (None, "train[90%", r"split 'train\[90%' of mnist/3.0.1"),
    ],
)
def test_unusable_splits(
    known_folder: pathlib.Path, train: str | None, validation: str | None, expected: str
) -> None:
    spec = DataSpec("mnist", Task.CLASSIFICATION, train_split=train, validation_split=validation)
    assert re.search(expected, refusal(spec, known_folder))


def test_set_without_train(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    prepare_set(tmp_path, "squares", "1.0.0", SQUARES, {"test": [square(n) for n in range(4)]})
    assert "it has test (4)" in refusal(segmentation("squares"), tmp_path)


def test_too_much_memory_is_said_before_it_is_taken(
    known_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 40 * 28 * 28)
    message = refusal(DataSpec("mnist", Task.CLASSIFICATION), known_folder)
    assert "--image_size" in message
    assert "--train_split" in message
    spec = DataSpec("mnist", Task.CLASSIFICATION, image_size=27)
    assert len(loading.load(spec, known_folder).train.inputs) == 34


def test_no_foreground_at_all(known_folder: pathlib.Path) -> None:
    spec = segmentation("oxford_iiit_pet", image_size=16, foreground=(7,))
    assert "no pixel of a split" in refusal(spec, known_folder)


def test_everything_foreground(known_folder: pathlib.Path) -> None:
    spec = segmentation("oxford_iiit_pet", image_size=16, foreground=(1, 2, 3))
    assert "every pixel of a split" in refusal(spec, known_folder)


def test_image_that_is_no_uint8(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    features = {"image": tfds.features.Tensor(shape=(2, 2, 1), dtype=np.float32), "label": LABEL}
    examples = [{"image": np.zeros((2, 2, 1), np.float32), "label": 0}]
    prepare_set(tmp_path, "floats", "1.0.0", features, {"train": examples})
    assert "float32" in refusal(DataSpec("floats", Task.CLASSIFICATION), tmp_path)


def test_label_without_classes(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    features = {"image": SQUARES["image"], "label": np.int64}
    examples = [{"image": square(0)["image"], "label": 0}]
    prepare_set(tmp_path, "numbers", "1.0.0", features, {"train": examples})
    assert "not a ClassLabel" in refusal(DataSpec("numbers", Task.CLASSIFICATION), tmp_path)


def test_unlabelled_split(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    splits = {
        "train": [square(n) for n in range(4)],
        "validation": [square(n, label=-1) for n in range(4)],
    }
    prepare_set(tmp_path, "squares", "1.0.0", SQUARES, splits)
    assert "run from -1 to -1" in refusal(DataSpec("squares", Task.CLASSIFICATION), tmp_path)


def test_mask_unlike_its_image(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    features = SQUARES | {
        "segmentation_mask": tfds.features.Tensor(shape=(3, 4, 1), dtype=np.uint8)
    }
    examples = [square(0, segmentation_mask=np.ones((3, 4, 1), np.uint8))] * 8
    prepare_set(tmp_path, "askew", "1.0.0", features, {"train": examples})
    assert "they must be alike" in refusal(segmentation("askew"), tmp_path)


def test_mask_in_colours(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    features = SQUARES | {"segmentation_mask": tfds.features.Image(shape=(4, 4, 3))}
    coloured = pictures.to_png(np.zeros((4, 4, 3), np.uint8))
    examples = [square(0, segmentation_mask=coloured)] * 8
    prepare_set(tmp_path, "coloured", "1.0.0", features, {"train": examples})
    assert "one number per pixel" in refusal(segmentation("coloured"), tmp_path)


def test_picture_that_is_none(tmp_path: pathlib.Path, prepare_set: Prepare) -> None:
    features = {"image": tfds.features.Image(shape=(4, 4, 3)), "label": LABEL}
    examples = [{"image": b"not a picture", "label": 0}] * 8
    prepare_set(tmp_path, "garbage", "1.0.0", features, {"train": examples})
    assert "cannot be decoded" in refusal(DataSpec("garbage", Task.CLASSIFICATION), tmp_path)
