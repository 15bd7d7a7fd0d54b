"""Reads the examples of a prepared split: which records they are, and what is in them.

TensorFlow is needed for none of it, not even for the tfrecord files that TFDS writes by default.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lab.data import preparation
from lab.errors import UsageError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_CHUNK = 256
_TFRECORD_HEADER = struct.Struct("<QI")
_TFRECORD_FOOTER_BYTES = 4

Extent = tuple[str, int, int]
"""A file, the first record in it that a split takes, and the one after the last."""

ByIndex = Callable[[Sequence[int]], list[dict[str, Any]]]


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

    features, decoders = builder.info.features, _no_pictures(builder)
    extents = split_extents(builder, split)
    with _explained(builder):
        if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            for record in _tfrecords(extents):
                example = features.deserialize_example_np(record, decoders=decoders)
                yield _picked(example, keys)
            return
        source = builder.as_data_source(split=split, decoders=decoders)
        for start in range(0, len(source), _CHUNK):
            for example in source.__getitems__(range(start, min(start + _CHUNK, len(source)))):
                yield _picked(example, keys)


def by_index(builder: tfds.core.DatasetBuilder, split: str, keys: tuple[str, ...]) -> ByIndex:
    """Reads examples of a split by their indices in stored order; else as `read_examples`.

    An array_record file knows where its records are; tfrecord files are gone through first, from
    record to record.
    """
    import tensorflow_datasets as tfds

    features, decoders = builder.info.features, _no_pictures(builder)
    with _explained(builder):
        if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            record_at = _tfrecords_by_index(split_extents(builder, split))

            def examples(indices: Sequence[int]) -> list[dict[str, Any]]:
                records = map(record_at, indices)
                return [features.deserialize_example_np(one, decoders=decoders) for one in records]

        else:
            examples = builder.as_data_source(split=split, decoders=decoders).__getitems__

    def read(indices: Sequence[int]) -> list[dict[str, Any]]:
        with _explained(builder):
            return [_picked(one, keys) for one in examples(indices)]

    return read


def split_digest(builder: tfds.core.DatasetBuilder, split: str) -> str:
    """What tells a split from others without reading it: its files' names and sizes, its extent."""
    digest = hashlib.sha256(builder.info.full_name.encode())
    with _explained(builder):
        for path, start, end in split_extents(builder, split):
            file = pathlib.Path(path)
            digest.update(f"{file.name} {file.stat().st_size} {start} {end}\n".encode())
    return digest.hexdigest()


def _no_pictures(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """Pictures are decoded by lab.data.pictures, and those that nobody asked for not at all."""
    import tensorflow_datasets as tfds

    return {
        key: tfds.decode.SkipDecoding()
        for key, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Image)
    }


def _picked(example: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """What was asked for; a file cut short gives empty records, whose features are all None."""
    if any(example[key] is None for key in keys):
        raise EOFError("a record is empty")
    return {key: example[key] for key in keys}


@contextlib.contextmanager
def _explained(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
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
    """The raw records."""
    for path, start, end in extents:
        with pathlib.Path(path).open("rb") as file:
            for number in range(end):
                record = _record(file, path, number)
                if number >= start:
                    yield record


def _tfrecords_by_index(extents: list[Extent]) -> Callable[[int], bytes]:
    """Any raw record, by a table of 8 bytes for each."""
    offsets = [_offsets(*extent) for extent in extents]
    ends = np.cumsum([len(one) for one in offsets])

    def record_at(index: int) -> bytes:
        part = int(np.searchsorted(ends, index, side="right"))
        path, start, _ = extents[part]
        number = index - int(ends[part - 1] if part else 0)
        with pathlib.Path(path).open("rb") as file:
            file.seek(int(offsets[part][number]))
            return _record(file, path, start + number)

    return record_at


def _offsets(path: str, start: int, end: int) -> np.ndarray:
    """Where the records from `start` to before `end` begin in a file, in bytes: int64."""
    found = np.empty(end, np.int64)
    with pathlib.Path(path).open("rb") as file:
        for number in range(end):
            found[number] = file.tell()
            file.seek(_length(file, path, number) + _TFRECORD_FOOTER_BYTES, os.SEEK_CUR)
    return found[start:]


def _record(file: BinaryIO, path: str, number: int) -> bytes:
    """The next one: its length, a checksum, the bytes, a checksum (not verified)."""
    length = _length(file, path, number)
    record = file.read(length)
    if len(record) < length or len(file.read(_TFRECORD_FOOTER_BYTES)) < _TFRECORD_FOOTER_BYTES:
        raise EOFError(f"{path} ends within record {number}")
    return record


def _length(file: BinaryIO, path: str, number: int) -> int:
    header = file.read(_TFRECORD_HEADER.size)
    if len(header) < _TFRECORD_HEADER.size:
        raise EOFError(f"{path} ends after {number} records")
    return _TFRECORD_HEADER.unpack(header)[0]
