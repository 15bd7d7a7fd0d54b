"""Makes arrays as hard as a spec says: each dial a pure function of them and of an address."""

import dataclasses
import enum

import numpy as np

from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task


class Dial(enum.IntEnum):
    """What a generator is for. Part of every recorded run's data: never renumber."""

    FRACTION = 0
    IMBALANCE = 1
    LABELS = 2
    TRAIN_INPUTS = 3
    VALIDATION_INPUTS = 4


def made_harder(data: DataArrays, spec: DataSpec) -> DataArrays:
    """The data with every dial of `spec.difficulty` turned, in the order in which it lists them.

    Raises:
        UsageError: a dial leaves nothing to learn from, or does not fit the data.
    """
    hard = spec.difficulty
    if hard.classes is not None:
        data = _with_classes(data, hard.classes, spec)
    if hard.train_fraction < 1:
        rng = _generator(spec, Dial.FRACTION)
        data = _with_train(data, _share(data, spec, hard.train_fraction, rng))
    if hard.imbalance > 1:
        rng = _generator(spec, Dial.IMBALANCE)
        data = _with_train(data, _imbalanced(data, hard.imbalance, rng))
    if hard.label_noise > 0:
        rng = _generator(spec, Dial.LABELS)
        targets = _noisy_targets(data, spec.task, hard.label_noise, rng)
        data = dataclasses.replace(data, train=Split(data.train.inputs, targets))
    if hard.input_noise > 0:
        data = _with_input_noise(data, spec, hard.input_noise)
    return data


def _generator(spec: DataSpec, dial: Dial) -> np.random.Generator:
    return np.random.default_rng([spec.difficulty.seed, dial])


def _with_train(data: DataArrays, kept: np.ndarray) -> DataArrays:
    """The training examples at these indices, in stored order."""
    kept = np.sort(kept)
    return dataclasses.replace(data, train=Split(data.train.inputs[kept], data.train.targets[kept]))


def _with_classes(data: DataArrays, classes: tuple[int, ...], spec: DataSpec) -> DataArrays:
    outside = [one for one in classes if not 0 <= one < data.classes]
    if outside:
        raise UsageError(
            f"classes has {outside[0]}; those of {spec.name} run from 0 to {data.classes - 1}: "
            "pass others as --classes"
        )
    numbers = np.full(data.classes, -1, np.int32)
    numbers[list(classes)] = np.arange(len(classes), dtype=np.int32)

    def part(split: Split, what: str) -> Split:
        kept = np.flatnonzero(numbers[split.targets] >= 0)
        if not kept.size:
            raise UsageError(
                f"the {what} split of {spec.name} has no example of classes {classes}: pass others "
                "as --classes"
            )
        return Split(split.inputs[kept], numbers[split.targets[kept]])

    train, validation = part(data.train, "training"), part(data.validation, "validation")
    return dataclasses.replace(data, train=train, validation=validation, classes=len(classes))


def _share(
    data: DataArrays, spec: DataSpec, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Indices of a share of the training examples; of each class where there are classes.

    One order is drawn and cut, so that a smaller share lies within a larger one.
    """
    order = rng.permutation(len(data.train.inputs))
    if spec.task is not Task.CLASSIFICATION:
        kept = order[: round(fraction * len(order))]
    else:
        labels = data.train.targets[order]
        groups = [order[labels == one] for one in range(data.classes)]
        kept = np.concatenate([group[: round(fraction * len(group))] for group in groups])
    if not kept.size:
        raise UsageError(
            f"train_fraction {fraction} leaves none of {len(order)} training examples: pass a "
            "larger --train_fraction"
        )
    return kept


def _imbalanced(data: DataArrays, imbalance: float, rng: np.random.Generator) -> np.ndarray:
    """Indices; class c of C keeps n / imbalance^(c / (C - 1)), n that of the rarest class."""
    order = rng.permutation(len(data.train.inputs))
    labels = data.train.targets[order]
    groups = [order[labels == one] for one in range(data.classes)]
    most = min(map(len, groups))
    powers = np.arange(data.classes) / max(1, data.classes - 1)
    counts = [round(most / imbalance**power) for power in powers]
    if not all(counts):
        raise UsageError(
            f"imbalance {imbalance:g} leaves a class of at most {most} examples without any: pass "
            "a smaller --imbalance"
        )
    return np.concatenate([group[:count] for group, count in zip(groups, counts, strict=True)])


def _noisy_targets(
    data: DataArrays, task: Task, noise: float, rng: np.random.Generator
) -> np.ndarray:
    targets = data.train.targets
    if task is Task.REGRESSION:
        drawn = rng.normal(size=targets.shape) * noise * _deviations(targets)
        return (targets + drawn).astype(np.float32)
    chosen = rng.random(targets.shape) < noise
    if task is Task.SEGMENTATION:
        return np.where(chosen, 1 - targets, targets).astype(np.uint8)
    others = (targets + rng.integers(1, data.classes, targets.shape)) % data.classes
    return np.where(chosen, others, targets).astype(np.int32)


def _deviations(columns: np.ndarray) -> np.ndarray:
    """Standard deviations over the first axis.

    In float64: float32 sums of a million rows of 2000 give or take 5 make 18 of the 5.
    """
    return np.asarray(columns.std(0, dtype=np.float64))


def _with_input_noise(data: DataArrays, spec: DataSpec, noise: float) -> DataArrays:
    if data.vocabulary:
        raise UsageError(
            f"input_noise is {noise}, but {spec.name} holds tokens, which are no numbers: drop "
            "--input_noise"
        )
    scale = 255.0 if data.train.inputs.dtype == np.uint8 else _deviations(data.train.inputs)

    def noisy(split: Split, dial: Dial) -> Split:
        drawn = _generator(spec, dial).normal(size=split.inputs.shape) * noise * scale
        inputs = split.inputs + drawn
        if split.inputs.dtype == np.uint8:
            inputs = np.clip(np.rint(inputs), 0, 255)
        return Split(inputs.astype(split.inputs.dtype), split.targets)

    return dataclasses.replace(
        data,
        train=noisy(data.train, Dial.TRAIN_INPUTS),
        validation=noisy(data.validation, Dial.VALIDATION_INPUTS),
    )
