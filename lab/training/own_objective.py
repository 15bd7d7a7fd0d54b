"""A user's loss and metrics as an objective: of batches, and of whole splits with their padding."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lab.data.own import Measure, OwnTask
from lab.errors import UsageError
from lab.training.objectives import Objective, Sums, objective
from lab.words import Task

_RULE = (
    "a measure gives a number an example, [B] or [B, ...], or one number that is the mean over the "
    "examples it is given"
)


def own_objective(path: str, task: OwnTask) -> Objective:
    """The loss of the task, ready-made or the user's, and after its metrics those of the user.

    A metric is the mean over the split's examples, or the ratio of two sums over them where it
    gives a pair. One number for a whole batch cannot be weighted, so where a measure gives that it
    is asked for each example alone; only the training loss is taken of the batch as a whole.
    """
    if isinstance(task.loss, Task):
        base = objective(task.loss, task.characters_per_token, task.validation[1])
    else:
        base = _own_loss(path, task.loss)
    measures = own_measures(path, task)
    if not measures:
        return base

    def tally(outputs: jax.Array, targets: jax.Array, weights_B: jax.Array) -> Sums:
        own = [
            (figure_B * weights_B).sum()
            for measure in measures.values()
            for figure_B in measure(outputs, targets)
        ]
        return (*base.tally(outputs, targets, weights_B), *own)

    def score(sums: Sums) -> jax.Array:
        own = 2 * len(measures)
        metrics = base.score(sums[:-own])
        numerators, denominators = (jnp.stack(sums[-own + first :: 2]) for first in (0, 1))
        sound = jnp.isfinite(metrics[0])
        return jnp.concatenate([metrics, jnp.where(sound, numerators / denominators, jnp.nan)])

    return base._replace(tally=tally, score=score)


def own_measures(path: str, task: OwnTask) -> dict[str, Callable[..., Any]]:
    """Each metric that the user wrote, by name: of outputs and targets, its two sums [B]."""
    return {
        name: functools.partial(_fraction, f"metric {name} of {path}", function)
        for name, (function, _) in task.metrics.items()
    }


def _own_loss(path: str, function: Measure) -> Objective:
    what = f"the loss of {path}"

    def loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        value = function(outputs, targets)
        _require_measure(what, value, outputs.shape[0])
        return value.astype(jnp.float32).mean()

    def tally(outputs: jax.Array, targets: jax.Array, weights_B: jax.Array) -> Sums:
        loss_B = _per_example(what, function, outputs, targets).mean(-1)
        return (loss_B * weights_B).sum(), weights_B.sum()

    def score(sums: Sums) -> jax.Array:
        total, count = sums
        return (total / count)[None]

    return Objective(loss, None, tally, score)


def _fraction(
    what: str, function: Measure, outputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Numerator and denominator [B] of a metric; a mean has denominators of 1."""
    shapes = jax.eval_shape(function, outputs, targets)
    if isinstance(shapes, tuple):
        if len(shapes) != 2:
            raise UsageError(f"{what} gives {len(shapes)} arrays; a ratio is of 2: give a pair")
        above, below = (
            _per_example(what, lambda *batch, part=part: function(*batch)[part], outputs, targets)
            for part in (0, 1)
        )
        return above.sum(-1), below.sum(-1)
    figure_B = _per_example(what, function, outputs, targets).mean(-1)
    return figure_B, jnp.ones_like(figure_B)


def _per_example(
    what: str, function: Callable[..., Any], outputs: jax.Array, targets: jax.Array
) -> jax.Array:
    """Float32 [B, K]: what the measure says of each example, flattened."""
    shape = jax.eval_shape(function, outputs, targets)
    _require_measure(what, shape, outputs.shape[0])
    if shape.ndim:
        values = function(outputs, targets)
    else:
        values = jax.vmap(lambda one, target: function(one[None], target[None]))(outputs, targets)
    return values.astype(jnp.float32).reshape(outputs.shape[0], -1)


def _require_measure(what: str, value: Any, examples: int) -> None:
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise UsageError(f"{what} gives a {type(value).__name__}; {_RULE}: return an array")
    if value.shape[:1] not in ((), (examples,)):
        raise UsageError(
            f"{what} gives {list(value.shape)} for {examples} examples; {_RULE}: give one of these"
        )
    if jnp.issubdtype(value.dtype, jnp.complexfloating):
        raise UsageError(
            f"{what} gives {value.dtype.name}; it must be a real number: give its size"
        )
