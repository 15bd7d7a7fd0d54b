"""Damaged checkpoints are named and passed over, and records come out the same.

The files are Orbax's own, written by a run on the parabola (toys.py) and then spoiled.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from recorded import DATA, Facts, all_facts, go, two_plans

from lab.errors import UsageError
from lab.records.store import RunFolder
from lab.specs import StudySpec
from lab.training.checkpoints import Checkpoints
from lab.training.lanes import make_lanes
from lab.training.planning import CohortPlan
from lab.training.runner import Stopped, run


class After:
    """Asks to stop once it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def __enter__(self) -> Callable[[], bool]:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def stopped(folder: Path, plans: tuple[CohortPlan, ...], looks: int) -> None:
    study = StudySpec("?", tuple(plan.cohort for plan in plans), ())
    with RunFolder.open(folder, study) as opened, pytest.raises(Stopped):
        run(plans, DATA, opened, lambda _: None, 0.0, stop=After(looks))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[Facts]:
    folder, plans = tmp_path_factory.mktemp("runs") / "whole", two_plans(2)
    go(folder, plans)
    return all_facts(folder, plans)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped on the way, with two checkpoints a cohort."""
    folder = tmp_path_factory.mktemp("runs") / "stopped"
    stopped(folder, two_plans(2), 9)
    for name in ("one", "two"):
        assert len(steps(folder, name)) == 2
    return folder


def steps(folder: Path, cohort: str) -> list[int]:
    found = (folder / "cohorts" / cohort / "checkpoints").iterdir()
    return sorted(int(path.name) for path in found if path.name.isdecimal())


def latest(folder: Path, cohort: str = "one") -> Path:
    return folder / "cohorts" / cohort / "checkpoints" / str(steps(folder, cohort)[-1])


def biggest(checkpoint: Path) -> Path:
    """The file that holds numbers, after Orbax has brought together what its processes wrote."""
    return max((checkpoint / "lanes/d").iterdir(), key=lambda path: path.stat().st_size)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One bit in the middle, and some at a few other places."""
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 9, len(content), max(1, len(content) // 9)):
        content[place] ^= 16
    path.write_bytes(content)


def sums_of(checkpoint: Path) -> Path:
    (found,) = [path for path in (checkpoint / "sums").rglob("*") if path.name == "metadata"]
    return found


DAMAGES: dict[str, Callable[[Path], object]] = {
    "numbers cut short": lambda checkpoint: truncate(biggest(checkpoint)),
    "numbers changed": lambda checkpoint: flip(biggest(checkpoint)),
    "numbers gone": lambda checkpoint: biggest(checkpoint).unlink(),
    "sums changed": lambda checkpoint: sums_of(checkpoint).write_text('{".taken_B": 7}'),
    "sums cut short": lambda checkpoint: truncate(sums_of(checkpoint)),
    "lanes gone": lambda checkpoint: shutil.rmtree(checkpoint / "lanes"),
    "no file left": lambda checkpoint: [shutil.rmtree(checkpoint), checkpoint.mkdir()],
    "names changed": lambda checkpoint: flip(checkpoint / "_CHECKPOINT_METADATA"),
}


def go_on(folder: Path) -> list[str]:
    """To the end; gives the warnings."""
    plans, warnings = two_plans(2), []
    study = StudySpec("?", tuple(plan.cohort for plan in plans), ())
    with RunFolder.open(folder, study) as opened:
        run(plans, DATA, opened, lambda _: None, 1e9, warn=warnings.append)
    return warnings


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(
    tmp_path: Path, interrupted: Path, uninterrupted: list[Facts], damage: Callable[[Path], object]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted, folder)
    before, last = steps(folder, "one")
    damage(latest(folder))
    warnings = go_on(folder)
    if warnings:  # What Orbax and the sums both take as it was, did no harm.
        (line,) = warnings
        assert f"checkpoints/{last} is damaged" in line
        assert f"going on from the one before it, {before}" in line
        assert "\n" not in line
        assert (folder / f"cohorts/one/checkpoints/damaged-{last}").is_dir()
    assert bool(warnings) == (damage is not DAMAGES["names changed"])
    assert all_facts(folder, two_plans(2)) == uninterrupted


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no room"),
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        ValueError(f"INTERNAL: {os.strerror(errno.EIO)}"),
    ],
    ids=["memory", "open files", "storage"],
)
def test_a_sound_checkpoint_survives_a_machine_in_need(
    tmp_path: Path,
    interrupted: Path,
    uninterrupted: list[Facts],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted, folder)

    def fails(*_: object) -> None:
        raise error

    before = [steps(folder, name) for name in ("one", "two")]
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "_read", fails)
        with pytest.raises(UsageError, match=r"checkpoints/\d+ \(.*it is kept"):
            go_on(folder)
    assert [steps(folder, name) for name in ("one", "two")] == before
    assert go_on(folder) == []
    assert all_facts(folder, two_plans(2)) == uninterrupted


def test_with_both_damaged_the_cohort_starts_over(
    tmp_path: Path, interrupted: Path, uninterrupted: list[Facts]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted, folder)
    for step in steps(folder, "one"):
        flip(biggest(latest(folder).with_name(str(step))))
    first, second = go_on(folder)
    assert "going on from the one before it" in first
    assert "from the start again, to the same records" in second
    assert all_facts(folder, two_plans(2)) == uninterrupted


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_a_run_goes_on_on_other_devices(
    tmp_path: Path,
    uninterrupted: list[Facts],
    two_devices: list[jax.Device],
    first: int,
    then: int,
) -> None:
    assert len(two_devices) == 2
    folder = tmp_path / "run"
    stopped(folder, two_plans(2, first), 7)
    plans = two_plans(2, then)
    go(folder, plans)
    assert all_facts(folder, plans) == uninterrupted


def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(
    tmp_path: Path, uninterrupted: list[Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a part is written; `fsync` says what a full disk says."""
    folder, plans, left = tmp_path / "run", two_plans(2), [9]
    fsync = os.fsync

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match=r"No space left.*free some space"):
            go(folder, plans, checkpoint_seconds=0.0)
    go(folder, plans)
    assert all_facts(folder, plans) == uninterrupted


def test_what_is_restored_is_what_was_saved(tmp_path: Path) -> None:
    (plan, _) = two_plans()
    program = make_lanes(plan.member, plan.cohort, plan.layout, 1, plan.devices)
    start = program.empty()
    lanes = start._replace(taken_B=start.taken_B + 1)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(3, lanes)
    checkpoints.close()
    found = Checkpoints(tmp_path / "checkpoints").restore(program, pytest.fail)
    assert found is not None
    assert found[0] == 3
    jax.tree.map(np.testing.assert_array_equal, found[1], lanes)
