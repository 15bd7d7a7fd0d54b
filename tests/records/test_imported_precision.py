"""Values are compared with a target as the numbers that their file holds, by its columns' types."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from lab.records.imported.curves import Grid, Rules, Short, cohorts
from lab.records.imported.reading import Source, read_rows
from lab.records.imported.recorded import with_target
from lab.specs import TargetSpec
from lab.words import Metric

TARGET = TargetSpec(Metric.ACCURACY, (0.7,), sustain=1)
NEAR = [0.5, 0.69999999, 0.7, 0.8]


def file(folder, name, values, kind=None):
    table = {"cohort": ["net"] * 4, "run": [name] * 4, "step": [10, 20, 30, 40]}
    if kind is None:
        path = folder / f"{name}.csv"
        pa.csv.write_csv(pa.table({**table, "accuracy": [repr(float(v)) for v in values]}), path)
    else:
        path = folder / f"{name}.parquet"
        pa.parquet.write_table(pa.table({**table, "accuracy": pa.array(values, kind)}), path)
    return path


def read(*paths, target=TARGET):
    rules = Rules(target, Short.REFUSE, Grid.SAME, None, {}, {}, {})
    rows = [read_rows(Source(path, None), "accuracy", {}) for path in paths]
    found, notes = cohorts(rows, rules)
    return found["net"], notes


@pytest.mark.parametrize(
    ("kind", "hit", "noted"),
    [(None, 3, True), (pa.float64(), 3, True), (pa.float32(), 2, False), (pa.float16(), 2, False)],
    ids=["text", "double", "float", "halffloat"],
)
def test_values_are_compared_in_the_precision_of_their_column(tmp_path, kind, hit, noted):
    """And a double that float32 would take for the target is noted: it may have been one."""
    values = NEAR if kind != pa.float16() else [np.float16(one) for one in NEAR]
    found, notes = read(file(tmp_path, "a", values, kind))
    assert found.hit.tolist() == [[hit]]
    assert [("less than float32 tells apart" in one) for one in notes] == [True] * noted
    # Winner maps look for easier targets in the same numbers.
    assert with_target(found, TARGET).hit.tolist() == [[hit]]
    assert found.part(0, 1).curves.precision is found.curves.precision


def test_float32_values_written_out_as_text_are_doubles(tmp_path):
    """Nobody can tell from the text; the note says what to do, and doing it helps."""
    values = np.array([0.5, 0.7, 0.7, 0.8], np.float32)
    text, notes = read(file(tmp_path, "a", values))
    column, silent = read(file(tmp_path, "b", values, pa.float32()))
    assert (text.hit.tolist(), column.hit.tolist()) == ([[4]], [[2]])
    assert len(notes) == 1
    assert not silent


def test_cohort_in_files_of_several_precisions_is_compared_in_the_coarsest(tmp_path):
    found, _ = read(file(tmp_path, "a", NEAR), file(tmp_path, "b", NEAR, pa.float32()))
    assert found.hit.tolist() == [[2], [2]]


def test_values_far_from_the_target_are_not_noted(tmp_path):
    assert read(file(tmp_path, "a", [0.5, 0.6, 0.75, 0.8]))[1] == []
