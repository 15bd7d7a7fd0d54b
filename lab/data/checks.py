"""What must hold of what a set's files gave; UsageError where it does not."""

import numpy as np

from lab.data.arrays import Split
from lab.data.features import Features, Inputs
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task


def require_alike(train: Split, validation: Split, spec: DataSpec) -> None:
    """Both splits have images of one size."""
    if train.inputs.shape[1:] != validation.inputs.shape[1:]:
        raise UsageError(
            f"the images of {spec.name} are {train.inputs.shape[1:3]} in one split and "
            f"{validation.inputs.shape[1:3]} in the other; pass --image_size"
        )


def require_values(split: Split, spec: DataSpec, features: Features) -> None:
    """Labels and tokens are within range, and numbers finite; of examples, or of a single one."""
    if features.inputs is Inputs.TOKENS:
        _require_range(split.inputs, features.vocabulary, "tokens", spec)
    if features.inputs is Inputs.VECTOR:
        _require_finite(split.inputs, "inputs", spec)
    if spec.task is Task.CLASSIFICATION:
        _require_range(split.targets, features.classes, "labels", spec)
    if spec.task is Task.REGRESSION:
        _require_finite(split.targets, "targets", spec)


def require_foreground(split: Split, spec: DataSpec) -> None:
    """Masks say foreground somewhere, but not everywhere."""
    if spec.task is Task.SEGMENTATION and split.targets.min() == split.targets.max():
        raise UsageError(
            f"{'every' if split.targets.max() else 'no'} pixel of a split of {spec.name} is "
            f"foreground, counting the mask values {spec.foreground}; name others with "
            "--foreground"
        )


def _require_range(values: np.ndarray, count: int, what: str, spec: DataSpec) -> None:
    low, high = int(values.min()), int(values.max())
    if not 0 <= low <= high < count:
        remedy = "choose splits that are labelled" if what == "labels" else "choose another set"
        raise UsageError(
            f"the {what} of {spec.name} run from {low} to {high}, but it has {count} "
            f"{'classes' if what == 'labels' else what}; {remedy}"
        )


def _require_finite(values: np.ndarray, what: str, spec: DataSpec) -> None:
    if not np.isfinite(values).all():
        raise UsageError(
            f"some {what} of {spec.name} are no finite numbers; choose another data set, or splits "
            "without them"
        )
