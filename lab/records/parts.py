"""Part files: append-only facts, a numbered Parquet file for each dispatch."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import UsageError
from lab.records.files import write_whole
from lab.records.schema import RECORDS_SCHEMA, VERSION_KEY


class RecordConflict(RuntimeError):
    """The same fact was recorded twice with different values: no mistake of the user's."""


def part_path(folder: Path, kind: str, dispatch: int) -> Path:
    """Where dispatch `dispatch` keeps its rows of `kind` ("members" or "curves")."""
    return folder / f"{kind}-{dispatch:06d}.parquet"


def write_part(path: Path, table: pa.Table) -> None:
    """Writes the part whole; a part already there (a replay) must hold the same rows exactly.

    An empty table writes nothing. RecordConflict when the part there differs.
    """
    if path.exists():
        if not same_rows(read_part(path, table.schema), table):
            raise RecordConflict(
                f"{path} was recorded before with other rows: a replay of the same dispatch must "
                "give the same records"
            )
    elif table.num_rows:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
        write_whole(path, buffer.getvalue())


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    """One part's rows; its schema's metadata are those of the file.

    UsageError, naming the file, where it is damaged or of another schema. Pages are compared with
    the checksums that they were written with; files of before there were any have none.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            # The footer, which no checksum covers, says twice how many rows there are.
            counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            _require_readable(sum(counts) == file.metadata.num_rows, path, "two numbers of rows")
            table = file.read()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        if isinstance(error, UsageError):
            raise
        _require_readable(False, path, " ".join(str(error).split()) or type(error).__name__)
    version = (table.schema.metadata or {}).get(VERSION_KEY, b"none").decode(errors="replace")
    if version != str(RECORDS_SCHEMA):
        raise UsageError(
            f"{path} has schema {version}; this lab reads {RECORDS_SCHEMA}: read it with the "
            "version of the lab that wrote it"
        )
    if not table.schema.equals(schema):
        raise UsageError(
            f"{path} has columns {table.schema.names}, not the {schema.names} of its study: "
            "it was written by something else; restore it from a copy"
        )
    return table


def _require_readable(readable: bool, path: Path, reason: str) -> None:
    if not readable:
        raise UsageError(
            f"{path} is damaged, or no Parquet file ({reason}): restore it from a copy, or run the "
            "study again with another --out"
        )


def part_paths(folder: Path, kind: str) -> list[Path]:
    """Every part of that kind, in the order of the dispatches; none is no error."""
    return sorted(folder.glob(f"{kind}-*.parquet"))


def read_parts(folder: Path, kind: str, schema: pa.Schema) -> pa.Table:
    """The rows of every part of that kind, in the order of the dispatches; none is no error."""
    return joined((read_part(path, schema) for path in part_paths(folder, kind)), schema)


def joined(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """The rows of all of them, without the metadata of their files."""
    return pa.concat_tables(
        [schema.empty_table(), *(one.replace_schema_metadata(schema.metadata) for one in tables)]
    ).combine_chunks()


def same_rows(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables hold the same rows in the same order; two NaNs are the same."""
    if one.num_rows != other.num_rows or not one.schema.equals(other.schema):
        return False
    return all(
        _same_column(mine, theirs) for mine, theirs in zip(one.columns, other.columns, strict=True)
    )


def _same_column(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(one.type):  # Arrow holds that no NaN equals another.
        return np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    return bool(one.equals(other))
