import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import cohort, study, tables

from lab.errors import UsageError
from lab.records.environment import read_environment
from lab.records.parts import RecordConflict, read_parts
from lab.records.schema import MEMBERS
from lab.records.store import RunFolder, read_json
from lab.specs import SGDSpec, Varied
from lab.words import Clock, Hyperparameter, Metric

HOLD = """
import sys, time
from pathlib import Path
from lab.records.store import RunFolder
from lab.specs import StudySpec

folder = RunFolder.open(sys.argv[1], StudySpec.from_json(Path(sys.argv[2]).read_text()))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def small():
    values = np.random.default_rng(0).uniform(0, 1, (6, 10))
    return tables(cohort(), values)


def test_writes_parts_named_by_dispatch(tmp_path, small):
    with RunFolder.open(tmp_path / "run", study()) as folder:
        folder.append("small", 12, *small)
    names = sorted(path.name for path in (tmp_path / "run/cohorts/small").iterdir())
    assert names == ["curves-000012.parquet", "members-000012.parquet"]
    path = tmp_path / "run/cohorts/small/curves-000012.parquet"
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"
    assert pq.read_schema(path).metadata[b"convergence_lab_schema"] == b"4"


def test_members_are_written_with_the_hyperparameters_they_have(tmp_path):
    """In turn from the study, whichever members end together; null for what there is none of."""
    spec = cohort(
        optimizer=SGDSpec(0.1, 0.5),
        vary=(Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.2, 0.3)),),
    )
    members, _ = tables(spec, np.full((6, 10), 0.1))
    kept = members.take([5, 1])
    assert kept["learning_rate"].to_pylist() == [0.3, 0.2]
    assert kept["momentum"].to_pylist() == [0.5, 0.5]
    assert kept["weight_decay"].to_pylist() == [0.0, 0.0]
    assert kept["dropout"].to_pylist() == [0.0, 0.0]
    assert kept["clip_norm"].to_pylist() == [None, None]
    assert {one.value for one in Hyperparameter} <= set(members.schema.names)


def test_empty_tables_write_nothing(tmp_path, small):
    members, curves = small
    with RunFolder.open(tmp_path, study()) as folder:
        folder.append("small", 0, members.slice(0, 0), curves)
        folder.append("small", 1, members.slice(0, 0), curves.slice(0, 0))
    assert [path.name for path in (tmp_path / "cohorts/small").iterdir()] == [
        "curves-000000.parquet"
    ]


def test_members_are_recorded_after_their_curves(tmp_path, small, monkeypatch):
    with RunFolder.open(tmp_path, study()) as folder:
        members, curves = small

        def crash_on_members(path, table):
            assert "curves" not in path.name, "curves come first"
            assert (path.parent / "curves-000000.parquet").exists()
            raise KeyboardInterrupt

        from lab.records import store

        true_write = store.write_part
        monkeypatch.setattr(
            store,
            "write_part",
            lambda path, table: (true_write if "curves" in path.name else crash_on_members)(
                path, table
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            folder.append("small", 0, members, curves)


def test_replay_that_agrees_is_accepted(tmp_path, small):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.append("small", 0, *small)
        before = (tmp_path / "cohorts/small/curves-000000.parquet").stat()
        folder.append("small", 0, *small)
        after = (tmp_path / "cohorts/small/curves-000000.parquet").stat()
        # Not the whole of stat(): reading a file may set when it was last read.
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_replay_with_nan_agrees_with_itself(tmp_path):
    values = np.full((6, 10), 0.1)
    values[2, 5] = np.nan
    broken = tables(cohort(), values)
    with RunFolder.open(tmp_path, study()) as folder:
        folder.append("small", 0, *broken)
        folder.append("small", 0, *broken)


@pytest.mark.parametrize("ulps", [1, -1])
def test_replay_that_differs_in_the_last_bit_is_a_conflict(tmp_path, small, ulps):
    members, curves = small
    iou = curves["iou"].to_numpy().copy()
    iou[3] = np.nextafter(iou[3], np.float32(ulps * 9), dtype=np.float32)
    index = curves.schema.get_field_index("iou")
    other = curves.set_column(index, curves.schema.field(index), pa.array(iou))
    with RunFolder.open(tmp_path, study()) as folder:
        folder.append("small", 0, members, curves)
        with pytest.raises(RecordConflict, match=r"curves-000000\.parquet"):
            folder.append("small", 0, members, other)
        with pytest.raises(RecordConflict, match=r"curves-000000\.parquet"):
            folder.append("small", 0, members, curves.slice(0, 0))


def test_same_study_goes_on(tmp_path, small):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.append("small", 0, *small)
    with RunFolder.open(tmp_path, study()) as folder:
        members = read_parts(folder.paths.cohort("small"), "members", MEMBERS)
        assert members["member"].to_pylist() == [0, 1, 2, 3, 4, 5]


def test_throughput_is_added_to_the_latest_session(tmp_path):
    with RunFolder.open(tmp_path, study()) as folder:
        cost = {"parameters": 1, "flops_per_step": 2.0}
        for started in ("first", "second"):
            folder.write_environment({"started": started, "cohorts": {"small": cost}})
        folder.amend_environment({"small": {"useful_fraction": 0.97}})
        first, second = read_environment(folder.paths)["sessions"]
    assert "throughput" not in first
    assert second["throughput"] == {"small": {"useful_fraction": 0.97}}


def test_another_study_is_refused_by_name_of_what_differs(tmp_path):
    RunFolder.open(tmp_path, study(cohort(budget_steps=600))).close()
    with pytest.raises(
        UsageError, match=r"cohorts\[0\]\.budget_steps: 600 there, 400 asked.*--out"
    ):
        RunFolder.open(tmp_path, study(cohort(budget_steps=400)))
    changed = dataclasses.replace(cohort(budget_steps=400), seed=1, members=3, batch_size=4)
    with pytest.raises(UsageError, match="and 1 more"):
        RunFolder.open(tmp_path, study(changed))
    with pytest.raises(UsageError, match="cohorts: 1 items there, 2 asked"):
        RunFolder.open(tmp_path, study())


def test_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="no run folder"):
        RunFolder.open(tmp_path, study())
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_start_that_was_killed_before_its_first_file_is_no_obstacle(tmp_path):
    (tmp_path / ".study.json.123.tmp").write_text("{")
    (tmp_path / ".lock").write_text("123\n")
    RunFolder.open(tmp_path, study()).close()
    assert sorted(os.listdir(tmp_path)) == [".lock", "study.json"]


@pytest.mark.parametrize("inner", ["file", "file/inner"])
def test_unwritable_folder_is_refused(tmp_path, inner):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write.*--out"):
        RunFolder.open(tmp_path / inner, study())


def test_damaged_study_is_named(tmp_path):
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UsageError, match=r"study\.json"):
        RunFolder.open(tmp_path, study())


def test_cohort_name_cannot_lead_out_of_the_folder(tmp_path):
    with pytest.raises(UsageError, match="cohort name"):
        RunFolder.open(tmp_path / "run", study(cohort("..")))


def test_second_process_is_refused_until_the_first_dies(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(study().to_json())
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run"), str(plan)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=rf"another process \({holder.pid}\)"):
            RunFolder.open(tmp_path / "run", study())
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    RunFolder.open(tmp_path / "run", study()).close()


def test_lock_is_given_back_when_opening_fails(tmp_path):
    RunFolder.open(tmp_path, study()).close()
    for _ in range(2):
        with pytest.raises(UsageError, match="holds another study"):
            RunFolder.open(tmp_path, study(cohort()))
    RunFolder.open(tmp_path, study()).close()


@pytest.mark.parametrize("began_with", [True, False])
def test_whether_seconds_are_counted_is_settled_when_a_run_begins(tmp_path, began_with):
    """Runs of before there was the clock go on, and so do those that were asked to do without."""
    timed = study()
    untimed = dataclasses.replace(timed, clocks=(Clock.STEPS, Clock.EXAMPLES, Clock.FLOPS))
    first, then = (timed, untimed) if began_with else (untimed, timed)
    RunFolder.open(tmp_path, first).close()
    for asked in (then, first):
        with RunFolder.open(tmp_path, asked) as folder:
            assert folder.study == first
    with pytest.raises(UsageError, match="holds another study"):
        RunFolder.open(tmp_path, dataclasses.replace(then, clocks=(Clock.STEPS,)))


def session(parameters: int, jax: str) -> dict:
    costs = {"parameters": parameters, "flops_per_step": 1e6, "lanes": 32}
    return {"versions": {"jax": jax}, "cohorts": {"small": costs, "large": costs}}


def test_environment_keeps_every_session(tmp_path):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.write_environment(session(2900, "1"))
        folder.write_environment(session(2900, "2"))
        document = read_environment(folder.paths)
    assert [one["versions"]["jax"] for one in document["sessions"]] == ["1", "2"]
    assert document["cohorts"]["small"]["parameters"] == 2900


def test_environment_refuses_another_network(tmp_path):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.write_environment(session(2900, "1"))
        with pytest.raises(RecordConflict, match="2901 parameters, but had 2900"):
            folder.write_environment(session(2901, "1"))


def test_verdict_is_written_as_given(tmp_path):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.write_verdict('{"schema": 1, "answer": "größer"}\n')
        assert read_json(folder.paths.verdict) == {"schema": 1, "answer": "größer"}


def test_metric_columns_carry_the_metrics_names(small):
    assert small[1].schema.names[3:] == [Metric.LOSS.value, Metric.IOU.value, Metric.DICE.value]


def test_cohorts_whose_folders_would_be_one_on_some_disks_are_refused(tmp_path):
    asked = study(cohort("small"), cohort("Small"))
    with pytest.raises(UsageError, match="small, Small differ in upper and lower case alone"):
        RunFolder.open(tmp_path / "run", asked)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "study.json").write_text(asked.to_json())
    RunFolder.open(tmp_path / "old", asked).close()  # A run that began before the rule.
