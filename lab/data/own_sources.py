"""Where a user's arrays come from: a TFDS builder, or a folder."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lab.data import pictures, preparation, reading
from lab.data.own_arrays import Pair
from lab.errors import UsageError
from lab.words import Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

PICTURES = (".png", ".jpg", ".jpeg")

Example = tuple[np.ndarray, np.ndarray]
Foreground = tuple[int, ...] | None


@dataclasses.dataclass(frozen=True)
class Found:
    """What was read, the loss that its kind suggests, and what else is known of it."""

    train: Pair
    validation: Pair
    loss: Task | None
    source: str
    options: dict[str, Any]

    def loss_or(self, given: Any) -> Any:
        """The loss that was given, else the one suggested; UsageError where there is neither."""
        if given is None and self.loss is None:
            raise UsageError(
                f"{self.source} does not say what is to be learned from it: pass loss=, a Task, as "
                "Task.CLASSIFICATION, or a function"
            )
        return self.loss if given is None else given


def read_builder(
    builder: tfds.core.DatasetBuilder,
    inputs: str,
    targets: str,
    splits: tuple[str, str],
    side: int | None,
    foreground: Foreground,
) -> Found:
    """Both splits of a prepared set, whole in memory."""
    import tensorflow_datasets as tfds

    name, features = builder.info.full_name, builder.info.features
    if not builder.info.splits:
        raise UsageError(
            f"{name} is not prepared in {builder.data_dir}; a task reads what is there: construct "
            f"its builder with file_format={preparation.FILE_FORMAT!r} and call its "
            "download_and_prepare() first"
        )
    there = tuple(features) if hasattr(features, "keys") else ()
    for key in (inputs, targets):
        if key not in there:
            raise UsageError(
                f"{name} has no feature {key!r}; it has {', '.join(sorted(there)) or 'none'}: pass "
                "inputs= and targets= of these"
            )
    extents = [reading.split_extents(builder, split) for split in splits]
    if shared := reading.overlap(*extents):
        raise UsageError(
            f"splits {splits[0]!r} and {splits[1]!r} of {name} share {shared} examples: pass "
            "splits= that share none"
        )

    label, mask = (
        isinstance(features[targets], kind)
        for kind in (tfds.features.ClassLabel, tfds.features.Image)
    )

    def examples(split: str) -> Iterator[Example]:
        for example in reading.read_examples(builder, split, (inputs, targets)):
            yield (
                _value(example[inputs], features[inputs], side),
                _value(example[targets], features[targets], side, mask, foreground),
            )

    train, validation = (_stacked(f"{split} of {name}", examples(split)) for split in splits)
    options = {"classes": features[targets].num_classes} if label else {}
    loss = Task.CLASSIFICATION if label else Task.SEGMENTATION if mask else None
    return Found(train, validation, loss, name, options)


def read_folder(
    folder: Path, splits: tuple[str, str], side: int | None, foreground: Foreground
) -> Found:
    """Both splits of a folder, whole in memory; see `OwnTask.from_folder`."""
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: pass the one that holds {splits[0]}")
    if all((folder / f"{split}.npz").is_file() for split in splits):
        train, validation = (_npz(folder / f"{split}.npz") for split in splits)
        return Found(train, validation, None, str(folder), {})
    for split in splits:
        if not (folder / split).is_dir():
            raise UsageError(
                f"{folder} has neither {split}.npz nor a folder {split}; it must have both splits "
                "in one form: see OwnTask.from_folder"
            )
    if (folder / splits[0] / "masks").is_dir():
        train, validation = (
            _stacked(*_masked(folder / split, side, foreground)) for split in splits
        )
        return Found(train, validation, Task.SEGMENTATION, str(folder), {})
    classes = _classes(folder / splits[0])
    if unknown := set(_classes(folder / splits[1])) - set(classes):
        raise UsageError(
            f"{folder / splits[1]} has classes that {splits[0]} has not, {', '.join(unknown)}: "
            "give both the same folders"
        )
    train, validation = (_stacked(*_labelled(folder / split, classes, side)) for split in splits)
    options = {"classes": len(classes)}
    return Found(train, validation, Task.CLASSIFICATION, str(folder), options)


def _npz(file: Path) -> Pair:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return arrays["inputs"], arrays["targets"]
    except KeyError as error:
        raise UsageError(
            f"{file} lacks an array; it must hold inputs and targets: "
            "np.savez(file, inputs=..., targets=...)"
        ) from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{file} cannot be read ({preparation.first_line(error)}); it must be a file of "
            "np.savez with plain numbers: write it again"
        ) from error


def _classes(folder: Path) -> list[str]:
    found = sorted(one.name for one in folder.iterdir() if one.is_dir() and _pictures(one))
    if not found:
        raise UsageError(
            f"{folder} holds no folder with pictures ({', '.join(PICTURES)}); it must have one for "
            "each class, or images and masks: see OwnTask.from_folder"
        )
    return found


def _pictures(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix.lower() in PICTURES)


def _labelled(folder: Path, classes: list[str], side: int | None) -> tuple[str, Iterator[Example]]:
    def examples() -> Iterator[Example]:
        for number, name in enumerate(classes):
            if (folder / name).is_dir():
                for file in _pictures(folder / name):
                    yield _picture(file, side), np.asarray(number, np.int32)

    return str(folder), examples()


def _masked(
    folder: Path, side: int | None, foreground: Foreground
) -> tuple[str, Iterator[Example]]:
    if not (folder / "images").is_dir() or not (folder / "masks").is_dir():
        raise UsageError(f"{folder} lacks images or masks; it must have both: add the folder")
    masks = {one.stem: one for one in _pictures(folder / "masks")}

    def examples() -> Iterator[Example]:
        for file in _pictures(folder / "images"):
            if file.stem not in masks:
                raise UsageError(
                    f"{file} has no mask in {folder / 'masks'}; each image has one of its name: "
                    "add it, or leave the image out"
                )
            mask = _read(masks[file.stem], lambda encoded: _mask(encoded, side, foreground))
            yield _picture(file, side), mask

    return str(folder), examples()


def _picture(file: Path, side: int | None) -> np.ndarray:
    pixels = _read(file, lambda encoded: pictures.decode_image(encoded, None))
    return _resized(pixels, side, Image.Resampling.BILINEAR)


def _read(file: Path, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    try:
        return decode(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be decoded ({error}); it must be a picture: replace it or leave it out"
        ) from error


def _value(
    stored: Any, feature: Any, side: int | None, mask: bool = False, foreground: Foreground = None
) -> np.ndarray:
    """A feature's value; pictures come as encoded bytes."""
    if not isinstance(stored, bytes):
        return np.asarray(stored)
    if mask:
        return _mask(stored, side, foreground)
    pixels = pictures.decode_image(stored, feature.shape[-1])
    return _resized(pixels, side, Image.Resampling.BILINEAR)


def _mask(encoded: bytes, side: int | None, foreground: Foreground) -> np.ndarray:
    """[H, W] uint8, 1 where foreground; None means all values but 0."""
    values = pictures.decode_mask(encoded)
    chosen = values > 0 if foreground is None else np.isin(values, foreground)
    pixels = chosen[..., None].astype(np.uint8)
    return _resized(pixels, side, Image.Resampling.NEAREST)[..., 0]


def _resized(pixels: np.ndarray, side: int | None, resampling: Image.Resampling) -> np.ndarray:
    return pixels if side is None else pictures.resize(pixels, side, resampling)


def _stacked(what: str, examples: Iterator[Example]) -> Pair:
    columns: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for example in examples:
        for column, value in zip(columns, example, strict=True):
            if column and value.shape != column[0].shape:
                raise UsageError(
                    f"examples of {what} differ in shape, {list(column[0].shape)} and "
                    f"{list(value.shape)}; all must have one: pass image_size="
                )
            column.append(value)
    if not columns[0]:
        raise UsageError(f"{what} holds no example: pass one that does")
    return np.stack(columns[0]), np.stack(columns[1])
