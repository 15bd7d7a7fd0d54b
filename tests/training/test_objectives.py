"""Losses and metrics by hand, whatever the chunks a split is cut into."""

import functools
import math
from typing import assert_never

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
import scipy.special

from lab.data.arrays import DataArrays, Split
from lab.training import resident
from lab.training.objectives import objective
from lab.training.resident import Chunks, chunk_shapes, make_resident, to_float
from lab.words import TASK_METRICS, Task

SEGMENTATION, CLASSIFICATION = objective(Task.SEGMENTATION), objective(Task.CLASSIFICATION)


def score(
    task: Task,
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float32]:
    logits_Bx, targets_Bx = np.asarray(logits, np.float32), np.asarray(targets)
    weights_B = np.ones(len(logits_Bx)) if weights is None else np.asarray(weights)
    one = objective(task, validation_targets=targets_Bx[weights_B == 1])

    @jax.jit
    def scored(*arrays: jax.Array) -> jax.Array:
        return one.score(one.tally(*arrays))

    return np.asarray(scored(logits_Bx, targets_Bx, weights_B.astype(np.float32)))


# Two images of 2x2: the first says three pixels and one of them is right of two, the second says
# one, which is the only one. Over all pixels 2 of 5; a mean of images would be (1/4 + 1)/2.
LOGITS = [[[2.0, 1.0], [1.0, -1.0]], [[-3.0, -1.0], [-1.0, 0.5]]]
MASKS = np.array([[[1, 0], [0, 1]], [[0, 0], [0, 1]]], np.uint8)


def cross_entropy(logit: float, true: int) -> float:
    return math.log1p(math.exp(-logit if true else logit))


def test_segmentation_by_hand() -> None:
    loss, iou, dice = score(Task.SEGMENTATION, LOGITS, MASKS)
    assert iou == pytest.approx(2 / 5)
    assert dice == pytest.approx(2 * 2 / (4 + 3))
    pairs = zip(np.ravel(LOGITS), np.ravel(MASKS), strict=True)
    by_hand = sum(cross_entropy(logit, true) for logit, true in pairs) / 8
    assert loss == pytest.approx(by_hand)
    batch = SEGMENTATION.loss(jnp.asarray(LOGITS, jnp.float32), jnp.asarray(MASKS))
    assert float(batch) == pytest.approx(by_hand)


@pytest.mark.parametrize("true", [0, 1])
def test_the_loss_of_a_pixel_and_its_slope_are_right_everywhere(true: int) -> None:
    """Between the two it is softplus(x) - x*y; 0 is where its pieces meet."""
    logits = np.concatenate([np.linspace(-30, 30, 121), [-1e4, 1e4, 1e-8, -1e-8]])
    sign = -1 if true else 1

    def loss(logit: jax.Array) -> jax.Array:
        return SEGMENTATION.loss(logit.reshape(1, 1, 1), jnp.full((1, 1, 1), true, jnp.uint8))

    values, slopes = jax.vmap(jax.value_and_grad(loss))(jnp.asarray(logits, jnp.float32))
    np.testing.assert_allclose(values, np.logaddexp(0, sign * logits), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(slopes, sign * scipy.special.expit(sign * logits), atol=1e-6)


def test_classification_by_hand() -> None:
    logits, labels = [[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], np.array([0, 1], np.int32)
    loss, accuracy = score(Task.CLASSIFICATION, logits, labels)
    assert accuracy == 0.5
    right = math.log(math.exp(2) + 2) - 2
    wrong = math.log(math.exp(3) + 2)
    assert loss == pytest.approx((right + wrong) / 2)
    batch = CLASSIFICATION.loss(jnp.asarray(logits, jnp.float32), jnp.asarray(labels))
    assert float(batch) == pytest.approx((right + wrong) / 2)


def test_language_by_hand() -> None:
    """Two windows of two tokens out of three; every position counts alike."""
    logits = [[[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    tokens = np.array([[0, 1], [1, 0]], np.uint8)
    loss, perplexity, bits, accuracy = score(Task.LANGUAGE, logits, tokens)
    assert accuracy == 0.75
    assert perplexity == pytest.approx(math.exp(loss))
    assert bits == pytest.approx(loss / math.log(2))
    sums = [math.exp(2) + 2, math.exp(3) + 2, math.exp(1) + 2, 3]
    by_hand = (sum(map(math.log, sums)) - 2 - 1) / 4
    assert loss == pytest.approx(by_hand)
    batch = objective(Task.LANGUAGE).loss(jnp.asarray(logits, jnp.float32), jnp.asarray(tokens))
    assert float(batch) == pytest.approx(by_hand)


def test_bits_per_character_do_not_depend_on_how_text_is_cut() -> None:
    """A uniform model of 8 tokens of 2 characters each says 3 bits a token, 1.5 a character."""
    one = objective(Task.LANGUAGE, characters_per_token=2.0)
    tokens = jnp.zeros((2, 3), jnp.int32)
    figures = one.score(one.tally(jnp.zeros((2, 3, 8)), tokens, jnp.ones(2)))
    np.testing.assert_allclose(figures[:3], [math.log(8), 8, 1.5], rtol=1e-6)


def test_regression_by_hand() -> None:
    """Residuals 1, 0 and 2 on targets about a mean of 2; the mean itself explains nothing."""
    targets = np.array([[1.0], [2.0], [3.0]], np.float32)
    loss, explained = score(Task.REGRESSION, [[2.0], [2.0], [5.0]], targets)
    assert loss == pytest.approx(5 / 3)
    assert explained == pytest.approx(1 - 5 / 2)
    assert score(Task.REGRESSION, np.full((3, 1), 2.0), targets)[1] == pytest.approx(0, abs=1e-6)
    batch = objective(Task.REGRESSION).loss(jnp.array([[2.0], [5.0]]), jnp.array([[1.0], [3.0]]))
    assert float(batch) == pytest.approx(5 / 2)


@pytest.mark.parametrize("centre", [0.0, 2_000.0, 2e5])
def test_what_is_explained_does_not_depend_on_where_targets_lie(centre: float) -> None:
    """2000 give or take 5: float32 keeps nothing of E[y^2] - E[y]^2. R2 as numpy has it in float64.

    Chunks of 50, the last padded: the residuals' mean over the deviations' is no chunk's own.
    """
    rng = np.random.default_rng(0)
    targets = (centre + rng.normal(0, 5, (220, 2))).astype(np.float32)
    outputs = (targets + rng.normal(0, 2, (220, 2))).astype(np.float32)
    exact = np.float64(targets)
    left = np.square(np.float64(outputs) - exact).sum()
    expected = 1 - left / np.square(exact - exact.mean(0)).sum()
    one = objective(Task.REGRESSION, validation_targets=targets)
    pad = np.zeros((30, 2), np.float32)
    parts = (np.concatenate([said, pad]).reshape(5, 50, 2) for said in (outputs, targets))
    weights = np.repeat([1.0, 0.0], [220, 30]).astype(np.float32).reshape(5, 50)
    sums = [one.tally(*map(jnp.asarray, chunk)) for chunk in zip(*parts, weights, strict=True)]
    found = one.score(tuple(sum(each) for each in zip(*sums, strict=True)))
    assert float(found[1]) == pytest.approx(expected, abs=1e-5)
    assert score(Task.REGRESSION, outputs, targets)[1] == pytest.approx(expected, abs=1e-5)


def test_targets_that_do_not_vary_leave_nothing_to_explain() -> None:
    targets = np.full((4, 1), 7.0, np.float32)
    loss, explained = score(Task.REGRESSION, targets + 1, targets)
    assert loss == 1
    assert np.isnan(explained)


def smoothed_loss(task: Task, logits: npt.NDArray, targets: npt.NDArray, weight: float) -> float:
    one, logits_ = objective(task), jnp.asarray(logits, jnp.float32)
    added = one.smoothing(logits_, jnp.asarray(targets))
    return float(one.loss(logits_, jnp.asarray(targets)) + weight * added)


LABELLED = [task for task in Task if task is not Task.REGRESSION]


@pytest.mark.parametrize("task", LABELLED)
@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_smoothed_labels_are_those_of_the_definition(task: Task, weight: float) -> None:
    """(1 - weight) of the true class and weight / classes of each (Szegedy et al. 2016)."""
    logits, targets = drawn(task)
    if task is Task.SEGMENTATION:
        logits_C = np.stack([np.zeros_like(logits), logits], -1)
    else:
        logits_C = logits
    classes = logits_C.shape[-1]
    said_C = logits_C - np.log(np.exp(logits_C).sum(-1, keepdims=True))
    labels_C = (1 - weight) * np.eye(classes)[targets] + weight / classes
    by_hand = -(labels_C * said_C).sum(-1).mean()
    assert smoothed_loss(task, logits, targets, weight) == pytest.approx(by_hand, rel=1e-5)


def drawn(task: Task) -> tuple[npt.NDArray, npt.NDArray]:
    """Logits and targets of five examples."""
    rng = np.random.default_rng(0)
    match task:
        case Task.SEGMENTATION:
            return rng.normal(size=(5, 3, 3)), rng.integers(0, 2, (5, 3, 3), dtype=np.uint8)
        case Task.CLASSIFICATION:
            return rng.normal(size=(5, 4)), rng.integers(0, 4, 5, dtype=np.int32)
        case Task.LANGUAGE:
            return rng.normal(size=(5, 3, 4)), rng.integers(0, 4, (5, 3), dtype=np.uint8)
        case Task.REGRESSION:
            return rng.normal(size=(5, 3)), rng.normal(size=(5, 3)).astype(np.float32)
        case _:
            assert_never(task)


def test_metrics_come_in_their_declared_order() -> None:
    """A perfect net has the best of each that there is, so the order cannot be swapped."""
    for task, logits, targets in (
        (Task.SEGMENTATION, 40.0 * MASKS - 20, MASKS),
        (Task.CLASSIFICATION, [[20.0, 0.0], [0.0, 20.0]], np.array([0, 1], np.int32)),
        (Task.LANGUAGE, [[[20.0, 0.0], [0.0, 20.0]]], np.array([[0, 1]], np.uint8)),
        (Task.REGRESSION, [[1.0], [3.0]], np.array([[1.0], [3.0]], np.float32)),
    ):
        figures = dict(zip(TASK_METRICS[task], score(task, logits, targets), strict=True))
        for metric, figure in figures.items():
            falling = metric.direction.value == "minimize"
            perfect = metric.lower if falling else metric.upper
            assert figure == pytest.approx(perfect, abs=1e-6)


def test_nothing_said_and_nothing_there_is_no_hit() -> None:
    _, iou, dice = score(Task.SEGMENTATION, -np.ones((1, 2, 2)), np.zeros((1, 2, 2), np.uint8))
    assert iou == 0
    assert dice == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("task", Task)
def test_a_net_that_says_no_number_has_no_metric(task: Task, bad: float) -> None:
    """NaN is not above 0, so counted naively a broken net would say "background"."""
    logits, targets = drawn(task)
    figures = score(task, np.full_like(logits, bad), targets)
    assert np.isnan(figures[-1])
    assert not np.isfinite(figures).any()


@pytest.mark.parametrize("task", Task)
def test_padding_counts_nothing(task: Task) -> None:
    logits, targets = drawn(task)
    padded = score(
        task,
        np.concatenate([logits, logits[:2] * 9]),
        np.concatenate([targets, targets[:2]]),
        np.array([1, 1, 1, 1, 1, 0, 0]),
    )
    np.testing.assert_allclose(padded, score(task, logits, targets), rtol=1e-6)


def resident_of(count: int) -> tuple[Chunks, Split]:
    rng = np.random.default_rng(count)
    inputs = rng.integers(0, 256, (count, 3, 3, 1), dtype=np.uint8)
    split = Split(inputs, rng.integers(0, 2, (count, 3, 3), dtype=np.uint8))
    return make_resident(DataArrays(split, split, classes=2)).validation, split


@jax.jit
def logits_of(inputs: jax.Array) -> jax.Array:
    return to_float(inputs)[..., 0] * 2 - 1


@jax.jit
def _over_chunks(chunks: Chunks) -> jax.Array:
    sums = [
        SEGMENTATION.tally(logits_of(inputs), targets, weights)
        for inputs, targets, weights in zip(*chunks, strict=True)
    ]
    return SEGMENTATION.score(
        tuple(functools.reduce(jax.lax.add, one) for one in zip(*sums, strict=True))
    )


def over_chunks(chunks: Chunks) -> npt.NDArray[np.float32]:
    return np.asarray(_over_chunks(chunks))


@pytest.mark.parametrize("count", [1, 64, 65, 67, 129, 200])
def test_chunks_lose_nothing_and_add_nothing(count: int) -> None:
    """The remainder is not dropped: the score is that of the whole split at once."""
    chunks, split = resident_of(count)
    assert chunks.inputs.shape[1] <= resident.EVALUATION_BATCH
    assert float(chunks.weights.sum()) == count
    kept = np.asarray(chunks.weights).ravel() == 1
    np.testing.assert_array_equal(
        np.asarray(chunks.inputs).reshape(-1, 3, 3, 1)[kept], split.inputs
    )
    np.testing.assert_array_equal(np.asarray(chunks.targets).reshape(-1, 3, 3)[kept], split.targets)
    whole = score(Task.SEGMENTATION, logits_of(jnp.asarray(split.inputs)), split.targets)
    np.testing.assert_allclose(over_chunks(chunks), whole, rtol=1e-5)


def test_padding_that_counted_would_be_noticed() -> None:
    chunks, split = resident_of(67)
    whole = score(Task.SEGMENTATION, logits_of(jnp.asarray(split.inputs)), split.targets)
    counted = over_chunks(chunks._replace(weights=jnp.ones_like(chunks.weights)))
    assert np.abs(counted - whole).max() > 1e-4


def test_data_stays_in_its_storage_type() -> None:
    chunks, split = resident_of(65)
    data = make_resident(DataArrays(split, split, classes=2))
    assert data.train.inputs.dtype == chunks.inputs.dtype == jnp.uint8
    np.testing.assert_array_equal(data.train.inputs, split.inputs)
    scaled = to_float(jnp.array([0, 51, 255], jnp.uint8))
    assert scaled.dtype == jnp.float32
    np.testing.assert_allclose(scaled, [0, 0.2, 1], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_the_shapes_of_chunks_are_told_without_making_them(count: int) -> None:
    split = Split(np.zeros((count, 4, 4, 1), np.uint8), np.zeros(count, np.int32))
    made = make_resident(DataArrays(split, split, 2)).validation
    told = chunk_shapes(split)
    assert [(leaf.shape, leaf.dtype) for leaf in told] == [
        (leaf.shape, leaf.dtype) for leaf in made
    ]
