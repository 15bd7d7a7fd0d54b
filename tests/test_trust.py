"""Code that a run folder names is looked at before it runs."""

import dataclasses
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import mlp_cohort

from lab.data.own import OwnTask, is_task
from lab.errors import UsageError
from lab.records.store import RunFolder
from lab.specs import CohortSpec, OwnModelSpec, OwnTaskSpec, StudySpec, TargetSpec
from lab.training.replay import replay
from lab.trust import require_harmless
from lab.words import Metric

RUN = Path("runs/sent")

SOURCE = """
from __future__ import annotations

import flax.linen as nn
from lab.data.own import OwnTask

CALLED = []


class Net(nn.Module):
    pass


def marked() -> OwnTask:
    CALLED.append("marked")


def unmarked():
    CALLED.append("unmarked")


class Trap:
    def __init__(self, *_, **__):
        CALLED.append("Trap")
"""


@pytest.fixture
def sent() -> Iterator[types.ModuleType]:
    module = types.ModuleType("sent_code")
    exec(compile(SOURCE, "sent_code.py", "exec"), vars(module))
    sys.modules["sent_code"] = module
    yield module
    del sys.modules["sent_code"]


def cohort(*, model: str | None = None, task: str | None = None, kwargs: str = "{}") -> CohortSpec:
    plain = mlp_cohort(target=TargetSpec(Metric.LOSS, (0.5,)))
    if model is not None:
        plain = dataclasses.replace(plain, model=OwnModelSpec(model, kwargs))
    if task is not None:
        plain = dataclasses.replace(plain, data=OwnTaskSpec(task, kwargs))
    return plain


def test_what_is_marked_may_be_called(sent: types.ModuleType) -> None:
    require_harmless(cohort(), RUN)
    require_harmless(cohort(model="sent_code:Net", task="sent_code:marked"), RUN)
    assert sent.CALLED == []


@pytest.mark.parametrize(
    ("cohort", "line"),
    [
        (cohort(task="sent_code:unmarked"), "no function that says that it gives an OwnTask"),
        (cohort(task="sent_code:Trap"), "no function that says that it gives an OwnTask"),
        (cohort(task="sent_code:Net"), "no function that says that it gives an OwnTask"),
        (cohort(model="sent_code:Trap"), "no module class of Flax"),
        (cohort(model="sent_code:unmarked"), "no module class of Flax"),
        (cohort(model="sent_code:marked"), "no module class of Flax"),
        (cohort(task="numpy:load"), "no function that says that it gives an OwnTask"),
    ],
)
def test_what_is_not_marked_is_not_called(
    sent: types.ModuleType, cohort: CohortSpec, line: str
) -> None:
    with pytest.raises(UsageError, match=line) as refused:
        require_harmless(cohort, RUN)
    assert "--trust" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sent.CALLED == []


@pytest.mark.parametrize("path", ["antigravity:geohash", "os:system", "subprocess:run"])
def test_python_s_own_modules_are_not_even_imported(path: str) -> None:
    """`antigravity` opens a browser when it is imported."""
    for one in (cohort(task=path), cohort(model=path)):
        with pytest.raises(UsageError, match="Python's own"):
            require_harmless(one, RUN)
    assert "antigravity" not in sys.modules


def test_a_run_folder_holds_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "shipped_along.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(UsageError, match="lies in that folder itself"):
        require_harmless(cohort(task="shipped_along:task"), Path())
    assert "shipped_along" not in sys.modules


@pytest.mark.parametrize(
    ("here", "path"),
    [("", "runs.sent.shipped_too:task"), ("runs", "sent.shipped_too:task"), ("", "runs.sent:task")],
)
def test_a_run_folder_is_no_package_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, path: str
) -> None:
    """Standing above the folder, where a folder without __init__.py is a package all the same."""
    run = tmp_path / "runs" / "sent"
    run.mkdir(parents=True)
    (run / "shipped_too.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path / here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(UsageError, match="lies in that folder itself"):
        require_harmless(cohort(task=path), run)


def test_marks_are_annotations_however_they_are_written() -> None:
    def plain() -> OwnTask: ...  # type: ignore[empty-body]

    def quoted() -> "OwnTask": ...  # type: ignore[empty-body]

    def other() -> int: ...  # type: ignore[empty-body]

    assert is_task(plain)
    assert is_task(quoted)
    assert is_task(OwnTask.from_folder)
    assert not is_task(other)
    assert not is_task(OwnTask)
    assert not is_task(os.system)


def test_a_replay_calls_nothing_of_a_folder_that_names_anything(
    sent: types.ModuleType, tmp_path: Path
) -> None:
    harmful = cohort(task="sent_code:unmarked")
    with RunFolder.open(tmp_path / "run", StudySpec("?", (harmful,), ())):
        pass
    with pytest.raises(UsageError, match="sent_code:unmarked as a task"):
        replay(tmp_path / "run", "mlp", 0)
    assert sent.CALLED == []
