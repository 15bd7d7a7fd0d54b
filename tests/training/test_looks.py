"""Members that are added in turn: a look is taken once its members have ended, whoever else has."""

from pathlib import Path

import pytest
from recorded import DATA, LAYOUT, BoundedFolder
from toys import descent_cohort, descent_plan

from lab.errors import UsageError
from lab.records.reader import read_records
from lab.specs import SequentialSpec, StudySpec, default_looks
from lab.training.runner import Looks, run

MEMBERS = 24
AT = (4, 9, 16, MEMBERS)


def plans():
    return tuple(
        descent_plan(descent_cohort(name=name, members=MEMBERS, seed=seed), LAYOUT, 3, 1)
        for seed, name in enumerate(("one", "two"))
    )


def go(folder: Path, settles_at: int | None) -> list[int]:
    asked = []
    made = plans()
    study = StudySpec("?", tuple(plan.cohort for plan in made), ())
    with BoundedFolder.open(folder, study) as opened:
        opened.write_environment({"cohorts": {plan.cohort.name: plan.facts() for plan in made}})

        def settled(look: int) -> bool:
            asked.append(look)
            for records in read_records(folder).values():
                assert set(range(look)) <= set(records.member.tolist())
            return look == settles_at

        run(made, DATA, opened, lambda _: None, 1e9, looks=Looks(AT, settled))
    return asked


@pytest.mark.parametrize("settles_at", [4, 9, 16, None])
def test_looks_come_in_order_until_one_settles(tmp_path: Path, settles_at: int | None) -> None:
    asked = go(tmp_path / "run", settles_at)
    wanted = AT if settles_at is None else AT[: AT.index(settles_at) + 1]
    assert tuple(asked) == wanted


def test_a_stopped_run_holds_the_same_rows_as_a_whole_one(tmp_path: Path) -> None:
    go(tmp_path / "whole", None)
    go(tmp_path / "stopped", 9)
    for name, whole in read_records(tmp_path / "whole").items():
        stopped = read_records(tmp_path / "stopped")[name]
        assert len(stopped.member) < MEMBERS
        for one, other in ((whole.part(0, 9), stopped.part(0, 9)),):
            assert (one.hit == other.hit).all()
            assert one.outcome == other.outcome
            assert (one.ended == other.ended).all()


@pytest.mark.parametrize(
    ("members", "looks"),
    [(2, (2,)), (48, (12, 24, 36, 48)), (64, (64,)), (300, (64, 96, 128, 192, 256, 300))],
)
def test_default_looks(members: int, looks: tuple[int, ...]) -> None:
    assert default_looks(members) == looks


def test_looks_that_make_no_sense_are_refused() -> None:
    for looks in ((), (1, 5), (64, 64), (96, 64)):
        with pytest.raises(UsageError, match="do not rise"):
            SequentialSpec(looks, planned=True)
    with pytest.raises(UsageError, match="--planned"):
        SequentialSpec((32, 64))
