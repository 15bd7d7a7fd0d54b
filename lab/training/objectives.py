"""What a task minimises and measures, as pure functions of logits and targets."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple, assert_never

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lab.words import Task

Sums = tuple[jax.Array, ...]


class Objective(NamedTuple):
    """Loss of a batch, and metrics of a split from sums over its chunks.

    Smoothing labels by `a` adds `a * smoothing(outputs, targets)` to the loss: cross entropy is
    linear in the labels, so the term is what moving all of their weight to the mean adds; None
    where there are no labels. `tally(outputs, targets, weights_B)` sums over the examples whose
    weight is 1 (padding has 0), so that chunks add up to the whole split; `score(sums)` gives the
    metrics [M], in the order of `lab.words.TASK_METRICS`.
    """

    loss: Callable[[jax.Array, jax.Array], jax.Array]
    smoothing: Callable[[jax.Array, jax.Array], jax.Array] | None
    tally: Callable[[jax.Array, jax.Array, jax.Array], Sums]
    score: Callable[[Sums], jax.Array]


def objective(
    task: Task, characters_per_token: float = 1.0, validation_targets: np.ndarray | None = None
) -> Objective:
    """The objective of a task.

    Args:
        characters_per_token: of the text, which bits per character depend on.
        validation_targets: those of the split that is scored, [N, K]; a regression's R2 is against
            their spread.
    """
    match task:
        case Task.SEGMENTATION:
            return Objective(
                _segmentation_loss,
                _segmentation_smoothing,
                _segmentation_tally,
                _segmentation_score,
            )
        case Task.CLASSIFICATION:
            return Objective(
                _classification_loss,
                _labels_smoothing,
                _classification_tally,
                _classification_score,
            )
        case Task.LANGUAGE:
            score = functools.partial(_language_score, characters_per_token=characters_per_token)
            return Objective(_language_loss, _labels_smoothing, _language_tally, score)
        case Task.REGRESSION:
            explained = functools.partial(_regression_score, validation_targets=validation_targets)
            return Objective(_squared_loss, None, _regression_tally, explained)
        case _:
            assert_never(task)


@jax.custom_jvp
def _cross_entropy(logit: jax.Array, label: jax.Array) -> jax.Array:
    """Of a sigmoid: -y log sigmoid(x) - (1 - y) log sigmoid(-x), exact where it is nearly 0."""
    return jnp.maximum(logit, 0.0) - logit * label + jnp.log1p(jnp.exp(-jnp.abs(logit)))


# Given, for at 0, where the pieces meet, differentiation would find a slope of its own making.
_cross_entropy.defjvps(lambda slope, _, x, y: slope * (jax.nn.sigmoid(x) - y), None)


def _pixel_losses(logits_BxHxW: jax.Array, mask_BxHxW: jax.Array) -> jax.Array:
    """Sigmoid cross entropy with one exponential and one logarithm a pixel.

    Optax's takes two logarithms of sigmoids, which XLA's CPU backend computes one number at a time:
    640 of the 3,050 microseconds of a 2.9k U-Net's step on one core, where this takes 70.
    """
    return _cross_entropy(logits_BxHxW, mask_BxHxW.astype(jnp.float32))


def _segmentation_loss(logits_BxHxW: jax.Array, mask_BxHxW: jax.Array) -> jax.Array:
    return _pixel_losses(logits_BxHxW, mask_BxHxW).mean()


def _segmentation_smoothing(logits_BxHxW: jax.Array, mask_BxHxW: jax.Array) -> jax.Array:
    return (logits_BxHxW * (mask_BxHxW.astype(jnp.float32) - 0.5)).mean()


def _segmentation_tally(
    logits_BxHxW: jax.Array, mask_BxHxW: jax.Array, weights_B: jax.Array
) -> Sums:
    said, true = logits_BxHxW > 0, mask_BxHxW > 0
    per_image = (
        _pixel_losses(logits_BxHxW, mask_BxHxW).mean((1, 2)),
        (said & true).sum((1, 2)).astype(jnp.float32),
        (said | true).sum((1, 2)).astype(jnp.float32),
        jnp.ones_like(weights_B),
    )
    return tuple((figure_B * weights_B).sum() for figure_B in per_image)


def _segmentation_score(sums: Sums) -> jax.Array:
    """Loss; intersection over union, and Dice's index, of all the split's pixels together.

    Dice (1945) of two sets is twice their intersection over the sum of their sizes, which is their
    union and their intersection. A net that says NaN everywhere says "background" too, so both are
    made NaN like its loss.
    """
    loss, intersection, union, count = sums
    sound = jnp.isfinite(loss)
    iou = jnp.where(sound, intersection / jnp.maximum(union, 1.0), jnp.nan)
    dice = jnp.where(sound, 2 * intersection / jnp.maximum(union + intersection, 1.0), jnp.nan)
    return jnp.stack([loss / count, iou, dice])


def _classification_loss(logits_BxC: jax.Array, label_B: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits_BxC, label_B).mean()


def _labels_smoothing(logits_xC: jax.Array, labels: jax.Array) -> jax.Array:
    """The classes lie along the last axis of the logits, which `labels` lacks."""
    true_x1 = jnp.take_along_axis(logits_xC, labels.astype(jnp.int32)[..., None], axis=-1)
    return (true_x1[..., 0] - logits_xC.mean(-1)).mean()


def _classification_tally(logits_BxC: jax.Array, label_B: jax.Array, weights_B: jax.Array) -> Sums:
    per_example = (
        optax.softmax_cross_entropy_with_integer_labels(logits_BxC, label_B),
        (logits_BxC.argmax(-1) == label_B).astype(jnp.float32),
        jnp.ones_like(weights_B),
    )
    return tuple((figure_B * weights_B).sum() for figure_B in per_example)


def _classification_score(sums: Sums) -> jax.Array:
    loss, right, count = sums
    accuracy = jnp.where(jnp.isfinite(loss), right / count, jnp.nan)
    return jnp.stack([loss / count, accuracy])


def _token_losses(logits_BxTxV: jax.Array, next_BxT: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits_BxTxV, next_BxT.astype(jnp.int32))


def _language_loss(logits_BxTxV: jax.Array, next_BxT: jax.Array) -> jax.Array:
    """Cross entropy of the next token in nats, over all positions alike."""
    return _token_losses(logits_BxTxV, next_BxT).mean()


def _language_tally(logits_BxTxV: jax.Array, next_BxT: jax.Array, weights_B: jax.Array) -> Sums:
    right_BxT = logits_BxTxV.argmax(-1) == next_BxT.astype(jnp.int32)
    per_window = (
        _token_losses(logits_BxTxV, next_BxT).mean(1),
        right_BxT.astype(jnp.float32).mean(1),
        jnp.ones_like(weights_B),
    )
    return tuple((figure_B * weights_B).sum() for figure_B in per_window)


def _language_score(sums: Sums, characters_per_token: float) -> jax.Array:
    """Loss in nats a token, its exponential, its bits a character, and the share that is right."""
    loss, accuracy = _classification_score(sums)
    bits = loss / (math.log(2) * characters_per_token)
    return jnp.stack([loss, jnp.exp(loss), bits, accuracy])


def _squared_loss(outputs_BxK: jax.Array, targets_BxK: jax.Array) -> jax.Array:
    """Mean of squared residuals, over examples and what is predicted of them."""
    return jnp.square(outputs_BxK - targets_BxK).mean()


def _regression_tally(outputs_BxK: jax.Array, targets_BxK: jax.Array, weights_B: jax.Array) -> Sums:
    residuals_BxK = jnp.square(outputs_BxK - targets_BxK)
    return (residuals_BxK * weights_B[:, None]).sum(0), weights_B.sum()


def _regression_score(sums: Sums, validation_targets: np.ndarray | None) -> jax.Array:
    """Loss, and the share of the targets' variance about their means that it leaves explained.

    Targets that do not vary have no variance to explain: that share is NaN.
    """
    residual_K, count = sums
    loss = residual_K.mean() / count
    spread = _spread(validation_targets)
    known = jnp.isfinite(loss) & (spread > 0)
    explained = jnp.where(known, 1 - residual_K.sum() / spread, jnp.nan)
    return jnp.stack([loss, explained])


def _spread(targets: np.ndarray | None) -> jax.Array:
    """Squared deviations of targets [N, K] from their means, summed.

    On the host in float64: the device's float32 keeps nothing of E[y^2] - E[y]^2 where targets are
    2000 give or take 5.
    """
    assert targets is not None, "a regression is scored against its validation split's targets"
    wide_NxK = np.asarray(targets, np.float64)
    return jnp.float32(np.square(wide_NxK - wide_NxK.mean(0)).sum())
