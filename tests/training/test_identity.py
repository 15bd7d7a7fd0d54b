"""A run does not go on with, and is not told again by, code that it was not trained by."""

import dataclasses
import json
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import easy_images, mlp_cohort

from lab.data.own import load_own, resolve_task
from lab.errors import UsageError
from lab.records.paths import RunPaths
from lab.specs import (
    AdamSpec,
    CohortSpec,
    OwnModelSpec,
    StudySpec,
    TargetSpec,
)
from lab.studies import How, gather
from lab.training import identity
from lab.training.identity import changed, identify
from lab.training.replay import replay

SOURCE = """
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from lab.data.own import OwnTask


class Net(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x):
        kernel = nn.initializers.lecun_normal()
        x = nn.relu(nn.Dense(self.width, kernel_init=kernel)(x))
        return nn.Dense(2)(x)


def loss(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def right(logits, labels):
    return logits.argmax(-1) == labels


def sure(logits, labels):
    return nn.softmax(logits).max(-1)


def clouds() -> OwnTask:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60).astype(np.int32)
    inputs = (rng.normal(size=(60, 3)) + 2 * labels[:, None]).astype(np.float32)
    metrics = {"right": (right, "maximize"), "sure": (sure, "maximize")}
    return OwnTask(
        (inputs[20:], labels[20:]), (inputs[:20], labels[:20]), loss, metrics, outputs=(2,)
    )
"""
EDITS = {
    "initialisation": ("lecun_normal()", "he_normal()"),
    "training pass and evaluation pass": ("nn.relu(", "nn.tanh("),
    "loss": ("labels(logits, labels)", "labels(2 * logits, labels)"),
    "metric right": ("argmax(-1) == labels", "argmax(-1) != labels"),
    "metric sure": ("softmax(logits).max", "softmax(logits).min"),
}
OWNERS = {"loss": "clouds", "metric right": "clouds", "metric sure": "clouds"}


def write(source: str) -> None:
    """The module as it is imported from now on, as after an edit and a restart."""
    module = types.ModuleType("changing")
    sys.modules["changing"] = module
    exec(compile(source, "changing.py", "exec"), vars(module))


@pytest.fixture(autouse=True)
def _original() -> Iterator[None]:
    write(SOURCE)
    yield
    del sys.modules["changing"]


def edited(part: str) -> str:
    before, after = EDITS[part]
    assert SOURCE.count(before) == 1
    return SOURCE.replace(before, after)


def own_cohort(name: str = "net", width: int = 3) -> CohortSpec:
    task = resolve_task("changing:clouds")
    return CohortSpec(
        name=name,
        data=task,
        model=OwnModelSpec("changing:Net", json.dumps({"width": width})),
        optimizer=AdamSpec(0.05),
        target=TargetSpec(task.metrics[1], (0.9,)),
        batch_size=8,
        budget_steps=20,
        eval_every=5,
        members=3,
        seed=1,
    )


def identified(cohort: CohortSpec) -> identity.Identity:
    return identify(cohort, load_own(cohort.data), {})  # type: ignore[arg-type]


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 500), st.text("abc", min_size=1, max_size=3))
def test_who_the_members_are_is_no_part_of_a_program(seed: int, members: int, name: str) -> None:
    data = easy_images()
    plain = identify(mlp_cohort(), data, {})
    assert identify(mlp_cohort(seed=seed, members=members, name=name), data, {}) == plain
    narrower = dataclasses.replace(mlp_cohort().model, width=4)
    assert identify(mlp_cohort(model=narrower), data, {}).parts != plain.parts


def test_what_is_not_code_is_no_change() -> None:
    cohort = own_cohort()
    before = {"program": identified(cohort).facts()}
    write(
        "# A comment.\n\n"
        + SOURCE.replace("def right(logits, labels):", "def right(l, labels):").replace(
            "logits.argmax", "l.argmax"
        )
    )
    assert changed(cohort, before, identified(cohort)) is None


@pytest.mark.parametrize("part", EDITS)
def test_each_part_is_told_by_its_name(part: str) -> None:
    cohort = own_cohort()
    before = {"program": json.loads(json.dumps(identified(cohort).facts()))}
    assert changed(cohort, before, identified(cohort)) is None
    write(edited(part))
    change = changed(cohort, before, identified(cohort))
    assert change is not None
    assert change.versions == ()
    verb = "are" if " and " in part else "is"
    assert identity.told([change]) == (
        f"the {part} of cohort 'net' {verb} not what this run began with"
    )
    owner = OWNERS.get(part, "Net")
    assert identity.remedy([change]) == (
        f"put back the code of changing:{owner}, and what it calls"
    )


def test_a_rule_of_differentiation_is_code_too() -> None:
    ruled = SOURCE.replace(
        "class Net",
        """
@jax.custom_jvp
def through(x):
    return x + 0.0

through.defjvps(lambda slope, _, x: slope)


class Net""",
        1,
    ).replace("nn.relu(nn.Dense", "through(nn.Dense")
    write(ruled)
    cohort = own_cohort()
    before = {"program": identified(cohort).facts()}
    write(ruled.replace("x: slope)", "x: 2 * slope)"))
    change = changed(cohort, before, identified(cohort))
    assert change is not None
    assert change.parts == ("training pass",)


@pytest.mark.parametrize("facts", [{}, {"program": None}])
def test_runs_that_kept_nothing_tell_nothing(facts: dict[str, Any]) -> None:
    assert changed(own_cohort(), facts, identified(own_cohort())) is None


def go(root: Path, lines: list[str] | None = None) -> None:
    """Begins a run, goes on with it, or finds it finished; as a study and a search's rounds do."""
    cohort = own_cohort()
    told = [] if lines is None else lines
    how = How(1, 1, say=told.append)
    gather(StudySpec("?", (cohort,), ()), {cohort.data: load_own(cohort.data)}, root, how)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the original code: `done` has ended, `begun` lacks members."""
    root = tmp_path_factory.mktemp("runs")
    write(SOURCE)
    go(root / "done")
    shutil.copytree(root / "done", root / "begun")
    for part in (root / "begun" / "cohorts" / "net").glob("members-*"):
        part.unlink()
    return root


@pytest.fixture
def copies(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs, tmp_path / "runs"))


LINE = (
    "the loss of cohort 'net' is not what this run began with: put back the code of "
    "changing:clouds, and what it calls, or pass another --out"
)


def test_a_run_neither_goes_on_nor_is_told_again_with_another_loss(copies: Path) -> None:
    write(edited("loss"))
    for name in ("begun", "done"):
        with pytest.raises(UsageError) as refused:
            go(copies / name)
        assert str(refused.value) == LINE
    # What a replay finds to differ is told with its reason.
    found = replay(copies / "done", "net", 1)
    assert found.difference is not None
    assert found.changed == "the loss of cohort 'net' is not what this run began with"
    write(SOURCE)
    lines: list[str] = []
    go(copies / "done", lines)
    assert lines == []


def test_what_may_be_the_lab_s_doing_is_no_accusation(
    copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run under way does not go on all the same; a finished one is told, with a warning."""
    write(edited("metric sure"))
    then = identity.made_with()
    now = then | {"lab": "9.9.9, source 0123456789ab"}
    monkeypatch.setattr(identity, "made_with", lambda: now)
    why = (
        "the metric sure of cohort 'net' is not what this run began with, which may be because lab "
        f"was {then['lab']} and is {now['lab']}"
    )
    with pytest.raises(UsageError) as refused:
        go(copies / "begun")
    assert str(refused.value) == f"{why}: go on with those, or pass another --out"
    lines: list[str] = []
    go(copies / "done", lines)
    assert lines == [f"warning: {why}; its records are told as they are"]


def test_another_version_alone_is_no_change(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "made_with", lambda: {"lab": "9.9.9"})
    lines: list[str] = []
    go(copies / "done", lines)
    assert lines == []


def test_a_finished_run_without_digests_is_held_by_its_parameters(copies: Path) -> None:
    file = RunPaths(copies / "done").environment
    document = json.loads(file.read_text())
    del document["cohorts"]["net"]["program"]
    file.write_text(json.dumps(document))
    write(edited("loss"))
    go(copies / "done")  # As it was before there were digests.
    write(SOURCE.replace("nn.Dense(2)(x)", "nn.Dense(2)(nn.Dense(2)(x))"))
    with pytest.raises(UsageError, match="'net' has 26 parameters, and had 20 when"):
        go(copies / "done")


def test_cohorts_are_named_together() -> None:
    changes = [
        identity.Change(own_cohort(name), parts, ())
        for name, parts in (("a", ("loss",)), ("b", ("loss",)), ("c", ("training pass", "loss")))
    ]
    assert identity.told(changes) == (
        "the loss of cohorts 'a' and 'b' is not what this run began with; the training pass and "
        "loss of cohort 'c' are not what this run began with"
    )
    assert identity.remedy(changes) == (
        "put back the code of changing:clouds and changing:Net, and what it calls"
    )


def test_the_lab_s_own_code_is_the_lab_s() -> None:
    cohort, data = mlp_cohort(), easy_images()
    now = identify(cohort, data, {})
    before = {"program": now.facts()}
    for part in ("rest of an evaluation", "optimizer"):
        before["program"]["parts"][part] = "another"
    change = changed(cohort, before, now)
    assert change is not None
    assert change.parts == ("optimizer",)  # The rest holds it, and so it follows.
    assert identity.remedy([change]) == "put back the code of the lab, and what it calls"
