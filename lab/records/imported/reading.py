"""Files to rows: CSV and Parquet, each row with the file and the line that it came from."""

import dataclasses
import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from lab.errors import UsageError
from lab.records.cohort import Precision
from lab.records.imported import exports

SYNONYMS: dict[str, tuple[str, ...]] = {
    "cohort": ("cohort", "group"),
    "run": ("run", "run_id", "run_name", "name", "Run"),
    "step": ("step", "_step", "global_step", "Step"),
}
MOST_COUNTED = 10**15
"""Parameters of a network, or examples of a batch: more than any has, and a float holds it."""
MOST_STEPS = 2**53
"""Beyond it floats no longer hold every whole number."""
_DIVERGED = ("nan", "NaN", "NAN", "inf", "Inf", "-inf", "-Inf", "Infinity", "-Infinity")
_MISSING = ("", "null", "NULL", "None", "NA", "N/A")


@dataclasses.dataclass(frozen=True)
class Source:
    """One input of the command: a path, and the name that was given to it, if any."""

    path: Path
    name: str | None


@dataclasses.dataclass(frozen=True)
class Rows:
    """Evaluations of one file, in its order: vectors of one length, and one text a row [R].

    `value` is NaN where the metric was not a finite number, which is how a diverged run shows;
    rows without any value are left out. They are numbers of `precision`, by the type of a Parquet
    column; text is read as doubles. `line` counts as a spreadsheet does, the header being 1.
    """

    file: Path
    cohort: pa.Array
    run: pa.Array
    step: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    precision: Precision
    line: npt.NDArray[np.int64]
    parameters: npt.NDArray[np.float64] | None


@dataclasses.dataclass(frozen=True)
class _File:
    """A path and how many rows it has; a wide file in long form goes through them repeatedly."""

    path: Path
    rows: int

    def line(self, row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return row % max(self.rows, 1) + 2

    def at(self, row: int) -> str:
        """`curves.csv, row 12`, as a spreadsheet counts: the header is 1."""
        return f"{self.path}, row {row % max(self.rows, 1) + 2}"


def sources(arguments: Sequence[str]) -> list[Source]:
    """Each argument is PATH or NAME=PATH, where a path may be a pattern; UsageError if none is."""
    found = []
    for argument in arguments:
        name, stop, pattern = argument.partition("=")
        if not stop or Path(argument).exists():
            name, pattern = "", argument
        paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern))
        if not paths:
            raise UsageError(f"there is no {pattern}: pass a run folder, a .csv or a .parquet file")
        found += [Source(Path(path), name or None) for path in paths]
    return found


def read_rows(source: Source, metric: str, columns: Mapping[str, str]) -> Rows:
    """The rows of a file that hold the metric; UsageError names file, row, finding and remedy."""
    table = _table(source.path)
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{source.path}: row 1 has the column {twice!r} twice; rename one")
    lines = len(table)
    table = exports.in_long_form(table, metric, chosen(names, "step", columns))
    names = table.column_names
    step = chosen(names, "step", columns)
    if step is None:
        raise _missing(source, names, "step")
    column = exports.VALUE if exports.VALUE in names else metric
    if column not in names:
        rest = [name for name in names if name not in (step, *SYNONYMS["run"], "cohort")]
        raise UsageError(
            f"{source.path} has no column {metric!r}; pass --metric with one of {', '.join(rest)}"
        )
    file = _File(source.path, lines)
    values, kept = _values(file, table[column], column)
    if not kept.any():
        raise UsageError(f"{source.path} holds no value of {metric!r}: pass a file with some")
    steps = _steps(file, table[step], step, kept)
    return Rows(
        file=source.path,
        cohort=_texts(source, file, table, chosen(names, "cohort", columns), "cohort", kept),
        run=_texts(source, file, table, chosen(names, "run", columns), "run", kept),
        step=steps[kept],
        value=values[kept],
        precision=_precision(table[column].type),
        line=file.line(np.flatnonzero(kept)),
        parameters=_parameters(file, table, kept),
    )


def chosen(names: Sequence[str], what: str, columns: Mapping[str, str]) -> str | None:
    """The column that holds the step, the run or the cohort; None where there is none."""
    if what in columns:
        return columns[what]
    known = [name for name in SYNONYMS[what] if name in names]
    return known[0] if known else None


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pa.parquet.read_table(path)
        table = _csv(path)
        return table.rename_columns([name.strip() for name in table.column_names])
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"{path} cannot be read ({reason}); it must be CSV with a header in row 1, or Parquet"
        ) from error


def _csv(path: Path) -> pa.Table:
    """All as text: what cannot be read as a number shall be named with its row."""
    with path.open("rb") as file:
        header = file.readline()
    header.decode("utf-8-sig")
    names = pa.csv.read_csv(pa.BufferReader(header + b"\n")).column_names if header.strip() else []
    convert = pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names}, strings_can_be_null=False
    )
    try:
        return pa.csv.read_csv(path, convert_options=convert)
    except pa.ArrowInvalid:
        # In one thread the reader knows at which row it fails.
        alone = pa.csv.ReadOptions(use_threads=False)
        return pa.csv.read_csv(path, read_options=alone, convert_options=convert)


def _values(
    file: _File, column: pa.ChunkedArray, name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Numbers [R], NaN where they are not finite, and which rows hold any."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        kept = pc.is_valid(column).to_numpy(zero_copy_only=False)
        values = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()
    else:
        text = _as_text(file, column, name)
        kept = ~pc.is_in(text, pa.array(_MISSING)).to_numpy(zero_copy_only=False)
        odd = pc.is_in(text, pa.array((*_DIVERGED, *_MISSING)))
        values = _numbers(file, pc.if_else(odd, "nan", text), name)
    return np.where(np.isfinite(values), values, np.nan), kept


def _precision(kind: pa.DataType) -> Precision:
    if pa.types.is_float16(kind):
        return np.float16
    return np.float32 if pa.types.is_float32(kind) else np.float64


def _steps(
    file: _File, column: pa.ChunkedArray, name: str, kept: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        numbers = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()
    else:
        text = _as_text(file, column, name)
        absent = pc.is_in(text, pa.array(_MISSING))
        numbers = _numbers(file, pc.if_else(absent, "nan", text), name)
    whole = (numbers >= 0) & (numbers <= MOST_STEPS) & (numbers == np.floor(numbers))
    bad = np.flatnonzero(kept & ~whole)
    if len(bad):
        found = column[int(bad[0])].as_py()
        raise UsageError(
            f"{file.at(int(bad[0]))}: {name} is {found!r}; it must be a whole number of training "
            "steps, from 0 to 2**53"
        )
    return np.where(whole, numbers, 0).astype(np.int64)


def _numbers(file: _File, text: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64]:
    try:
        return pc.cast(text, pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        for row, value in enumerate(text.to_pylist()):
            try:
                float(value)
            except ValueError:
                raise UsageError(
                    f"{file.at(row)}: {name} is {value!r}; it must be a number, or empty "
                    "where it was not measured"
                ) from None
        return np.array([float(value) for value in text.to_pylist()])


def _as_text(file: _File, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise UsageError(f"{file.path}: column {name} holds {column.type}; it must hold numbers")
    return pc.fill_null(pc.utf8_trim_whitespace(pc.cast(column, pa.string())), "")


def _texts(
    source: Source,
    file: _File,
    table: pa.Table,
    column: str | None,
    what: str,
    kept: npt.NDArray[np.bool_],
) -> pa.Array:
    """Names [R]; a file without them is one run, or one cohort, that is named after it."""
    if column is None and (what == "run" or source.name is not None):
        name = source.path.stem if what == "run" else source.name
        return pa.array([name], pa.string()).take(pa.array(np.zeros(kept.sum(), np.int64)))
    if column is None:
        raise _missing(source, table.column_names, what)
    if column not in table.column_names:
        raise UsageError(
            f"{source.path} has no column {column!r}, which --columns names: it has "
            f"{', '.join(table.column_names)}"
        )
    names = pc.fill_null(pc.cast(table[column], pa.string()), "").filter(pa.array(kept))
    empty = pc.index(names, "").as_py()
    if empty >= 0:
        row = int(np.flatnonzero(kept)[empty])
        raise UsageError(f"{file.at(row)}: {column} is empty; name the {what}")
    names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    if what == "cohort" and source.name is not None:
        return pc.binary_join_element_wise(source.name, names, "-")
    return names


def _parameters(
    file: _File, table: pa.Table, kept: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64] | None:
    if "parameters" not in table.column_names:
        return None
    values, given = _values(file, table["parameters"], "parameters")
    counted = (values > 0) & (values <= MOST_COUNTED) & (values == np.floor(values))
    bad = np.flatnonzero(kept & given & ~counted)
    if len(bad):
        found = table["parameters"][int(bad[0])].as_py()
        raise UsageError(
            f"{file.at(int(bad[0]))}: parameters is {found!r}; it must be a whole number above 0, "
            f"at most {MOST_COUNTED:.0e}, or empty where nobody counted them"
        )
    return values[kept]


def _missing(source: Source, names: Sequence[str], what: str) -> UsageError:
    if len(names) == 1 and any(stop in names[0] for stop in (";", "\t", "|")):
        return UsageError(
            f"{source.path}, row 1 is the one column {names[0]!r}; columns must be separated by "
            "commas: save it as CSV with commas"
        )
    remedy = f"pass --columns={what}=NAME"
    if what == "cohort":
        remedy += f", or name the whole file: NAME={source.path}"
    return UsageError(f"{source.path} has no column {what!r} (it has {', '.join(names)}): {remedy}")
