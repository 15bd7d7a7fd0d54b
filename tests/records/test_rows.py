"""Rows are compared with what the study says of their members, and files with their checksums."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import cohort, study, tables

from lab.errors import UsageError
from lab.records.parts import part_path, read_part, same_rows, write_part
from lab.records.reader import read_cohort, read_records
from lab.records.rows import member_parts
from lab.records.schema import MEMBERS, VERSION_KEY
from lab.records.store import RunFolder
from lab.specs import CohortSpec, Varied
from lab.words import Hyperparameter

VALUES = np.random.default_rng(1).uniform(0, 1, (6, 10)).astype(np.float32)
VALUES[4, :6] = 0.1
VALUES[4, 6] = np.nan
RATES = Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.2, 0.3))


def write(root: Path, *cohorts: CohortSpec) -> Path:
    """A run of these cohorts, whose members have the same curves."""
    asked = study(*cohorts)
    costs = {one.name: {"parameters": 9, "flops_per_step": 1e6} for one in asked.cohorts}
    with RunFolder.open(root, asked) as folder:
        folder.write_environment({"cohorts": costs})
        for one in asked.cohorts:
            folder.append(one.name, 0, *tables(one, VALUES))
    return root


def swap(root: Path, one: str = "small", other: str = "large") -> None:
    folder = root / "cohorts"
    (folder / one).rename(folder / "aside")
    (folder / other).rename(folder / one)
    (folder / "aside").rename(folder / other)


def rewritten(path: Path, change, metadata: dict[bytes, bytes] | None = None) -> None:
    """The part with its table changed, written as by hand: nothing in it is compared."""
    table = change(pq.read_table(path))
    pq.write_table(table.replace_schema_metadata(metadata or table.schema.metadata), path)


def with_value(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    index = table.schema.get_field_index(column)
    field = table.schema.field(index)
    return table.set_column(index, field, pa.array(values, field.type))


def test_swapped_cohorts_are_noticed_by_their_seeds(tmp_path):
    """Files of before they named their cohort hold the seed, which is each cohort's own."""
    root = write(tmp_path, cohort("small", seed=1), cohort("large", seed=2))
    for path in root.glob("cohorts/*/*.parquet"):
        rewritten(path, lambda table: table, {VERSION_KEY: b"4"})
    assert set(read_records(root)) == {"small", "large"}
    swap(root)
    with pytest.raises(UsageError, match=r"members-000000\.parquet, row 1 \(member 0\): seed is 2"):
        read_records(root)


def test_swapped_cohorts_of_one_seed_are_noticed_by_their_names(tmp_path):
    root = write(tmp_path, cohort("small"), cohort("large"))
    swap(root)
    with pytest.raises(UsageError, match="holds rows of cohort 'large', not of 'small'"):
        read_cohort(root, "small")


FOREIGN = {
    "seed": (0, 8, "seed is 8, and by study.json it is 7"),
    "init_id": (2, 5, "init_id is 5, and by study.json it is"),
    "data_order_id": (1, 0, "data_order_id is 0"),
    "dropout_id": (1, 1, "dropout_id is 1, and by study.json it is None"),
    "learning_rate": (3, 0.2, "learning_rate is 0.2, and by study.json it is 0.1"),
    "momentum": (3, 0.9, "momentum is 0.9, and by study.json it is None"),
    "member": (0, 6, "member is 6, and by study.json it is one from 0 to 5"),
    "outcome": (0, "bored", "outcome is bored, and by study.json it is one of reached"),
    "hit_evaluation": (0, [3], "a list of 2"),
    "hit_step": (4, [10, 20], "hit_step is"),
    "ended_evaluation": (1, 11, "one from 1 to 10"),
    "ended_step": (1, 11, "ended_step is 11"),
    "diverged_at_step": (4, 3, "a step after the evaluation before the last"),
}


@pytest.mark.parametrize("column", FOREIGN)
def test_a_row_that_the_study_does_not_make_is_named(tmp_path, column):
    row, value, words = FOREIGN[column]
    root = write(tmp_path, cohort(vary=(RATES,)))
    path = part_path(root / "cohorts/small", "members", 0)
    rewritten(path, lambda table: with_value(table, column, row, value))
    with pytest.raises(UsageError) as caught:
        read_cohort(root, "small")
    assert f"{path}, row {row + 1} (member" in str(caught.value)
    assert words in str(caught.value)
    with pytest.raises(UsageError, match=f"row {row + 1} "):  # Whoever goes on with the run too.
        list(member_parts(root / "cohorts/small", cohort(vary=(RATES,))))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": 5}, "member is 5"),
        ({"seed": 8}, "seed is 7"),
        ({"budget_steps": 120}, "ended_evaluation is 10"),
        ({"eval_every": 20}, "one from 1 to 5"),
        ({"vary": ()}, "learning_rate is 0.1"),
    ],
)
def test_a_study_that_was_edited_is_noticed(tmp_path, changes, words):
    spec = cohort(vary=(RATES,))
    root = write(tmp_path, spec)
    other = study(cohort(**{"vary": (RATES,), **changes}))
    (root / "study.json").write_text(other.to_json())
    with pytest.raises(UsageError, match=rf"row \d+ \(member \d\): .*{words}"):
        read_cohort(root, "small")


@pytest.mark.parametrize("smoothing", [1, 3])
def test_another_target_is_noticed_by_the_curves(tmp_path, smoothing):
    """Hits alone would go unseen: a threshold stands in study.json and nowhere else."""
    values = np.linspace(0, 1, 10)[None, :] ** np.array([1, 2, 0.5, 3, 0.3, 1.5])[:, None]
    target = cohort().target
    spec = cohort(target=target.__class__(target.metric, (0.3, 0.6), 2, smoothing))
    with RunFolder.open(tmp_path, study(spec)) as folder:
        folder.write_environment({"cohorts": {"small": {"parameters": 9, "flops_per_step": 1.0}}})
        folder.append("small", 0, *tables(spec, values))
    assert read_cohort(tmp_path, "small").complete
    document = json.loads((tmp_path / "study.json").read_text())
    document["cohorts"][0]["target"]["thresholds"] = [0.3, 0.8]
    (tmp_path / "study.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"reach iou 0\.8 at evaluation \d+, and its curve does"):
        read_cohort(tmp_path, "small")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("member", 6, "member is 6"),
        ("evaluation", 11, "evaluation is 11"),
        ("step", 11, "step is 11, and by study.json it is 10 times its evaluation"),
    ],
)
def test_an_evaluation_off_the_grid_is_named(tmp_path, column, value, words):
    root = write(tmp_path, cohort())
    path = part_path(root / "cohorts/small", "curves", 0)
    rewritten(path, lambda table: with_value(table, column, 5, value))
    with pytest.raises(UsageError, match=rf"curves-000000\.parquet, row 6 .*{words}"):
        read_cohort(root, "small")


@pytest.mark.parametrize("kind", ["members", "curves"])
def test_no_flipped_bit_changes_what_is_read(tmp_path, kind):
    """Every byte of a part, with one bit of it flipped: refused in one line, or read as it was."""
    members, curves = tables(cohort(), VALUES)
    table = members if kind == "members" else curves
    path = tmp_path / "part.parquet"
    write_part(path, table)
    whole = path.read_bytes()
    refused = []
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            read = read_part(path, table.schema)
        except UsageError as error:
            refused.append(str(error))
        else:
            assert same_rows(read, table)
    assert len(refused) > len(whole) / 30
    assert all(str(path) in line and "\n" not in line for line in refused)


def test_a_flipped_byte_of_a_curve_is_noticed(tmp_path):
    root = write(tmp_path, cohort())
    path = part_path(root / "cohorts/small", "curves", 0)
    column = pq.read_metadata(path).row_group(0).column(3)
    damaged = bytearray(path.read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size - 20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UsageError, match=r"curves-000000\.parquet is damaged.*restore it"):
        read_cohort(root, "small")


def test_parts_without_checksums_are_read(tmp_path):
    """As the lab wrote them before there were any."""
    members, _ = tables(cohort(), VALUES)
    path = tmp_path / "members-000000.parquet"
    plain = members.replace_schema_metadata(MEMBERS.metadata)
    pq.write_table(plain, path, compression="zstd")
    assert same_rows(read_part(path, MEMBERS), members)
    shutil.copy(path, tmp_path / "members-000001.parquet")
    assert len(list(member_parts(tmp_path, cohort()))) == 2
