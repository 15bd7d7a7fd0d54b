import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_up import cohort, first_hits, study, tables

from lab.errors import UsageError
from lab.records.costs import SoloSeconds
from lab.records.parts import RecordConflict
from lab.records.reader import (
    cohort_records,
    read_cohort,
    read_records,
    read_study,
)
from lab.records.schema import members_table
from lab.records.store import RunFolder
from lab.words import Metric, Outcome

COSTS = {
    "cohorts": {
        name: {"parameters": parameters, "flops_per_step": 1e6, "lanes": 4}
        for name, parameters in (("small", 2900), ("large", 5000))
    }
}
VALUES = np.random.default_rng(1).uniform(0, 1, (6, 10)).astype(np.float32)
VALUES[4, :6] = 0.1
VALUES[4, 6] = np.nan


@pytest.fixture
def run(tmp_path):
    """A run whose small cohort came in two dispatches, members out of order."""
    members, curves = tables(cohort(), VALUES)
    late = np.isin(curves["member"].to_numpy(), [1, 4])
    with RunFolder.open(tmp_path, study()) as folder:
        folder.write_environment(COSTS)
        folder.append("small", 0, members.take([3, 0, 5, 2]), curves.filter(~late))
        folder.append("small", 3, members.take([4, 1]), curves.filter(late))
    return tmp_path


def test_study_comes_back_equal(run):
    assert read_study(run) == study()


def test_parts_become_one_cohort_sorted_by_member(run):
    records = read_cohort(run, "small")
    hit, reached = first_hits(cohort(), VALUES)
    assert records.complete
    assert records.parameters == 2900
    assert list(records.member) == list(range(6))
    assert records.outcome[4] is Outcome.DIVERGED
    assert records.ended[4] == 7
    sound = np.arange(6) != 4
    np.testing.assert_array_equal(records.reached[sound], reached[sound])
    np.testing.assert_array_equal(records.hit[records.reached], hit[records.reached])
    rows = records.curves.member, records.curves.evaluation - 1
    iou = records.curves.metrics[Metric.IOU]
    assert iou.dtype == np.float64
    np.testing.assert_array_equal(iou, VALUES[rows])
    assert list(records.member) == list(range(6))


def test_cohort_not_begun_is_empty(run):
    records = read_records(run)["large"]
    assert not records.complete
    assert records.hit.shape == records.reached.shape == (0, 2)
    assert len(records.curves.member) == len(records.member) == 0


def test_leftovers_of_a_killed_writer_are_ignored(run):
    folder = run / "cohorts" / "small"
    (folder / ".members-000009.parquet.55.tmp").write_bytes(b"PAR1 half")
    assert read_cohort(run, "small").complete
    RunFolder.open(run, study()).close()
    assert not list(folder.glob(".*"))


def test_row_seen_twice_counts_once(run):
    members, curves = tables(cohort(), VALUES)
    with RunFolder.open(run, study()) as folder:
        folder.append("small", 7, members.take([4]), curves)
    records = read_cohort(run, "small")
    assert len(records.member) == 6
    assert len(records.curves.member) == records.ended.sum()


def test_row_seen_twice_must_agree(run):
    _, curves = tables(cohort(), VALUES * np.float32(0.999))
    with RunFolder.open(run, study()) as folder:
        folder.append("small", 7, tables(cohort(), VALUES)[0].slice(0, 0), curves)
    with pytest.raises(RecordConflict, match="twice, with different values"):
        read_cohort(run, "small")


def test_members_still_running_bring_no_curve(tmp_path):
    members, curves = tables(cohort(), VALUES)
    records = cohort_records(cohort(), 1, 1.0, members.take([2, 0]), curves)
    assert not records.complete
    assert set(records.curves.member) == {0, 2}


def test_folder_that_is_no_run(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        read_study(tmp_path / "nothing")


def test_unknown_cohort_is_answered_with_the_known(run):
    with pytest.raises(UsageError, match="small, large"):
        read_cohort(run, "medium")


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet at all" * 100])
def test_corrupt_part_is_named(run, damage):
    (run / "cohorts/small/members-000003.parquet").write_bytes(damage)
    with pytest.raises(UsageError, match=r"members-000003\.parquet") as caught:
        read_cohort(run, "small")
    assert "\n" not in str(caught.value)


def test_truncated_part_is_named(run):
    path = run / "cohorts/small/curves-000000.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UsageError, match=r"curves-000000\.parquet"):
        read_cohort(run, "small")


def test_missing_curves_are_noticed(run):
    (run / "cohorts/small/curves-000003.parquet").unlink()
    with pytest.raises(UsageError, match="curves are not whole"):
        read_cohort(run, "small")


def test_foreign_columns_are_noticed(run):
    source = run / "cohorts/small/curves-000000.parquet"
    (run / "cohorts/small/members-000009.parquet").write_bytes(source.read_bytes())
    with pytest.raises(UsageError, match="members-000009"):
        read_cohort(run, "small")


def test_members_that_contradict_the_study_are_noticed():
    members, curves = tables(cohort(), VALUES)
    with pytest.raises(UsageError, match="contradict the study"):
        cohort_records(cohort(members=5), 1, 1.0, members, curves)


def test_missing_costs_are_asked_for(tmp_path):
    with RunFolder.open(tmp_path, study()) as folder:
        folder.write_environment({"cohorts": {}})
    with pytest.raises(UsageError, match="costs"):
        read_cohort(tmp_path, "small")


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="reached has shape"):
        members_table(
            cohort(), member=[0], outcome=[Outcome.REACHED], hit=[[1, 2]], reached=[True], ended=[2]
        )


@settings(max_examples=25, deadline=None)
@given(
    values=hnp.arrays(np.float32, (6, 10), elements=st.floats(0, 1, width=32)),
    parts=st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
def test_tables_round_trip(tmp_path_factory, values, parts):
    members, curves = tables(cohort(), values)
    whole = cohort_records(cohort(), 2900, 1e6, members, curves)
    root = tmp_path_factory.mktemp("run")
    with RunFolder.open(root, study()) as folder:
        folder.write_environment(COSTS)
        for dispatch in range(3):
            mine = np.flatnonzero(np.array(parts) == dispatch)
            folder.append(
                "small",
                dispatch,
                members.take(mine),
                curves.filter(np.isin(curves["member"].to_numpy(), mine)),
            )
    back = read_cohort(root, "small")
    assert back.outcome == whole.outcome
    for name in ("member", "hit", "reached", "ended"):
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))
    for metric, column in whole.curves.metrics.items():
        np.testing.assert_array_equal(back.curves.metrics[metric], column)


SOLO = SoloSeconds(1.5e-3, 1.4e-3, 1.7e-3, 0.985, 15, 40, 2.5, "cpu")


def test_solo_seconds_come_back_and_older_runs_have_none(run):
    assert read_cohort(run, "small").solo_seconds is None
    costs = {"parameters": 2900, "flops_per_step": 1e6, "solo_seconds": SOLO.facts()}
    with RunFolder.open(run, study()) as folder:
        folder.write_environment({"cohorts": {"small": costs}})
    assert read_cohort(run, "small").solo_seconds == SOLO
    assert read_cohort(run, "large").solo_seconds is None
    assert read_cohort(run, "small").part(0, 3).solo_seconds == SOLO


@pytest.mark.parametrize("facts", [1e-3, {"estimate": 1e-3}, [], {**SOLO.facts(), "more": 1}])
def test_solo_seconds_that_are_none_are_refused(facts):
    with pytest.raises(UsageError, match="was it edited"):
        SoloSeconds.of_facts(facts)
