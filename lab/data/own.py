"""A user's own task: their data, with the loss and the metrics that they are judged by.

A task is a function that returns an `OwnTask`, and is named `package.module:function`:

    import numpy as np
    import optax
    from lab.data.own import OwnTask

    def cells(folder: str = "cells") -> OwnTask:
        train, validation = np.load(f"{folder}/train.npz"), np.load(f"{folder}/validation.npz")
        return OwnTask(
            train=(train["images"], train["labels"]),
            validation=(validation["images"], validation["labels"]),
            loss=optax.softmax_cross_entropy_with_integer_labels,
            metrics={"accuracy": (lambda logits, labels: logits.argmax(-1) == labels, "maximize")},
            outputs=(10,),
        )
"""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lab import user_code
from lab.data import own_arrays, own_sources
from lab.data.arrays import DataArrays, Split
from lab.data.own_arrays import Pair
from lab.errors import UsageError
from lab.specs import NamedMetric, OwnTaskSpec
from lab.specs.own import require_metrics
from lab.words import TASK_METRICS, Direction, Metric, Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

Measure = Callable[..., Any]
"""`measure(outputs, targets)` in jax.numpy, of a batch: [B] or [B, ...], or one mean."""


@dataclasses.dataclass(frozen=True, eq=False)
class OwnTask:
    """Data, loss and metrics.

    `train` and `validation` are (inputs, targets), N examples each. A dtype says what inputs are:
    uint8 are pictures, which models see as float32 in [0, 1]; floats are seen as float32, as they
    are; integers are tokens, of which there are `vocabulary`, seen as int32. Targets are given to
    the loss as float32, int32 or uint8 (booleans too).

    `loss` is a `Task`, for a ready-made loss with its metrics and checks, or a function
    `loss(outputs, targets)` that JAX can differentiate. It gives a number an example, [B] or
    [B, ...], or one number, the mean over its batch; such a one is measured on batches of one
    example, so that a split that does not divide into batches is measured exactly, and trained on
    as it is. `metrics` are functions alike, each with the direction in which it improves; one that
    gives a pair is the ratio of the two sums over the whole split, as intersections over unions
    are. Ready-made are: segmentation (targets [N, H, W] of 0 and 1; outputs are logits [B, H, W]),
    classification (targets [N] in 0..classes-1; logits [B, classes]), regression (targets [N] or
    [N, K]; outputs [B, K]), language (targets [N, T] tokens; logits [B, T, vocabulary]).

    `outputs` is the shape of one example's output, where the loss is a function; None leaves it to
    the loss to say. `target` is the metric and threshold that count as converged unless another
    target is asked for, as ("iou", 0.7).

    Raises:
        UsageError: what was given breaks one of these rules.
    """

    train: Pair
    validation: Pair
    loss: Task | Measure
    metrics: Mapping[str, tuple[Measure, Direction | str]] = dataclasses.field(default_factory=dict)
    outputs: tuple[int, ...] | None = None
    classes: int | None = None
    vocabulary: int = 0
    characters_per_token: float = 1.0
    target: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        for name in ("train", "validation"):
            pair = own_arrays.converted(name, getattr(self, name), self.vocabulary)
            object.__setattr__(self, name, pair)
        own_arrays.require_alike(self.train, self.validation)
        if isinstance(self.loss, Task):
            self._make_ready(self.loss)
        elif not callable(self.loss):
            raise UsageError(
                f"the loss of a task is {self.loss!r}; it must be a Task, as Task.SEGMENTATION, or "
                "a function of outputs and targets: pass one of these"
            )
        object.__setattr__(self, "metrics", _directed(self.metrics))
        require_metrics("a task", self.measured)

    def _make_ready(self, task: Task) -> None:
        """Targets as the ready-made loss has them, and how many classes there are."""
        for name in ("train", "validation"):
            inputs, targets = getattr(self, name)
            ready = own_arrays.ready_targets(task, name, inputs, targets, self.vocabulary)
            object.__setattr__(self, name, (inputs, ready))
        both = (self.train[1], self.validation[1])
        classes = own_arrays.count_classes(task, both, self.classes, self.vocabulary)
        object.__setattr__(self, "classes", classes)

    @property
    def measured(self) -> tuple[Metric | NamedMetric, ...]:
        """What is measured at every evaluation, the loss first."""
        ready = TASK_METRICS[self.loss] if isinstance(self.loss, Task) else (Metric.LOSS,)
        own = (NamedMetric(name, Direction(way)) for name, (_, way) in self.metrics.items())
        return (*ready, *own)

    @classmethod
    def from_builder(
        cls,
        builder: tfds.core.DatasetBuilder,
        *,
        inputs: str = "image",
        targets: str = "label",
        splits: tuple[str, str] = ("train", "validation"),
        loss: Task | Measure | None = None,
        image_size: int | None = None,
        foreground: tuple[int, ...] | None = None,
        **options: Any,
    ) -> OwnTask:
        """Of a TFDS builder whose set is prepared; TensorFlow is not needed to read it.

        `splits` are TFDS split expressions that share no example, `inputs` and `targets` features.
        Without a loss a ClassLabel is classified, and an Image segmented, where `foreground` lists
        the mask values that count, None being all but 0. `image_size` squashes pictures to squares;
        `options` are those of `OwnTask`.
        """
        found = own_sources.read_builder(builder, inputs, targets, splits, image_size, foreground)
        return cls(found.train, found.validation, found.loss_or(loss), **found.options | options)

    @classmethod
    def from_folder(
        cls,
        path: str | pathlib.Path,
        *,
        splits: tuple[str, str] = ("train", "validation"),
        loss: Task | Measure | None = None,
        image_size: int | None = None,
        foreground: tuple[int, ...] | None = None,
        **options: Any,
    ) -> OwnTask:
        """Of a folder with either split as one of

            train.npz                     arrays `inputs` and `targets`; the loss must be named
            train/CLASS/*.png, *.jpg      classified; classes in alphabetical order
            train/images/*, train/masks/* segmented; a mask has its picture's name

        `foreground` lists the mask values that count, None being all but 0; `image_size` squashes
        pictures to squares; `options` are those of `OwnTask`.
        """
        found = own_sources.read_folder(pathlib.Path(path), splits, image_size, foreground)
        return cls(found.train, found.validation, found.loss_or(loss), **found.options | options)


def resolve_task(path: str, kwargs: str = "{}") -> OwnTaskSpec:
    """The spec of a task, with what it measures: calls the user's function once."""
    plain = OwnTaskSpec(path, kwargs)
    task = _call(plain)
    return dataclasses.replace(plain, metrics=task.measured, target=task.target)


def load_own(spec: OwnTaskSpec) -> DataArrays:
    """The task's arrays, which carry the task itself for its loss and metrics.

    Raises:
        UsageError: the function fails, or measures something else than when the study was made.
    """
    task = _call(spec)
    if task.measured != spec.metrics:
        then, now = (
            ", ".join(metric.value for metric in metrics)
            for metrics in (spec.metrics, task.measured)
        )
        raise UsageError(
            f"{spec.path} measures {now}, and measured {then} when the study was made: let it "
            "measure the same again, or pass another --out"
        )
    said = task.outputs[-1] if task.outputs else 0
    return DataArrays(
        Split(*task.train),
        Split(*task.validation),
        classes=said if task.classes is None else task.classes,
        vocabulary=task.vocabulary,
        characters_per_token=task.characters_per_token,
        own=task,
    )


def is_task(found: Any) -> bool:
    """Whether it is a function that says that it gives an `OwnTask`, by `-> OwnTask`."""
    if not inspect.isfunction(found) and not inspect.ismethod(found):
        return False
    given = found.__annotations__.get("return")
    # Postponed evaluation leaves an annotation as it is written.
    written = given.strip("'\" ").rpartition(".")[2] if isinstance(given, str) else None
    return given is OwnTask or written == OwnTask.__name__


def _call(spec: OwnTaskSpec) -> OwnTask:
    function = user_code.load(spec.path)
    if not callable(function):
        raise UsageError(
            f"{spec.path} is a {type(function).__name__}; a task is a function that returns an "
            "OwnTask: name the function"
        )
    call = user_code.bound(spec.path, function, spec.arguments, "task_kwargs")
    with user_code.explained(f"calling {spec.path}", lambda _: "mend it, or pass --task_kwargs"):
        task = call()
    if not isinstance(task, OwnTask):
        raise UsageError(
            f"{spec.path} returned a {type(task).__name__}; a task is a function that returns an "
            "OwnTask: see lab.data.own"
        )
    return task


def _directed(
    metrics: Mapping[str, tuple[Measure, Direction | str]],
) -> Mapping[str, tuple[Measure, Direction]]:
    directed = {}
    ways = [way.value for way in Direction]
    for name, given in metrics.items():
        function, way = given if isinstance(given, tuple) and len(given) == 2 else (None, None)
        value = way.value if isinstance(way, Direction) else way
        if not callable(function) or value not in ways:
            raise UsageError(
                f"metric {name!r} is {given!r}; it must be a function and a direction, which is "
                f"{' or '.join(ways)}: pass {name}=(function, {ways[0]!r}) as an item of metrics"
            )
        directed[name] = (function, Direction(value))
    return directed
