"""Reads the examples of a prepared split: which records they are, and what is in them.

TensorFlow is needed for none of it, not even for the tfrecord files that TFDS writes by default.
"""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lab.data import preparation
from lab.errors import UsageError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_CHUNK = 256
_TFRECORD_HEADER = struct.Struct("<QI")
_TFRECORD_FOOTER_BYTES = 4

Extent = tuple[str, int, int]
"""A file, the first record in it that a split takes, and the one after the last."""


def split_extents(builder: tfds.core.DatasetBuilder, split: str) -> list[Extent]:
    """The records that a split expression names.

    Raises:
        UsageError: TFDS cannot parse it, the set has no such split, or it is empty.
    """
    name, splits = builder.info.full_name, builder.info.splits
    sizes = ", ".join(f"{key} ({info.num_examples})" for key, info in splits.items())
    try:
        instructions = splits[split].file_instructions
    # TFDS leaves it to chance which of these a bad expression raises.
    except (ValueError, KeyError, AssertionError, TypeError) as error:
        raise UsageError(
            f"split {split!r} of {name}: {preparation.first_line(error)}; it has {sizes}"
        ) from error
    extents = [(part.filename, part.skip, part.skip + part.take) for part in instructions]
    if not extents:
        raise UsageError(f"split {split!r} of {name} is empty; it has {sizes}")
    return extents


def overlap(first: list[Extent], second: list[Extent]) -> int:
    """How many records the two have in common."""
    return sum(
        max(0, min(end, other_end) - max(start, other_start))
        for path, start, end in first
        for other, other_start, other_end in second
        if path == other
    )


def read_examples(
    builder: tfds.core.DatasetBuilder, split: str, keys: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """The examples of a split in stored order, with these features; pictures stay encoded bytes.

    Raises:
        UsageError: a file is missing, damaged, or of a format that needs TensorFlow.
    """
    import tensorflow_datasets as tfds

    features = builder.info.features
    # Pictures are decoded by lab.data.pictures, and those that nobody asked for not at all.
    decoders = {
        key: tfds.decode.SkipDecoding()
        for key, feature in features.items()
        if isinstance(feature, tfds.features.Image)
    }
    extents = split_extents(builder, split)
    try:
        if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            for record in _tfrecords(extents):
                example = features.deserialize_example_np(record, decoders=decoders)
                yield {key: example[key] for key in keys}
            return
        source = builder.as_data_source(split=split, decoders=decoders)
        for start in range(0, len(source), _CHUNK):
            for example in source.__getitems__(range(start, min(start + _CHUNK, len(source)))):
                yield {key: example[key] for key in keys}
    except NotImplementedError as error:
        raise UsageError(
            f"{builder.data_dir} is stored as {builder.info.file_format.value}, which cannot be "
            "read here; prepare it as array_record (tfds build --file_format=array_record)"
        ) from error
    # Each reader has its own exception for a damaged file; the remedy is one.
    except (OSError, ValueError, IndexError, RuntimeError, EOFError) as error:
        raise UsageError(
            f"{builder.data_dir} cannot be read ({preparation.first_line(error)}); "
            "it is incomplete or damaged: delete that folder and prepare the set again"
        ) from error


def _tfrecords(extents: list[Extent]) -> Iterator[bytes]:
    """The raw records: each is its length, a checksum, the bytes, a checksum (not verified)."""
    for path, start, end in extents:
        with pathlib.Path(path).open("rb") as file:
            for number in range(end):
                header = file.read(_TFRECORD_HEADER.size)
                if len(header) < _TFRECORD_HEADER.size:
                    raise EOFError(f"{path} ends after {number} records")
                length, _ = _TFRECORD_HEADER.unpack(header)
                record = file.read(length)
                if (
                    len(record) < length
                    or len(file.read(_TFRECORD_FOOTER_BYTES)) < _TFRECORD_FOOTER_BYTES
                ):
                    raise EOFError(f"{path} ends within record {number}")
                if number >= start:
                    yield record
