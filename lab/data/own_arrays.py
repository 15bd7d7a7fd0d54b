"""A user's arrays in the types that the lab trains on, and what must be true of them."""

from typing import Any, assert_never

import numpy as np

from lab.errors import UsageError
from lab.words import Task

Pair = tuple[np.ndarray, np.ndarray]


def converted(split: str, given: Any, vocabulary: int) -> Pair:
    """Inputs and targets of a split, as `OwnTask` describes; UsageError for what cannot be so."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UsageError(
            f"{split} is a {type(given).__name__}; a split is a pair of arrays: pass "
            f"{split}=(inputs, targets)"
        )
    inputs, targets = (
        _array(f"{split} {name}", one)
        for name, one in zip(("inputs", "targets"), given, strict=True)
    )
    if len(inputs) != len(targets):
        raise UsageError(
            f"{split} has {len(inputs)} inputs and {len(targets)} targets; each input has one: "
            "pass arrays of one length"
        )
    return _inputs(split, inputs, vocabulary), _targets(split, targets)


def require_alike(train: Pair, validation: Pair) -> None:
    """UsageError unless examples of both splits have one shape and type."""
    for name, one, other in zip(("inputs", "targets"), train, validation, strict=True):
        if one.shape[1:] != other.shape[1:] or one.dtype != other.dtype:
            raise UsageError(
                f"train {name} are {_described(one)} and validation {name} {_described(other)} an "
                "example; both splits must have one shape and type: resize or cast one of them"
            )


def ready_targets(
    task: Task, split: str, inputs: np.ndarray, targets: np.ndarray, vocabulary: int
) -> np.ndarray:
    """The targets as the lab's own loss of the task takes them."""
    what = f"{split} targets of {task.value}"
    match task:
        case Task.SEGMENTATION:
            return _masks(what, inputs, targets)
        case Task.CLASSIFICATION:
            return _labels(what, targets)
        case Task.LANGUAGE:
            return _next_tokens(what, inputs, targets, vocabulary)
        case Task.REGRESSION:
            numbers = targets.astype(np.float32)
            if numbers.ndim > 2:
                raise UsageError(
                    f"{what} are {_described(targets)} an example; they must be a number or a "
                    "vector: flatten them, or pass a loss of your own"
                )
            return numbers.reshape(len(numbers), -1)
        case _:
            assert_never(task)


def count_classes(
    task: Task, targets: tuple[np.ndarray, ...], classes: int | None, vocabulary: int
) -> int:
    """How many classes, tokens or numbers there are to say."""
    if task is not Task.CLASSIFICATION:
        said = {Task.SEGMENTATION: 2, Task.LANGUAGE: vocabulary}
        return said.get(task, int(targets[0].shape[-1]))
    highest = max(int(labels.max()) for labels in targets)
    if classes is not None and highest >= classes:
        raise UsageError(
            f"a label is {highest}, but there are {classes} classes; labels run from 0 to "
            f"classes - 1: pass classes={highest + 1}, or other labels"
        )
    return highest + 1 if classes is None else classes


def _array(what: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise UsageError(
            f"{what} are a {type(given).__name__} of rows that differ in shape; all examples must "
            "have one: pad or resize them"
        ) from error
    if array.ndim == 0 or array.dtype.kind not in "biuf":
        raise UsageError(
            f"{what} are {array.dtype.name} of {array.ndim} axes; they must be numbers, with an "
            "axis of examples first: pass a numpy array of these"
        )
    if len(array) == 0:
        raise UsageError(f"{what} are empty; a split needs one example or more: pass some")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))
        raise UsageError(
            f"{what} are not finite in {len(bad)} of {len(array)} examples, the first of which is "
            f"{bad[0]}; no member can learn from nan or inf: leave those examples out"
        )
    return array


def _inputs(split: str, inputs: np.ndarray, vocabulary: int) -> np.ndarray:
    if vocabulary:
        low, high = int(inputs.min()), int(inputs.max())
        if inputs.dtype.kind not in "iu" or not 0 <= low <= high < vocabulary:
            raise UsageError(
                f"{split} inputs are {inputs.dtype.name} from {low} to {high}; tokens of a "
                f"vocabulary of {vocabulary} are integers from 0 to {vocabulary - 1}: pass the "
                "vocabulary that they have"
            )
        return inputs.astype(np.int32)
    if inputs.dtype == np.uint8:
        return inputs
    if inputs.dtype.kind in "iu":
        raise UsageError(
            f"{split} inputs are {inputs.dtype.name}; uint8 are pictures, and other integers "
            "tokens: pass vocabulary=, or cast them to float32"
        )
    return inputs.astype(np.float32)


def _targets(split: str, targets: np.ndarray) -> np.ndarray:
    if targets.dtype.kind == "f":
        return targets.astype(np.float32)
    if targets.dtype.kind == "b" or targets.dtype == np.uint8:
        return targets.astype(np.uint8)
    limits = np.iinfo(np.int32)
    if targets.max() > limits.max or targets.min() < limits.min:
        raise UsageError(
            f"{split} targets run to {targets.max()}, beyond int32, which devices count in: pass "
            "smaller numbers, or floats"
        )
    return targets.astype(np.int32)


def _masks(what: str, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    masks = targets[..., 0] if targets.ndim == 4 and targets.shape[-1] == 1 else targets
    if masks.shape != inputs.shape[:3]:
        raise UsageError(
            f"{what} are {_described(targets)} an example, and inputs {_described(inputs)}; a mask "
            "has one number a pixel of its image: resize it"
        )
    values = np.unique(masks)
    if len(values) != 2 or not np.array_equal(values, [0, 1]):
        shown = ", ".join(f"{value:g}" for value in values[:5]) + (", ..." * (len(values) > 5))
        raise UsageError(
            f"{what} hold {shown}; a mask is 1 where foreground and 0 elsewhere, and a split has "
            "both: pass masks > 0, or so"
        )
    return masks.astype(np.uint8)


def _labels(what: str, targets: np.ndarray) -> np.ndarray:
    if targets.ndim != 1 or targets.dtype.kind == "f" or targets.min() < 0:
        raise UsageError(
            f"{what} are {_described(targets)} an example, from {targets.min():g}; a label is one "
            "whole number from 0: pass the class's number, not a vector of them"
        )
    return targets.astype(np.int32)


def _next_tokens(what: str, inputs: np.ndarray, targets: np.ndarray, vocabulary: int) -> np.ndarray:
    whole = targets.dtype.kind in "iu" and vocabulary > 0
    if (
        not whole
        or targets.shape != inputs.shape
        or not 0 <= targets.min() <= targets.max() < (vocabulary)
    ):
        raise UsageError(
            f"{what} are {_described(targets)} an example, and there is a vocabulary of "
            f"{vocabulary}; each is the token after the input's, as many as inputs: pass "
            "vocabulary=, and (tokens[:, :-1], tokens[:, 1:])"
        )
    return targets.astype(np.int32)


def _described(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape[1:])}"
