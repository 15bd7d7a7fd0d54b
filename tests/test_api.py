"""The lab from Python, as its documentation has it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab import api
from lab.data.own import OwnTask
from lab.errors import UsageError
from lab.specs import CohortSpec, MLPSpec, SequentialSpec, default_looks
from lab.words import Clock, Task, Tune


def blobs(count: int = 80) -> OwnTask:
    """Two clouds that a line tells apart."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count).astype(np.int32)
    inputs = (rng.normal(size=(count, 2)) + 3 * labels[:, None]).astype(np.float32)
    return OwnTask(
        train=(inputs[20:], labels[20:]),
        validation=(inputs[:20], labels[:20]),
        loss=Task.CLASSIFICATION,
    )


def quiet(_: str) -> None:
    """Says nothing."""


def test_a_race_in_ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(api, "use_compilation_cache", lambda: "something is amiss")
    lines: list[str] = []
    result = api.race(
        {"small": MLPSpec(2, depth=1), "large": MLPSpec(16, depth=1)},
        api.own_task(blobs),
        target=("accuracy", 0.9),
        members=6,
        budget_steps=80,
        budget_clock=Clock.FLOPS,
        eval_every=8,
        out=tmp_path / "run",
        tune=Tune.DEFAULT,
        say=lines.append,
    )
    # A callback gets lines of plain text alone, whatever stdout is; warnings among them.
    assert lines[0] == "warning: something is amiss"
    assert all(line.isprintable() for line in lines)
    assert any(re.match(r"\d+:\d\d small: .* done$", line) for line in lines)
    assert result.answer in " ".join(lines)
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert result.answer == document["answer"] == result.verdict["answer"]
    assert [one["name"] for one in document["cohorts"]] == ["small", "large"]
    assert (result.folder / "report.html").exists()
    study = json.loads((result.folder / "study.json").read_text())
    assert re.search("test_api:blobs", json.dumps(study))
    small, large = (one["budget_steps"] for one in study["cohorts"])
    assert large == 80 < small
    # Eight times as wide, an eighth of the rate.
    assert [one["optimizer"]["learning_rate"] for one in study["cohorts"]] == [0.003, 0.000375]


def test_what_cannot_be_found_again_is_refused() -> None:
    def inner() -> OwnTask:
        return blobs()

    with pytest.raises(UsageError, match="defined within a function"):
        api.own_task(inner)
    with pytest.raises(UsageError, match="cannot be written down"):
        api.own_model(np.ndarray, shape=np.int64)


def test_a_target_is_about_something_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="measured are loss, accuracy"):
        api.race(
            {"small": MLPSpec(2), "large": MLPSpec(16)},
            api.own_task(blobs),
            target=("iou", 0.5),
            out=tmp_path,
            say=quiet,
        )


@pytest.mark.parametrize(
    ("asked", "looks"),
    [
        ({}, default_looks(1024)),
        ({"members": 200}, (64, 96, 128, 192, 200)),
        ({"members": 40, "planned": True}, (10, 20, 30, 40)),
    ],
)
def test_looks_are_those_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], looks: tuple[int, ...]
) -> None:
    def noted(cohorts: list[CohortSpec], _: object, sequential: SequentialSpec) -> None:
        assert sequential == SequentialSpec(looks, asked.get("planned", False))
        assert [one.members for one in cohorts] == [looks[-1]] * 2
        raise UsageError("as it should be")

    monkeypatch.setattr(api, "race_study", noted)
    with pytest.raises(UsageError, match="as it should be"):
        api.race(
            {"small": MLPSpec(2, depth=1), "large": MLPSpec(16, depth=1)},
            api.own_task(blobs),
            target=("accuracy", 0.9),
            out=tmp_path / "run",
            sequential=True,
            say=quiet,
            **asked,
        )


def test_a_plan_of_looks_needs_looks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pass sequential=True too"):
        api.race({}, api.own_task(blobs), target=("accuracy", 1), out=tmp_path, planned=True)
