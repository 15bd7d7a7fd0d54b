"""Which features of a set are read for a task, and what they hold."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class Inputs(enum.Enum):
    """What a feature that a model reads holds; the value is the name it has in most sets."""

    IMAGE = "image"
    VECTOR = "inputs"
    TOKENS = "tokens"
    TEXT = "text"


TASK_INPUTS: dict[Task, tuple[Inputs, ...]] = {
    Task.SEGMENTATION: (Inputs.IMAGE,),
    Task.CLASSIFICATION: (Inputs.IMAGE, Inputs.VECTOR, Inputs.TOKENS),
    Task.REGRESSION: (Inputs.VECTOR, Inputs.IMAGE),
    Task.LANGUAGE: (Inputs.TEXT,),
}
TASK_TARGETS = {
    Task.SEGMENTATION: "segmentation_mask",
    Task.CLASSIFICATION: "label",
    Task.REGRESSION: "targets",
}
"""A language's targets are its own next tokens."""


@dataclasses.dataclass(frozen=True)
class Features:
    """What is read of each example, by name; no target where a text is its own.

    `classes` and `vocabulary` are as `lab.data.arrays.DataArrays` has them, 0 for a text, whose
    tokens are not known yet.
    """

    inputs: Inputs
    inputs_name: str
    target_name: str | None
    classes: int
    vocabulary: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of all features that are read."""
        return (self.inputs_name, *([self.target_name] if self.target_name else []))


def find_features(builder: tfds.core.DatasetBuilder, spec: DataSpec) -> Features:
    """What the task reads of a set; UsageError where it does not hold that."""
    features = builder.info.features
    found = {name: features[name] for name in features} if hasattr(features, "keys") else {}
    inputs = _inputs(spec, found)
    name = _text_name(found) if inputs is Inputs.TEXT else inputs.value
    target = TASK_TARGETS.get(spec.task)
    if name not in found or (target is not None and target not in found):
        first = TASK_INPUTS[spec.task][0].value
        needed = " and ".join(filter(None, [" or ".join(_names(spec.task)) or first, target]))
        raise UsageError(
            f"{spec.task.value} needs the features {needed}, but {spec.name} has "
            f"{', '.join(sorted(found)) or 'none with a name'}; choose another data set or task"
        )
    _require_shape(spec, inputs, found[name])
    if spec.image_size is not None and inputs is not Inputs.IMAGE:
        raise UsageError(
            f"image_size is {spec.image_size}, but {spec.name} has no images: drop --image_size"
        )
    return Features(
        inputs,
        name,
        target,
        classes=_classes(spec, found.get(target or "")),
        vocabulary=_vocabulary(builder, spec) if inputs is Inputs.TOKENS else 0,
    )


def _names(task: Task) -> list[str]:
    return [kind.value for kind in TASK_INPUTS[task]]


def _inputs(spec: DataSpec, found: dict[str, Any]) -> Inputs:
    kinds = TASK_INPUTS[spec.task]
    return next((kind for kind in kinds if kind.value in found), kinds[0])


def _text_name(found: dict[str, Any]) -> str:
    """`text`, or the set's only feature that is one."""
    import tensorflow_datasets as tfds

    texts = [name for name, one in found.items() if isinstance(one, tfds.features.Text)]
    if Inputs.TEXT.value in found or len(texts) != 1:
        return Inputs.TEXT.value
    return texts[0]


def _require_shape(spec: DataSpec, inputs: Inputs, feature: Any) -> None:
    """UsageError unless the feature is stored as what it is called."""
    shape, dtype = feature.shape, np.dtype(feature.np_dtype)
    fits, needed = {
        Inputs.IMAGE: (
            len(shape) == 3 and dtype == np.uint8,
            "[height, width, channels] uint8",
        ),
        Inputs.VECTOR: (len(shape) == 1 and np.issubdtype(dtype, np.floating), "[numbers] floats"),
        Inputs.TOKENS: (len(shape) == 1 and np.issubdtype(dtype, np.integer), "[tokens] integers"),
        Inputs.TEXT: (shape == (), "one string"),
    }[inputs]
    if not fits:
        raise UsageError(
            f"the {inputs.value} of {spec.name} is {shape} {dtype}; {needed} is needed: choose "
            "another data set"
        )


def _classes(spec: DataSpec, target: Any) -> int:
    match spec.task:
        case Task.SEGMENTATION:
            return 2
        case Task.LANGUAGE:
            return 0
        case Task.REGRESSION:
            shape = target.shape
            if len(shape) > 1 or not np.issubdtype(np.dtype(target.np_dtype), np.floating):
                raise UsageError(
                    f"the targets of {spec.name} are {shape} {np.dtype(target.np_dtype)}; "
                    "[numbers] floats are needed: choose another data set or task"
                )
            return int(shape[0]) if shape else 1
        case Task.CLASSIFICATION:
            classes = getattr(target, "num_classes", None)
            if not classes:
                raise UsageError(
                    f"the label of {spec.name} is not a ClassLabel; choose another data set"
                )
            return int(classes)


def _vocabulary(builder: tfds.core.DatasetBuilder, spec: DataSpec) -> int:
    """How many tokens there are, as the set's own description says."""
    vocabulary = (builder.info.metadata or {}).get("vocabulary")
    if vocabulary is None:
        raise UsageError(
            f"{spec.name} does not say how many tokens it has: it must have metadata "
            "{'vocabulary': N}, or its text be read with --task=language"
        )
    return int(vocabulary)
