"""A member out of a run, again: the same bits, or the place where they first differ."""

import dataclasses
import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from toys import DIGITS, TWO_CLASSES, easy_images, mlp_cohort

from lab.errors import UsageError
from lab.records.store import RunFolder
from lab.specs import RecipeSpec, SGDSpec, StudySpec
from lab.training import replay as replay_module
from lab.training.member import make_member
from lab.training.observation import Value, make_observe
from lab.training.planning import plan_study
from lab.training.replay import BITS_DEPEND_ON, Replay, replay
from lab.training.resident import make_resident
from lab.training.runner import run

DATA = {DIGITS: easy_images()}
COHORT = mlp_cohort(members=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lanes in a block, and two blocks; tests leave it as it is."""
    root = tmp_path_factory.mktemp("replayed") / "run"
    study = StudySpec("?", (COHORT,), ())
    plans = plan_study(study, DATA, 6, 3, {})
    with RunFolder.open(root, study) as opened:
        opened.write_environment(
            {
                "versions": {name: importlib.metadata.version(name) for name in BITS_DEPEND_ON},
                "devices": [str(jax.devices()[0])],
                "cohorts": {plan.cohort.name: plan.facts() for plan in plans},
            }
        )
        run(plans, DATA, opened, lambda _: None)
    return root


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def _no_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "load", lambda spec, _: DATA[spec])


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_member_comes_again_to_the_bit(folder: Path) -> None:
    """One that waited for a free lane, in the second block."""
    before = contents(folder)
    again = replay(folder, "mlp", 5)
    assert again.difference is None
    assert again.agreeing == again.evaluations > 0
    assert again.values == {}
    assert contents(folder) == before


def edited(root: Path, kind: str, edit: Callable[[pa.Table], pa.Table]) -> Path:
    """The same run with a column of the MLPs' records changed in every part."""
    for path in root.glob(f"cohorts/mlp/{kind}-*.parquet"):
        pq.write_table(edit(pq.ParquetFile(path).read()), path)
    return root


def test_the_first_evaluation_that_differs_is_named(copy: Path) -> None:
    """One unit in the last place of one loss of one member."""

    def edit(table: pa.Table) -> pa.Table:
        chosen = pc.and_(pc.equal(table["member"], 3), pc.equal(table["evaluation"], 4))
        loss = table["loss"].to_numpy().copy()
        at = chosen.to_numpy(zero_copy_only=False)
        loss[at] = np.nextafter(loss[at], np.float32(np.inf))
        index = table.column_names.index("loss")
        return table.set_column(index, table.schema.field(index), pa.array(loss))

    again = replay(edited(copy, "curves", edit), "mlp", 3)
    assert again.agreeing == 3
    assert again.difference is not None
    assert "evaluation 4 (step 16): loss" in again.difference
    assert again.values == {}


def test_a_row_that_no_member_of_the_study_has_is_named(copy: Path) -> None:
    def edit(table: pa.Table) -> pa.Table:
        index = table.column_names.index("data_order_id")
        wrong = pa.array([8] * table.num_rows, pa.int64())
        return table.set_column(index, table.schema.field(index), wrong)

    with pytest.raises(UsageError, match=r"row 1 .*: data_order_id is 8, "):
        replay(edited(copy, "members", edit), "mlp", 3)


@pytest.fixture(scope="module")
def looked(folder: Path) -> Replay:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_module, "load", lambda spec, _: DATA[spec])
        return replay(folder, "mlp", 2, steps=(0, 1, 5, 8))


def test_values_are_those_of_the_trajectory(looked: Replay) -> None:
    """What a step adds leads to the parameters of the next; steps are those of training."""
    assert looked.difference is None
    assert looked.stepwise is True
    values = looked.values
    for name in ("Dense_0/kernel", "Dense_1/bias"):
        first, update = (values[f"step-000000/{kind}/{name}"] for kind in ("params", "updates"))
        np.testing.assert_allclose(first + update, values[f"step-000001/params/{name}"], rtol=1e-6)
        assert np.abs(update).max() > 0


def test_every_value_is_there_under_a_name_that_reads(looked: Replay) -> None:
    shapes = {
        name: array.shape for name, array in looked.values.items() if name.startswith("step-000005")
    }
    assert shapes["step-000005/loss"] == ()
    assert shapes["step-000005/batch"] == (8,)
    assert shapes["step-000005/gradients/Dense_0/kernel"] == (16, 8)
    assert shapes["step-000005/activations/Dense_0"] == (8, 8)
    assert shapes["step-000005/activations/logits"] == (8, 2)
    assert shapes["step-000005/optimizer/0/mu/Dense_0/kernel"] == (16, 8)
    kinds = {name.split("/")[1] for name in shapes}
    assert kinds == {value.value for value in Value}


def test_logits_and_batch_belong_to_the_loss(looked: Replay) -> None:
    """Cross-entropy on paper, from the activations and the batch that are told."""
    logits = looked.values["step-000008/activations/logits"].astype(np.float64)
    labels = DATA[DIGITS].train.targets[looked.values["step-000008/batch"]]
    spread = np.log(np.exp(logits).sum(-1))
    expected = (spread - logits[np.arange(8), labels]).mean()
    np.testing.assert_allclose(looked.values["step-000008/loss"], expected, rtol=1e-5)


def test_gradients_are_those_that_the_member_learns_by() -> None:
    """Plain gradient descent moves by minus the rate times the gradient, whatever the loss."""
    recipe = RecipeSpec(dropout=0.3, label_smoothing=0.2)
    cohort = mlp_cohort(optimizer=SGDSpec(0.5, momentum=0.0), recipe=recipe)
    member = make_member(cohort, TWO_CLASSES)
    train = make_resident(DATA[DIGITS]).train
    observe = make_observe(cohort, member, TWO_CLASSES, (Value.GRADIENTS, Value.UPDATES))
    state, look, step = jax.jit(member.init)(jnp.int32(5)), jax.jit(observe), jax.jit(member.step)
    for _ in range(3):
        found: dict[str, Any] = look(state, train)
        jax.tree.map(
            lambda gradient, update: np.testing.assert_allclose(update, -0.5 * gradient, atol=1e-6),
            found["gradients"],
            found["updates"],
        )
        state = step(state, train)


def test_what_is_not_in_the_run_is_refused(folder: Path) -> None:
    for arguments, line in (
        (("none", 0), "no cohort 'none': pass one of mlp"),
        (("mlp", 7), "no member 7: pass one from 0 to 6"),
        (("mlp", -1), "no member -1"),
    ):
        with pytest.raises(UsageError, match=line):
            replay(folder, *arguments)
    with pytest.raises(UsageError, match=r"step 40 was never taken.*to \d+"):
        replay(folder, "mlp", 0, steps=(40,))
    with pytest.raises(UsageError, match="no run folder"):
        replay(folder / "cohorts", "mlp", 0)


def test_a_member_that_has_not_ended_is_refused(copy: Path) -> None:
    edited(copy, "members", lambda table: table.filter(pc.field("member") != 4))
    with pytest.raises(UsageError, match="member 4 of cohort 'mlp' has not ended"):
        replay(copy, "mlp", 4)


def test_other_versions_devices_and_data_are_refused(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = copy / "environment.json"
    plain = json.loads(file.read_text())
    for key, value, line in (
        ("versions", plain["sessions"][0]["versions"] | {"jaxlib": "0.0.1"}, "jaxlib==0.0.1"),
        ("devices", ["cuda:0"], "made on cuda"),
    ):
        file.write_text(json.dumps(plain | {"sessions": [plain["sessions"][0] | {key: value}]}))
        with pytest.raises(UsageError, match=line):
            replay(copy, "mlp", 0)
    file.write_text(json.dumps(plain))
    other = dataclasses.replace(DATA[DIGITS], validation=DATA[DIGITS].train)
    monkeypatch.setattr(replay_module, "load", lambda *_: other)
    with pytest.raises(UsageError, match="not those that this run began with"):
        replay(copy, "mlp", 0)


def test_the_recorded_width_is_what_makes_the_bits(copy: Path) -> None:
    """At another width it may differ, and the record of the width is what is read."""
    file = copy / "environment.json"
    text = json.loads(file.read_text())
    assert text["cohorts"]["mlp"]["lane_width"] == 3
    del text["cohorts"]["mlp"]["lane_width"]
    file.write_text(json.dumps(text))
    with pytest.raises(UsageError, match="lacks lane_width"):
        replay(copy, "mlp", 0)
