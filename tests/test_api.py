"""The lab from Python, as its documentation has it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lab import api
from lab.data.own import OwnTask
from lab.errors import UsageError
from lab.specs import MLPSpec
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


def quiet(*_: object, **__: object) -> None:
    """Says nothing."""


def test_a_race_in_ten_lines(tmp_path: Path) -> None:
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
        say=quiet,
    )
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
