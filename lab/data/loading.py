"""A data set by its TFDS name, as arrays in memory: the same path for every name."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lab.data import preparation, reading
from lab.data.arrays import DataArrays, Split
from lab.data.difficulty import made_harder
from lab.data.examples import Decoded, decode
from lab.data.features import Features, Inputs, find_features
from lab.data.own import load_own
from lab.data.tokens import tokenise
from lab.errors import UsageError
from lab.specs import AnyDataSpec, DataSpec, OwnTaskSpec, TextSpec
from lab.words import Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

MAX_BYTES = 2**31
"""The most that both splits may take together; they sit on the device for the whole run."""

BYTES_A_CHARACTER = 4
"""A token of two bytes, as input and as target."""

_HELD_OUT = ("train[:85%]", "train[85%:]")


def name_splits(spec: DataSpec, data_dir: pathlib.Path | None = None) -> DataSpec:
    """The spec with both splits named, also where it left them open; arguments as `load`'s.

    And with the set's config, so that a study means the same set once defaults have changed.
    """
    builder = _open(spec, data_dir)
    train, validation = _split_expressions(spec, tuple(builder.info.splits))
    config, asked = builder.info.config_name, spec.name
    name = f"{builder.info.name}/{config}" if config and ":" not in asked else asked
    return dataclasses.replace(spec, name=name, train_split=train, validation_split=validation)


def load(spec: AnyDataSpec, data_dir: pathlib.Path | None = None) -> DataArrays:
    """Reads both splits of a set, preparing or downloading it first where it is missing.

    With `image_size`, images are squashed to a square (bilinear), and masks with them (nearest).
    Texts are cut into windows of tokens. All is then made as hard as the spec says.

    Args:
        spec: which set, and what of it.
        data_dir: the TFDS data folder; None means $TFDS_DATA_DIR or ~/tensorflow_datasets.

    Raises:
        UsageError: the set is not to be had, or does not hold what the spec asks for.
    """
    if isinstance(spec, OwnTaskSpec):
        return load_own(spec)
    builder = _open(spec, data_dir)
    features = find_features(builder, spec)
    expressions = _split_expressions(spec, tuple(builder.info.splits))
    extents = [reading.split_extents(builder, expression) for expression in expressions]
    if shared := reading.overlap(*extents):
        raise UsageError(
            f"splits {expressions[0]!r} and {expressions[1]!r} of {spec.name} share {shared} "
            "examples; pass a --train_split and a --validation_split that share none"
        )
    if features.inputs is Inputs.TEXT:
        return made_harder(_read_text(builder, spec, features, expressions), spec)
    counts = [sum(end - start for _, start, end in parts) for parts in extents]
    train, validation = (
        _read_split(builder, spec, features, expression, count, sum(counts))
        for expression, count in zip(expressions, counts, strict=True)
    )
    _require_alike(train, validation, spec)
    for split in (train, validation):
        _require_targets(split, spec, features)
    data = DataArrays(train, validation, features.classes, features.vocabulary)
    return made_harder(data, spec)


def _open(spec: DataSpec, data_dir: pathlib.Path | None) -> tfds.core.DatasetBuilder:
    folder = (data_dir or preparation.default_folder()).expanduser().absolute()
    return preparation.open_prepared(spec.name, folder)


def _split_expressions(spec: DataSpec, names: tuple[str, ...]) -> tuple[str, str]:
    """What to train on and what to validate on, where the spec leaves it open."""
    held_out = "validation" not in names
    validation = spec.validation_split or (_HELD_OUT[1] if held_out else "validation")
    train = spec.train_split or (_HELD_OUT[0] if validation == _HELD_OUT[1] else "train")
    return train, validation


def _read_text(
    builder: tfds.core.DatasetBuilder,
    spec: DataSpec,
    features: Features,
    expressions: tuple[str, str],
) -> DataArrays:
    """Both splits as windows of tokens; the training split alone says what a token is."""
    train, validation = (
        list(_documents(builder, spec, features.inputs_name, expression))
        for expression in expressions
    )
    text = tokenise(spec.text or TextSpec(), train, validation)
    return DataArrays(
        Split(text.train.inputs, text.train.targets),
        Split(text.validation.inputs, text.validation.targets),
        classes=text.vocabulary,
        vocabulary=text.vocabulary,
        characters_per_token=text.characters_per_token,
    )


def _documents(
    builder: tfds.core.DatasetBuilder, spec: DataSpec, name: str, expression: str
) -> Iterator[str]:
    read = 0
    for number, example in enumerate(reading.read_examples(builder, expression, (name,))):
        stored = example[name]
        read += BYTES_A_CHARACTER * len(stored)
        _require_memory(spec, 1, read)
        try:
            yield stored.decode() if isinstance(stored, bytes) else str(stored)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"example {number} of {expression} of {spec.name} is no UTF-8 text ({error}); "
                "choose another data set"
            ) from error


def _read_split(
    builder: tfds.core.DatasetBuilder,
    spec: DataSpec,
    features: Features,
    expression: str,
    count: int,
    total: int,
) -> Split:
    """Decodes a split of `count` examples; `total` is that of both splits, for the memory limit."""
    if spec.image_size is not None:
        _require_memory(spec, total, spec.image_size**2)
    examples = _decoded(builder, spec, features, expression)
    first, target = next(examples)
    _require_memory(spec, total, first.nbytes + target.nbytes)
    inputs = np.empty((count, *first.shape), first.dtype)
    targets = np.empty((count, *target.shape), target.dtype)
    inputs[0], targets[0] = first, target
    for number, (one, target) in enumerate(examples, start=1):
        if one.shape != inputs.shape[1:]:
            raise UsageError(
                f"the images of {spec.name} differ in size ({inputs.shape[1]}x{inputs.shape[2]}, "
                f"{one.shape[0]}x{one.shape[1]}...); pass --image_size"
            )
        inputs[number], targets[number] = one, target
    return Split(inputs, targets)


def _decoded(
    builder: tfds.core.DatasetBuilder, spec: DataSpec, features: Features, expression: str
) -> Iterator[Decoded]:
    """Each example of a split, as `lab.data.examples.decode` has it."""
    channels = None
    if features.inputs is Inputs.IMAGE:
        channels = builder.info.features[features.inputs_name].shape[-1]
    examples = reading.read_examples(builder, expression, features.names)
    for number, example in enumerate(examples):
        try:
            yield decode(example, spec, features, channels)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"example {number} of {expression} of {spec.name} cannot be decoded ({error}); "
                "choose another data set or leave that example out of the split"
            ) from error


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


def _require_targets(split: Split, spec: DataSpec, features: Features) -> None:
    """Labels and tokens are within range, numbers finite; a mask is not the same everywhere."""
    if features.inputs is Inputs.TOKENS:
        _require_range(split.inputs, features.vocabulary, "tokens", spec)
    if features.inputs is Inputs.VECTOR:
        _require_finite(split.inputs, "inputs", spec)
    match spec.task:
        case Task.CLASSIFICATION:
            _require_range(split.targets, features.classes, "labels", spec)
        case Task.REGRESSION:
            _require_finite(split.targets, "targets", spec)
        case Task.SEGMENTATION if split.targets.min() == split.targets.max():
            raise UsageError(
                f"{'every' if split.targets.max() else 'no'} pixel of a split of {spec.name} is "
                f"foreground, counting the mask values {spec.foreground}; name others with "
                "--foreground"
            )


def _require_range(values: np.ndarray, count: int, what: str, spec: DataSpec) -> None:
    low, high = int(values.min()), int(values.max())
    if not 0 <= low <= high < count:
        remedy = "choose splits that are labelled" if what == "labels" else "choose another set"
        raise UsageError(
            f"the {what} of {spec.name} run from {low} to {high}, but it has {count} "
            f"{'classes' if what == 'labels' else what}; {remedy}"
        )


def _require_finite(values: np.ndarray, what: str, spec: DataSpec) -> None:
    if not np.isfinite(values).all():
        raise UsageError(
            f"some {what} of {spec.name} are no finite numbers; choose another data set, or splits "
            "without them"
        )
