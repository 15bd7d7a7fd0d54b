"""What a task minimises and measures, as pure functions of logits and targets."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lab.words import Task

Sums = tuple[jax.Array, ...]


class Objective(NamedTuple):
    """Loss of a batch, and metrics of a split from sums over its chunks.

    `tally(logits, targets, weights_B)` sums over the examples whose weight is 1 (padding has 0), so
    that chunks add up to the whole split; `score(sums)` gives the metrics [M], in the order of
    `lab.words.TASK_METRICS`.
    """

    loss: Callable[[jax.Array, jax.Array], jax.Array]
    tally: Callable[[jax.Array, jax.Array, jax.Array], Sums]
    score: Callable[[Sums], jax.Array]


def objective(task: Task) -> Objective:
    """The objective of a task."""
    match task:
        case Task.SEGMENTATION:
            return Objective(_segmentation_loss, _segmentation_tally, _segmentation_score)
        case Task.CLASSIFICATION:
            return Objective(_classification_loss, _classification_tally, _classification_score)


def _pixel_losses(logits_BxHxW: jax.Array, mask_BxHxW: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(logits_BxHxW, mask_BxHxW.astype(jnp.float32))


def _segmentation_loss(logits_BxHxW: jax.Array, mask_BxHxW: jax.Array) -> jax.Array:
    return _pixel_losses(logits_BxHxW, mask_BxHxW).mean()


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
    """Loss, and intersection over union of all the split's pixels together.

    A net that says NaN everywhere says "background" too, so its IoU is made NaN like its loss.
    """
    loss, intersection, union, count = sums
    iou = jnp.where(jnp.isfinite(loss), intersection / jnp.maximum(union, 1.0), jnp.nan)
    return jnp.stack([loss / count, iou])


def _classification_loss(logits_BxC: jax.Array, label_B: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits_BxC, label_B).mean()


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
