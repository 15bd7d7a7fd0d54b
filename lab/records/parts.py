"""Part files: append-only facts, a numbered Parquet file for each dispatch."""

import io
from collections.abc import Iterator
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
        pq.write_table(table, buffer, compression="zstd")
        write_whole(path, buffer.getvalue())


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    """One part's rows; UsageError, naming the file, when it is corrupt or of another schema."""
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path} cannot be read as Parquet ({reason}); restore it from a copy, or run the "
            "study again with another --out"
        ) from error
    version = (table.schema.metadata or {}).get(VERSION_KEY, b"none").decode(errors="replace")
    if version != str(RECORDS_SCHEMA):
        raise UsageError(f"{path} has schema {version}; this lab reads {RECORDS_SCHEMA}")
    if not table.schema.equals(schema):
        raise UsageError(
            f"{path} has columns {table.schema.names}, not the {schema.names} of its study: "
            "it was written by something else"
        )
    return table


def each_part(folder: Path, kind: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """One part of that kind after another, in the order of the dispatches."""
    for path in sorted(folder.glob(f"{kind}-*.parquet")):
        yield read_part(path, schema)


def read_parts(folder: Path, kind: str, schema: pa.Schema) -> pa.Table:
    """The rows of every part of that kind, in the order of the dispatches; none is no error."""
    tables = list(each_part(folder, kind, schema))
    return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()


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
