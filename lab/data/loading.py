"""A data set by its TFDS name, as arrays in memory: the same path for every name."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lab.data import pictures, preparation, reading
from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

MAX_BYTES = 2**31
"""The most that both splits may take together; they sit on the device for the whole run."""

TARGET_FEATURES = {Task.SEGMENTATION: "segmentation_mask", Task.CLASSIFICATION: "label"}

_HELD_OUT = ("train[:85%]", "train[85%:]")


def name_splits(spec: DataSpec, data_dir: pathlib.Path | None = None) -> DataSpec:
    """The spec with both splits named, also where it left them open; arguments as `load`'s."""
    train, validation = _split_expressions(spec, tuple(_open(spec, data_dir).info.splits))
    return dataclasses.replace(spec, train_split=train, validation_split=validation)


def load(spec: DataSpec, data_dir: pathlib.Path | None = None) -> DataArrays:
    """Reads both splits of a set, preparing or downloading it first where it is missing.

    With `image_size`, images are squashed to a square (bilinear), and masks with them (nearest).

    Args:
        spec: which set, and what of it.
        data_dir: the TFDS data folder; None means $TFDS_DATA_DIR or ~/tensorflow_datasets.

    Raises:
        UsageError: the set is not to be had, or does not hold what the spec asks for.
    """
    if spec.task not in TARGET_FEATURES:
        raise UsageError(
            f"data sets for {spec.task.value} are not read yet; choose a task of "
            f"{', '.join(task.value for task in TARGET_FEATURES)}"
        )
    builder = _open(spec, data_dir)
    classes = _require_features(builder, spec)
    expressions = _split_expressions(spec, tuple(builder.info.splits))
    extents = [reading.split_extents(builder, expression) for expression in expressions]
    if shared := reading.overlap(*extents):
        raise UsageError(
            f"splits {expressions[0]!r} and {expressions[1]!r} of {spec.name} share {shared} "
            "examples; pass a --train_split and a --validation_split that share none"
        )
    counts = [sum(end - start for _, start, end in parts) for parts in extents]
    train, validation = (
        _read_split(builder, spec, expression, count, sum(counts))
        for expression, count in zip(expressions, counts, strict=True)
    )
    _require_alike(train, validation, spec)
    _require_targets(train, validation, spec, classes)
    return DataArrays(train, validation, classes)


def _open(spec: DataSpec, data_dir: pathlib.Path | None) -> tfds.core.DatasetBuilder:
    folder = (data_dir or preparation.default_folder()).expanduser().absolute()
    return preparation.open_prepared(spec.name, folder)


def _require_features(builder: tfds.core.DatasetBuilder, spec: DataSpec) -> int:
    """The number of classes of a set that has what the task needs."""
    features = builder.info.features
    needed = ("image", TARGET_FEATURES[spec.task])
    found = tuple(features) if hasattr(features, "keys") else ()
    if any(key not in found for key in needed):
        raise UsageError(
            f"{spec.task.value} needs the features {' and '.join(needed)}, but {spec.name} has "
            f"{', '.join(sorted(found)) or 'none with a name'}; choose another data set or task"
        )
    image = features["image"]
    if len(image.shape) != 3 or image.np_dtype != np.uint8:
        raise UsageError(
            f"the image of {spec.name} is {image.shape} {np.dtype(image.np_dtype)}; "
            "[height, width, channels] uint8 is needed: choose another data set"
        )
    if spec.task is Task.SEGMENTATION:
        return 2
    classes = getattr(features["label"], "num_classes", None)
    if not classes:
        raise UsageError(f"the label of {spec.name} is not a ClassLabel; choose another data set")
    return int(classes)


def _split_expressions(spec: DataSpec, names: tuple[str, ...]) -> tuple[str, str]:
    """What to train on and what to validate on, where the spec leaves it open."""
    held_out = "validation" not in names
    validation = spec.validation_split or (_HELD_OUT[1] if held_out else "validation")
    train = spec.train_split or (_HELD_OUT[0] if validation == _HELD_OUT[1] else "train")
    return train, validation


def _read_split(
    builder: tfds.core.DatasetBuilder, spec: DataSpec, expression: str, count: int, total: int
) -> Split:
    """Decodes a split of `count` examples; `total` is that of both splits, for the memory limit."""
    if spec.image_size is not None:
        _require_memory(spec, total, spec.image_size**2)
    examples = _decoded(builder, spec, expression)
    image, target = next(examples)
    _require_memory(spec, total, image.nbytes + target.nbytes)
    inputs = np.empty((count, *image.shape), np.uint8)
    targets = np.empty((count, *target.shape), target.dtype)
    inputs[0], targets[0] = image, target
    for number, (image, target) in enumerate(examples, start=1):
        if image.shape != inputs.shape[1:]:
            raise UsageError(
                f"the images of {spec.name} differ in size ({inputs.shape[1]}x{inputs.shape[2]}, "
                f"{image.shape[0]}x{image.shape[1]}...); pass --image_size"
            )
        inputs[number], targets[number] = image, target
    return Split(inputs, targets)


def _decoded(
    builder: tfds.core.DatasetBuilder, spec: DataSpec, expression: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each example's image [H, W, C] uint8 and its target: mask [H, W] uint8 or label int32."""
    key = TARGET_FEATURES[spec.task]
    channels = builder.info.features["image"].shape[-1]
    for number, example in enumerate(reading.read_examples(builder, expression, ("image", key))):
        try:
            image = _pixels(example["image"], channels)
            target = (
                _mask(example[key], spec.foreground)
                if spec.task is Task.SEGMENTATION
                else np.asarray(example[key], np.int32)
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"example {number} of {expression} of {spec.name} cannot be decoded ({error}); "
                "choose another data set or leave that example out of the split"
            ) from error
        if target.ndim and target.shape != image.shape[:2]:
            raise UsageError(
                f"example {number} of {expression} of {spec.name} has an image of "
                f"{image.shape[:2]} pixels and a mask of {target.shape}; they must be alike: "
                "choose another data set"
            )
        yield _resized(image, target, spec.image_size)


def _pixels(stored: Any, channels: int | None) -> np.ndarray:
    """An image [H, W, C] uint8, whether stored encoded or as numbers."""
    return (
        pictures.decode_image(stored, channels) if isinstance(stored, bytes) else np.asarray(stored)
    )


def _mask(stored: Any, foreground: tuple[int, ...]) -> np.ndarray:
    """A mask [H, W] uint8, 1 where its value counts as foreground."""
    values = pictures.decode_mask(stored) if isinstance(stored, bytes) else np.asarray(stored)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 2:
        raise ValueError(f"a mask of shape {values.shape}; it must hold one number per pixel")
    return np.isin(values, foreground).astype(np.uint8)


def _resized(
    image: np.ndarray, target: np.ndarray, side: int | None
) -> tuple[np.ndarray, np.ndarray]:
    if side is None:
        return image, target
    image = pictures.resize(image, side, Image.Resampling.BILINEAR)
    if target.ndim:
        target = pictures.resize(target[..., None], side, Image.Resampling.NEAREST)[..., 0]
    return image, target


def _require_memory(spec: DataSpec, total: int, example_bytes: int) -> None:
    needed = total * example_bytes
    if needed > MAX_BYTES:
        raise UsageError(
            f"{spec.name} takes {needed / 2**30:.1f} GiB in memory, more than "
            f"{MAX_BYTES / 2**30:.1f}; pass a smaller --image_size or a part of the set, "
            "such as --train_split=train[:20%]"
        )


def _require_alike(train: Split, validation: Split, spec: DataSpec) -> None:
    if train.inputs.shape[1:] != validation.inputs.shape[1:]:
        raise UsageError(
            f"the images of {spec.name} are {train.inputs.shape[1:3]} in one split and "
            f"{validation.inputs.shape[1:3]} in the other; pass --image_size"
        )


def _require_targets(train: Split, validation: Split, spec: DataSpec, classes: int) -> None:
    """Labels are within range; a mask says foreground somewhere, but not everywhere."""
    for split in (train, validation):
        low, high = int(split.targets.min()), int(split.targets.max())
        if spec.task is Task.CLASSIFICATION and not 0 <= low <= high < classes:
            raise UsageError(
                f"the labels of {spec.name} run from {low} to {high}, but it has {classes} "
                "classes; choose splits that are labelled"
            )
        if spec.task is Task.SEGMENTATION and low == high:
            raise UsageError(
                f"{'every' if high else 'no'} pixel of a split of {spec.name} is foreground, "
                f"counting the mask values {spec.foreground}; name others with --foreground"
            )
