"""A data set by its TFDS name, as arrays in memory: the same path for every name."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.data import checks, preparation, reading
from lab.data.arrays import DataArrays, Source, Split
from lab.data.difficulty import made_harder
from lab.data.examples import Decoded, decode
from lab.data.features import Features, Inputs, find_features
from lab.data.own import load_own
from lab.data.streaming import Decode, Streamed
from lab.data.tokens import tokenise
from lab.errors import UsageError
from lab.specs import AnyDataSpec, DataSpec, OwnTaskSpec, TextSpec
from lab.words import Residence

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

MAX_BYTES = 2**31
"""The most that may sit on the device for the whole run: both splits, or the validation split
where training examples are streamed."""

SAMPLE = 64
"""How many training examples of a streamed set are read beforehand, to know what they are."""

BYTES_A_CHARACTER = 4
"""A token of two bytes, as input and as target."""

_HELD_OUT = ("train[:85%]", "train[85%:]")


def name_splits(spec: DataSpec, data_dir: pathlib.Path | None = None) -> DataSpec:
    """The spec with both splits named, also where it left them open; arguments as `load`'s.

    And with the set's config, so that a study means the same set once defaults have changed. Where
    the spec leaves the residence open too, a set that is too large for the device is streamed.
    """
    builder = _open(spec, data_dir)
    train, validation = _split_expressions(spec, tuple(builder.info.splits))
    config, asked = builder.info.config_name, spec.name
    name = f"{builder.info.name}/{config}" if config and ":" not in asked else asked
    named = dataclasses.replace(spec, name=name, train_split=train, validation_split=validation)
    if spec.residence is Residence.AUTO and _bytes_needed(builder, named) > MAX_BYTES:
        return dataclasses.replace(named, residence=Residence.STREAM)
    return named


def _bytes_needed(builder: tfds.core.DatasetBuilder, spec: DataSpec) -> int:
    """Of both named splits in memory, by the first example; 0 where `load` says more of it."""
    if not spec.can_be_streamed:
        return 0
    splits = (str(spec.train_split), str(spec.validation_split))
    try:
        extents = [part for one in splits for part in reading.split_extents(builder, one)]
        first, target = next(_decoded(builder, spec, find_features(builder, spec), splits[0]))
    except UsageError:
        return 0
    return sum(end - start for _, start, end in extents) * (first.nbytes + target.nbytes)


def load(spec: AnyDataSpec, data_dir: pathlib.Path | None = None) -> DataArrays:
    """Reads both splits of a set, preparing or downloading it first where it is missing.

    With `image_size`, images are squashed to a square (bilinear), and masks with them (nearest).
    Texts are cut into windows of tokens. All is then made as hard as the spec says. A training
    split is read now, unless the spec says that it is streamed.

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
    total = counts[1] if spec.streamed else sum(counts)
    read = [min(counts[0], SAMPLE), counts[1]] if spec.streamed else counts
    train, validation = (
        _read_split(builder, spec, features, expression, count, total)
        for expression, count in zip(expressions, read, strict=True)
    )
    checks.require_alike(train, validation, spec)
    for split in (train, validation):
        checks.require_values(split, spec, features)
    for split in (validation,) if spec.streamed else (train, validation):
        checks.require_foreground(split, spec)
    data = DataArrays(train, validation, features.classes, features.vocabulary)
    if spec.streamed:
        source = _source(builder, spec, features, expressions[0], counts[0], train)
        return dataclasses.replace(data, source=source)
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
    """Decodes a split's first `count` examples; so many in `total` will lie in memory."""
    if spec.image_size is not None:
        _require_memory(spec, total, spec.image_size**2)
    examples = itertools.islice(_decoded(builder, spec, features, expression), count)
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
    examples = reading.read_examples(builder, expression, features.names)
    return itertools.starmap(_decoder(builder, spec, features, expression), enumerate(examples))


def _source(
    builder: tfds.core.DatasetBuilder,
    spec: DataSpec,
    features: Features,
    expression: str,
    count: int,
    like: Split,
) -> Source:
    """The training split on disk, whose every example is looked at as those read at once are."""
    decoder = _decoder(builder, spec, features, expression)

    def decode_sound(number: int, example: Mapping[str, Any]) -> Decoded:
        one, target = decoder(number, example)
        checks.require_values(Split(one, target), spec, features)
        return one, target

    return Streamed(
        reading.by_index(builder, expression, features.names),
        decode_sound,
        count,
        like,
        reading.split_digest(builder, expression),
    )


def _decoder(
    builder: tfds.core.DatasetBuilder, spec: DataSpec, features: Features, expression: str
) -> Decode:
    """Of the example at a place in the split."""
    channels = None
    if features.inputs is Inputs.IMAGE:
        channels = builder.info.features[features.inputs_name].shape[-1]

    def decode_one(number: int, example: Mapping[str, Any]) -> Decoded:
        try:
            return decode(example, spec, features, channels)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"example {number} of {expression} of {spec.name} cannot be decoded ({error}); "
                "choose another data set or leave that example out of the split"
            ) from error

    return decode_one


def _require_memory(spec: DataSpec, total: int, example_bytes: int) -> None:
    needed = total * example_bytes
    if needed > MAX_BYTES:
        what, part = "", "--train_split=train[:20%]"
        if spec.streamed:
            what, part = "the validation split of ", "--validation_split=validation[:10%]"
        elif spec.can_be_streamed:
            part += ", or --residence=stream"
        raise UsageError(
            f"{what}{spec.name} takes {needed / 2**30:.1f} GiB in memory, more than "
            f"{MAX_BYTES / 2**30:.1f}; pass a smaller --image_size or a part of the set, "
            f"such as {part}"
        )
