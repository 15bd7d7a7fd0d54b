"""Trained weights on their way: out of a run, into another, and its own copy of them."""

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax.training.train_state import TrainState
from toys import DIGITS, TWO_CLASSES, easy_images, mlp_cohort

from lab.errors import UsageError
from lab.models.paths import named, renamed
from lab.models.weights import Weights
from lab.records.environment import read_environment
from lab.records.paths import RunPaths
from lab.records.store import RunFolder
from lab.specs import InitialSpec, RecipeSpec, SourceSpec, StudySpec
from lab.training import replay as replay_module
from lab.training.comparison import read_member
from lab.training.member import make_member
from lab.training.planning import plan_study
from lab.training.replay import Replay, replay
from lab.training.resident import make_resident
from lab.training.rounding import BITS_DEPEND_ON
from lab.training.runner import run
from lab.training.sources import load_sources
from lab.training.weights import digest, read_checkpoint, read_copy, write_checkpoint, write_copy
from lab.words import Outcome

DATA = {DIGITS: easy_images()}
FIRST = mlp_cohort(members=6, recipe=RecipeSpec(ema_decay=0.5))
WEIGHTS = Weights(
    {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias": np.ones(3, np.float32)},
    {"n/mean": np.zeros(3, np.float32)},
)
TREE: Any = {"a": {"kernel": WEIGHTS.params["a/kernel"], "bias": WEIGHTS.params["a/bias"]}}


@pytest.fixture(autouse=True)
def _no_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "load", lambda spec, _: DATA[spec])


def trained(root: Path, study: StudySpec) -> Path:
    """A run, in three lanes in a block."""
    with RunFolder.open(root, study) as opened:
        sources = load_sources(study, opened.paths, (), None)
        plans = plan_study(study, DATA, 3, 3, {}, sources)
        opened.write_environment(
            {
                "versions": {name: importlib.metadata.version(name) for name in BITS_DEPEND_ON},
                "devices": [str(jax.devices()[0])],
                "cohorts": {plan.cohort.name: plan.facts() for plan in plans},
            }
        )
        run(plans, DATA, opened, lambda _: None)
    return root


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("earlier") / "run", StudySpec("?", (FIRST,), ()))


@pytest.fixture(scope="module")
def reached(earlier: Path) -> Replay:
    """A member of it that reached its target, and went on to see it held."""
    records = [read_member(RunPaths(earlier), FIRST, one) for one in range(FIRST.members)]
    member = next(one for one, found in enumerate(records) if found.outcome is Outcome.REACHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_module, "load", lambda spec, _: DATA[spec])
        return replay(earlier, "mlp", member)


def test_weights_of_a_replay_are_those_that_were_evaluated(earlier: Path, reached: Replay) -> None:
    """At the hit; an average, whose loss the record has."""
    record = read_member(RunPaths(earlier), FIRST, reached.member)
    assert record.step < record.evaluations * FIRST.eval_every
    assert reached.weights is not None
    member = make_member(FIRST, TWO_CLASSES)
    state = member.init(jnp.int32(0))
    params = renamed(state.params, dict(reached.weights.params))
    average = state._replace(average=(params, {}))
    _, info = jax.jit(member.evaluate)(average, make_resident(DATA[DIGITS])[1])
    loss = record.curve["loss"][record.step // FIRST.eval_every - 1].as_py()
    assert float(info.metrics_M[0]) == pytest.approx(loss, rel=1e-5)


def test_a_run_starts_from_a_member_and_keeps_what_it_started_from(
    earlier: Path, reached: Replay, tmp_path: Path
) -> None:
    """Gone on with, and replayed, without the earlier run."""
    weights = reached.weights
    assert weights is not None
    moved = shutil.copytree(earlier, tmp_path / "moved")
    source = SourceSpec(str(moved), "mlp", reached.member)
    initial = InitialSpec(source=source, fresh=("Dense_1",), frozen=("Dense_0/kernel",))
    second = mlp_cohort(name="second", members=3, initial=initial)
    study = StudySpec("?", (second,), ())
    root = trained(tmp_path / "later", study)
    shutil.rmtree(moved)

    paths = RunPaths(root)
    assert digest(read_copy(paths.initial("second"))) == digest(weights)
    again = replay(root, "second", 2)
    assert again.difference is None
    assert again.weights is not None
    frozen, fresh = "Dense_0/kernel", "Dense_1/kernel"
    np.testing.assert_array_equal(again.weights.params[frozen], weights.params[frozen])
    assert (again.weights.params[fresh] != weights.params[fresh]).any()

    facts = {"second": read_environment(paths)["cohorts"]["second"]}
    with RunFolder.open(root, study) as opened:
        sources = load_sources(study, opened.paths, facts, None)
        (plan,) = plan_study(study, DATA, None, None, facts, sources)
        assert plan.facts()["source_digest"] == digest(weights)
        with pytest.raises(UsageError, match="not those it began with"):
            plan_study(study, DATA, None, None, facts, {"second": WEIGHTS})


def from_folder(folder: Path) -> StudySpec:
    initial = InitialSpec(source=SourceSpec(str(folder)))
    return StudySpec("?", (mlp_cohort(initial=initial),), ())


def test_a_checkpoint_that_changed_is_refused_and_one_that_is_gone_is_not_missed(
    tmp_path: Path,
) -> None:
    folder, paths = tmp_path / "weights", RunPaths(tmp_path / "run")
    write_checkpoint(folder, WEIGHTS)
    study = from_folder(folder)
    assert digest(load_sources(study, paths, (), None)["mlp"]) == digest(WEIGHTS)
    assert digest(load_sources(study, paths, ("mlp",), None)["mlp"]) == digest(WEIGHTS)
    shutil.rmtree(folder)
    assert digest(load_sources(study, paths, ("mlp",), None)["mlp"]) == digest(WEIGHTS)
    other = {path: leaf + 1 for path, leaf in WEIGHTS.params.items()}
    write_checkpoint(folder, WEIGHTS._replace(params=other))
    with pytest.raises(UsageError, match="no longer holds the weights"):
        load_sources(study, paths, ("mlp",), None)
    paths.initial("mlp").write_bytes(b"PK")
    with pytest.raises(UsageError, match="cannot be read"):
        load_sources(study, paths, ("mlp",), None)


def saved(folder: Path, tree: Any) -> Path:
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder, tree)
    return folder


def test_users_checkpoints_are_read_in_the_forms_that_flax_gives_them(tmp_path: Path) -> None:
    state = TrainState.create(apply_fn=lambda *_: None, params=TREE, tx=optax.adam(0.1))
    with ocp.CheckpointManager(tmp_path / "manager") as manager:
        manager.save(12, args=ocp.args.StandardSave({"params": TREE}))
    folders = [
        saved(tmp_path / "params", TREE),
        saved(tmp_path / "state", state),
        saved(tmp_path / "nested", {"step": 3, "params": {"params": TREE}}),
        tmp_path / "manager" / "12",
    ]
    plain = digest(WEIGHTS._replace(model_state={}))
    assert {digest(read_checkpoint(folder)) for folder in folders} == {plain}
    stats = {"n": {"mean": WEIGHTS.model_state["n/mean"]}}
    with_stats = saved(tmp_path / "variables", {"params": TREE, "batch_stats": stats})
    assert digest(read_checkpoint(with_stats)) == digest(WEIGHTS)
    halves = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.bfloat16), TREE)
    assert digest(read_checkpoint(saved(tmp_path / "halves", halves))) == plain
    with pytest.raises(UsageError, match=r"pass one, as .*manager/12/default"):
        read_checkpoint(tmp_path / "manager")
    with pytest.raises(UsageError, match="no Orbax checkpoint"):
        read_checkpoint(tmp_path / "none")
    with pytest.raises(UsageError, match="is there already"):
        write_checkpoint(tmp_path / "state", WEIGHTS)


def test_a_copy_is_what_was_copied(tmp_path: Path) -> None:
    write_copy(tmp_path / "copy.npz", WEIGHTS)
    again = read_copy(tmp_path / "copy.npz")
    assert digest(again) == digest(WEIGHTS)
    for path, leaf in named(again.params).items():
        np.testing.assert_array_equal(leaf, WEIGHTS.params[path])


def test_a_digest_sees_names_shapes_and_numbers() -> None:
    kernel = WEIGHTS.params["a/kernel"]
    all_ = ({"a": kernel}, {"b": kernel}, {"a": kernel.reshape(3, 2)}, {"a": kernel + 1})
    digests = {digest(Weights(one, {})) for one in all_} | {digest(Weights({}, {"a": kernel}))}
    assert len(digests) == 5
