"""A user's model on their task: measured as they say, trained, replayed to the bit, or refused."""

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import user_nets
import user_tasks
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data.arrays import DataArrays
from lab.data.own import OwnTask, load_own, resolve_task
from lab.errors import UsageError
from lab.records.environment import read_environment
from lab.records.paths import RunPaths
from lab.records.reader import read_cohort
from lab.records.store import RunFolder
from lab.specs import (
    AdamSpec,
    CohortSpec,
    OwnModelSpec,
    OwnTaskSpec,
    RecipeSpec,
    ScheduleFreeSpec,
    SeedsSpec,
    StudySpec,
    TargetSpec,
)
from lab.training.objectives import objective
from lab.training.own_checks import check_own
from lab.training.own_objective import own_objective
from lab.training.planning import plan_study
from lab.training.replay import BITS_DEPEND_ON, replay
from lab.training.runner import run
from lab.words import Direction, Metric, Outcome, Task

POINTS = resolve_task("user_tasks:points")


def cohort(
    model: str, kwargs: str = "{}", task: OwnTaskSpec = POINTS, **changes: Any
) -> CohortSpec:
    plain = CohortSpec(
        name="own",
        data=task,
        model=OwnModelSpec(f"user_nets:{model}", kwargs),
        optimizer=AdamSpec(0.05),
        target=TargetSpec(task.metrics[-1], (0.6, 0.9) if len(task.metrics) > 1 else (0.1,)),
        batch_size=5,
        budget_steps=20,
        eval_every=2,
        members=3,
        seed=5,
    )
    return dataclasses.replace(plain, **changes)


def split(outputs: np.ndarray, targets: np.ndarray, size: int) -> Any:
    """Chunks of `size`, the last padded with the first example at weight 0."""
    padding = -len(outputs) % size
    weights = np.concatenate([np.ones(len(outputs)), np.zeros(padding)]).astype(np.float32)
    columns = [np.concatenate([one, np.repeat(one[:1], padding, 0)]) for one in (outputs, targets)]
    return [one.reshape(-1, size, *one.shape[1:]) for one in (*columns, weights)]


def scored(task: OwnTask, outputs: np.ndarray, targets: np.ndarray, size: int) -> np.ndarray:
    made = own_objective("mine", task)
    chunks = zip(*split(outputs, targets, size), strict=True)
    tallies = [made.tally(*map(jnp.asarray, chunk)) for chunk in chunks]
    return np.asarray(made.score(jax.tree.map(lambda *sums: sum(sums), *tallies)))


@settings(max_examples=8)
@given(st.integers(1, 7), st.just(3), st.integers(0, 99))
def test_padding_and_chunks_change_no_measure(count: int, size: int, seed: int) -> None:
    """A loss an example, and one that is a batch's mean, are both the split's mean."""
    rng = np.random.default_rng([seed])
    logits = rng.normal(size=(count, 2)).astype(np.float32)
    labels = rng.integers(0, 2, count).astype(np.int32)
    log_likelihood = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = [
        -log_likelihood[np.arange(count), labels].mean(),
        (logits.argmax(1) == labels).mean(),
    ]
    for loss in ("each", "mean"):
        found = scored(user_tasks.points(loss=loss), logits, labels, size)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_pair_is_a_ratio_of_sums_beside_what_is_ready_made() -> None:
    task = user_tasks.squares(5)
    rng = np.random.default_rng([3])
    logits = rng.normal(size=(5, 8, 8)).astype(np.float32)
    masks = task.validation[1]
    found = scored(task, logits, masks, 2)
    ready = objective(Task.SEGMENTATION)
    alone = ready.score(ready.tally(jnp.asarray(logits), jnp.asarray(masks), jnp.ones(5)))
    np.testing.assert_allclose(found[:3], alone, rtol=1e-5)
    np.testing.assert_allclose(found[3], ((logits > 0) & (masks > 0)).sum() / masks.sum())


def test_the_training_loss_is_the_user_s_own() -> None:
    logits, labels = jnp.array([[1.0, 0.0], [0.5, 2.0]]), jnp.array([0, 0])
    expected = user_tasks.mean_cross_entropy(logits, labels)
    for loss in ("each", "mean"):
        made = own_objective("mine", user_tasks.points(loss=loss))
        np.testing.assert_allclose(made.loss(logits, labels), expected, rtol=1e-6)


def test_a_loss_that_is_nan_makes_metrics_nan() -> None:
    logits, labels = np.array([[np.nan, 0.0], [0.0, 1.0]], np.float32), np.array([1, 1], np.int32)
    assert np.isnan(scored(user_tasks.points(), logits, labels, 2)).all()


def test_a_cohort_measures_what_its_task_does() -> None:
    assert [one.value for one in cohort("ConvNet").metrics] == ["loss", "accuracy"]
    with pytest.raises(UsageError) as refused:
        cohort("ConvNet", target=TargetSpec(Metric.IOU, (0.5,)))
    assert str(refused.value) == (
        "metric iou is not measured in user_tasks:points; use one of loss, accuracy"
    )
    study = StudySpec("?", (cohort("ConvNet", '{"b": [1, 2],  "a": null}'),), ())
    again = StudySpec.from_json(study.to_json())
    assert again == study
    assert again.cohorts[0].model == OwnModelSpec("user_nets:ConvNet", '{"a":null,"b":[1,2]}')


class Trained:
    """A run of a user's nnx net with batch normalisation and dropout, in five lanes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cohort = cohort("Told", '{"inputs": 3}', members=7)
        self.data = {self.cohort.data: load_own(POINTS)}
        study = StudySpec("?", (self.cohort,), ())
        check_own(self.cohort, self.data[self.cohort.data])
        plans = plan_study(study, self.data, 5, 5, {})
        with RunFolder.open(root, study) as opened:
            opened.write_environment(
                {
                    "versions": {name: importlib.metadata.version(name) for name in BITS_DEPEND_ON},
                    "devices": [str(jax.devices()[0])],
                    "cohorts": {plan.cohort.name: plan.facts() for plan in plans},
                }
            )
            run(plans, self.data, opened, lambda _: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("own") / "run")


def test_members_of_a_user_s_net_learn_and_differ(trained: Trained) -> None:
    records = read_cohort(trained.root, "own")
    accuracy = records.curves.metrics[trained.cohort.metrics[1]]
    assert records.parameters == 2 * 3 + 3 * 2 + 2
    assert accuracy.max() >= 0.9
    assert Outcome.REACHED in records.outcome
    first = records.curves.metrics[Metric.LOSS][records.curves.evaluation == 1]
    assert len(set(first.tolist())) == 7


def test_a_member_of_a_user_s_net_comes_again_to_the_bit(trained: Trained) -> None:
    """The task's function is called anew, as by another process."""
    again = replay(trained.root, "own", 6)
    assert again.difference is None
    assert again.agreeing == again.evaluations > 0


def test_a_run_does_not_go_on_with_other_data(trained: Trained) -> None:
    facts = read_environment(RunPaths(trained.root))["cohorts"]
    other = load_own(OwnTaskSpec("user_tasks:points", '{"spread": 0.5}', POINTS.metrics))
    study = StudySpec("?", (trained.cohort,), ())
    with pytest.raises(UsageError) as refused:
        plan_study(study, {trained.cohort.data: other}, None, None, facts)
    assert str(refused.value) == (
        "the data of user_tasks:points are not those that this run began with: let that function "
        "give the same arrays again, or pass another --out"
    )


PURITY = "a model must be a pure function of its variables and random streams"
OTHERWISE = (
    "comes out otherwise each time it is traced, as a counter, a list that grows or a draw of "
    "numpy.random makes it"
)
REMEDY = (
    "draw with jax.random and keys of make_rng or nnx.Rngs, and keep what changes in a variable of "
    "Flax"
)
REFUSED = {
    "Counting": f"user_nets:Counting {OTHERWISE}; {PURITY}: {REMEDY}",
    "NumpyNoise": f"user_nets:NumpyNoise {OTHERWISE}; {PURITY}: {REMEDY}",
    "Hoarding": (
        "user_nets:Hoarding puts an array away in Python, in a list or an attribute, which is none "
        f"once the program is compiled; {PURITY}: return it, or sow it"
    ),
    "Overflowing": (
        "the loss is nan at step 0, for member 0 on its first batch; it must be finite before "
        "training starts; the output of huge, after, the whole model is not: scale the inputs or "
        "the initial weights"
    ),
    "RootOfNothing": (
        "the gradient of scale is not finite at step 0, though the loss is 0.313565; both must be "
        "before training starts: keep sqrt, norms and divisions away from 0, in the branch that "
        "jnp.where does not take too"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_trained_is_told_why(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_own(cohort(name), load_own(POINTS))
    assert str(refused.value) == REFUSED[name]


TASKS = {
    "impure": (
        f"the loss of user_tasks:impure {OTHERWISE}; losses and metrics must be pure functions of "
        f"their two arguments: {REMEDY}"
    ),
    "shapeless": (
        "the loss of user_tasks:shapeless gives [2] for 5 examples; a measure gives a number an "
        "example, [B] or [B, ...], or one number that is the mean over the examples it is given: "
        "give one of these"
    ),
    "logarithmic": (
        "the loss is -inf at step 0, for member 0 on its first batch; it must be finite before "
        "training starts; the model's outputs are, so the loss is at fault: keep it from log(0) "
        "and 0/0"
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_cannot_be_trained_on_is_told_why(name: str) -> None:
    task = resolve_task(f"user_tasks:{name}")
    with pytest.raises(UsageError) as refused:
        check_own(cohort("FieldNet", task=task), load_own(task))
    assert str(refused.value) == TASKS[name]


def test_a_divergence_factor_of_a_loss_that_starts_at_nothing_is_refused() -> None:
    task = resolve_task("user_tasks:satisfied")
    with pytest.raises(UsageError) as refused:
        check_own(cohort("FieldNet", task=task, divergence_factor=2.0), load_own(task))
    assert str(refused.value) == (
        "divergence_factor is 2, but the loss is 0 at step 0, for member 0 on its first batch; no "
        "rise can be counted in a start of 0: drop --divergence_factor"
    )


def test_a_loss_that_raises_is_told_with_what_it_was_given() -> None:
    for name, begins, ends in (
        (
            "unsaid",
            "the loss of user_tasks:unsaid on outputs float32[5, 2] and targets int32[5] failed "
            "with ",
            "; it must take what the model gives and what the data hold: mend it, or choose others",
        ),
        (
            "in_numpy",
            "the loss of user_tasks:in_numpy on outputs float32[5, 2] and targets int32[5] failed "
            "with TracerArrayConversionError (",
            "; Python's branches and the shapes of arrays may depend on shapes, never on values: "
            "use jnp.where, or a mask",
        ),
    ):
        task = resolve_task(f"user_tasks:{name}")
        with pytest.raises(UsageError) as refused:
            check_own(cohort("FieldNet", task=task), load_own(task))
        assert str(refused.value).startswith(begins)
        assert str(refused.value).endswith(ends)


def test_a_recipe_that_does_nothing_to_a_user_s_code_is_refused() -> None:
    data = load_own(POINTS)
    for made, line in (
        (
            cohort("FieldNet", optimizer=ScheduleFreeSpec(0.01)),
            "schedule_free evaluates an average of the weights, but this model gathers its batch "
            "statistics at others: pass --optimizer=adamw",
        ),
        (
            cohort("FieldNet", seeds=SeedsSpec(dropout=3)),
            "dropout is crossed, but this model draws nothing in training: drop it from --cross",
        ),
        (
            cohort("FieldNet", recipe=RecipeSpec(label_smoothing=0.1)),
            "label_smoothing is given, but the loss of user_tasks:points is none whose labels the "
            "lab can smooth: drop --label_smoothing, and smooth them in the loss",
        ),
    ):
        with pytest.raises(UsageError) as refused:
            check_own(made, data)
        assert str(refused.value) == line
    with pytest.raises(UsageError) as refused:
        cohort("FieldNet", recipe=RecipeSpec(dropout=0.5))
    assert str(refused.value) == (
        "dropout is 0.5, but a model of your own drops at rates of its own: drop --dropout, and "
        "say them in --model_kwargs"
    )


def test_a_sound_model_passes_without_a_word() -> None:
    task = resolve_task("user_tasks:squares")
    data: DataArrays = load_own(task)
    check_own(cohort("UNet", '{"width": 3}', task), data)
    assert user_nets.CALLS["calls"] >= 0
    assert task.metrics[-1].direction is Direction.MAXIMIZE
