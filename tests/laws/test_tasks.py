"""Every task is sane: what knows nothing scores as it must, and what can overfit does."""

import math
from collections.abc import Callable
from typing import Any, assert_never

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import easy_images, easy_masks, mlp_cohort

from lab.data.arrays import DataArrays, Split
from lab.specs import (
    AdamSpec,
    CohortSpec,
    DataSpec,
    DeepLinearSpec,
    MLPSpec,
    ModelSpec,
    TargetSpec,
    TransformerSpec,
    UNetSpec,
)
from lab.training.member import make_member
from lab.training.objectives import objective
from lab.training.problem import make_problem
from lab.training.resident import make_resident
from lab.words import TASK_METRICS, Metric, Task

STEPS = {Task.SEGMENTATION: 150, Task.LANGUAGE: 150}
"""Of Adam at 0.01, on all examples at once; else 300."""


def chattering(count: int = 8, window: int = 6, vocabulary: int = 7) -> DataArrays:
    """Tokens drawn at random, which have no rule to learn but can be known by heart."""
    rng = np.random.default_rng(3)
    tokens = rng.integers(0, vocabulary, (count, window + 1)).astype(np.uint16)
    tokens[:, 0] = np.arange(count) % vocabulary
    split = Split(tokens[:, :-1], tokens[:, 1:])
    return DataArrays(split, split, vocabulary, vocabulary)


def scattered(count: int = 12) -> DataArrays:
    """Numbers that have nothing to do with their inputs."""
    rng = np.random.default_rng(4)
    inputs, targets = rng.normal(size=(count, 16)), rng.normal(size=(count, 2))
    split = Split(inputs.astype(np.float32), targets.astype(np.float32))
    return DataArrays(split, split, 2)


def data_of(task: Task) -> DataArrays:
    """Few examples, judged by themselves."""
    match task:
        case Task.SEGMENTATION:
            few = easy_masks(train=6).train
            return DataArrays(few, few, 2)
        case Task.CLASSIFICATION:
            few = easy_images(train=24).train
            labels = np.random.default_rng(5).integers(0, 3, 24).astype(np.int32)
            return DataArrays(Split(few.inputs, labels), Split(few.inputs, labels), 3)
        case Task.LANGUAGE:
            return chattering()
        case Task.REGRESSION:
            return scattered()
        case _:
            assert_never(task)


MODELS: dict[Task, ModelSpec] = {
    Task.SEGMENTATION: UNetSpec(0.5),
    Task.CLASSIFICATION: MLPSpec(32),
    Task.LANGUAGE: TransformerSpec(16, depth=1, heads=2),
    Task.REGRESSION: MLPSpec(32),
}


def cohort_of(task: Task, data: DataArrays) -> CohortSpec:
    metric = TASK_METRICS[task][0]
    return mlp_cohort(
        data=DataSpec("few", task),
        model=MODELS[task],
        optimizer=AdamSpec(0.01),
        target=TargetSpec(metric, (1e-9,)),
        batch_size=len(data.train.inputs),
        budget_steps=400,
        eval_every=4,
    )


def trained(task: Task) -> dict[Metric, float]:
    data = data_of(task)
    cohort = cohort_of(task, data)
    member = make_member(cohort, make_problem(cohort.data, data))
    resident = make_resident(data)

    @jax.jit
    def run() -> Any:
        state = member.init(jnp.int32(0))
        state = jax.lax.fori_loop(
            0, STEPS.get(task, 300), lambda _, state: member.step(state, resident.train), state
        )
        return member.evaluate(state, resident.validation)[1].metrics_M

    return dict(zip(TASK_METRICS[task], map(float, run()), strict=True))


@pytest.mark.parametrize("task", Task)
def test_a_model_that_can_overfit_does(task: Task) -> None:
    found = trained(task)
    match task:
        case Task.SEGMENTATION:
            # The last step's batch statistics and their running average differ a little.
            assert found[Metric.IOU] > 0.9
            assert found[Metric.DICE] >= found[Metric.IOU]
        case Task.CLASSIFICATION:
            assert found[Metric.ACCURACY] == 1
        case Task.LANGUAGE:
            assert found[Metric.ACCURACY] > 0.95
            assert found[Metric.PERPLEXITY] < 1.5
        case Task.REGRESSION:
            assert found[Metric.R_SQUARED] > 0.99
        case _:
            assert_never(task)


def scored(task: Task, data: DataArrays, say: Callable[[np.ndarray], Any]) -> dict[Metric, float]:
    """What the validation split gives a predictor that says the same of every example."""
    outputs = jnp.asarray(say(data.validation.targets), jnp.float32)
    targets = jnp.asarray(data.validation.targets)
    one = objective(task, validation_targets=data.validation.targets)
    figures = one.score(one.tally(outputs, targets, jnp.ones(len(targets))))
    return dict(zip(TASK_METRICS[task], map(float, figures), strict=True))


def test_who_says_everything_is_foreground_scores_its_share() -> None:
    data = easy_masks()
    share = data.validation.targets.mean()
    found = scored(Task.SEGMENTATION, data, lambda masks: np.full(masks.shape, 9.0))
    assert found[Metric.IOU] == pytest.approx(share)
    assert found[Metric.DICE] == pytest.approx(2 * share / (1 + share))


def test_who_always_says_the_majority_is_right_as_often_as_it_occurs() -> None:
    data = easy_images()
    shares = np.bincount(data.validation.targets) / len(data.validation.targets)
    found = scored(
        Task.CLASSIFICATION, data, lambda labels: np.tile(np.log(shares), (len(labels), 1))
    )
    assert found[Metric.ACCURACY] == pytest.approx(shares.max())
    assert found[Metric.LOSS] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_who_knows_nothing_of_a_text_says_its_alphabet() -> None:
    data = chattering()
    found = scored(Task.LANGUAGE, data, lambda tokens: np.zeros((*tokens.shape, 7)))
    assert found[Metric.PERPLEXITY] == pytest.approx(7, rel=1e-5)
    assert found[Metric.BITS_PER_CHARACTER] == pytest.approx(math.log2(7), rel=1e-5)


def test_who_always_says_the_mean_explains_nothing() -> None:
    data = scattered()
    found = scored(
        Task.REGRESSION, data, lambda targets: np.broadcast_to(targets.mean(0), targets.shape)
    )
    assert found[Metric.R_SQUARED] == pytest.approx(0, abs=1e-5)
    assert found[Metric.LOSS] == pytest.approx(data.validation.targets.var(0).mean(), rel=1e-5)


def test_a_deep_linear_net_is_as_good_as_least_squares_and_no_better() -> None:
    """Its function is linear, so that a teacher who is not leaves the same residual."""
    rng = np.random.default_rng(6)
    inputs = rng.normal(size=(200, 4)).astype(np.float32)
    targets = (inputs @ rng.normal(size=(4, 2)) + np.tanh(3 * inputs[:, :2])).astype(np.float32)
    split = Split(inputs, targets)
    data = DataArrays(split, split, 2)
    cohort = mlp_cohort(
        data=DataSpec("few", Task.REGRESSION),
        model=DeepLinearSpec(8, depth=2),
        optimizer=AdamSpec(0.01),
        target=TargetSpec(Metric.LOSS, (1e-9,)),
        batch_size=200,
    )
    member = make_member(cohort, make_problem(cohort.data, data))
    resident = make_resident(data)

    @jax.jit
    def run() -> Any:
        state = jax.lax.fori_loop(
            0, 500, lambda _, state: member.step(state, resident.train), member.init(jnp.int32(0))
        )
        return member.evaluate(state, resident.validation)[1].metrics_M

    best = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    residual = ((inputs @ best - targets) ** 2).mean()
    assert float(run()[0]) == pytest.approx(residual, rel=0.01)
    assert float(run()[0]) >= residual * (1 - 1e-4)
