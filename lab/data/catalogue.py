"""The lab's own data sets: their names, what each is for, and its builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.words import Metric, Task

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class OwnSet(NamedTuple):
    """A task, and the target that a study of it has by default: thresholds, the hardest last."""

    task: Task
    metric: Metric
    thresholds: tuple[float, ...]


OWN_SETS = {
    "digits_on_photographs": OwnSet(Task.SEGMENTATION, Metric.IOU, (0.5, 0.65)),
    "linear_teacher": OwnSet(Task.REGRESSION, Metric.R_SQUARED, (0.9, 0.99)),
    "modular_addition": OwnSet(Task.CLASSIFICATION, Metric.ACCURACY, (0.5, 0.95)),
    "python_documentation": OwnSet(Task.LANGUAGE, Metric.BITS_PER_CHARACTER, (3.5, 3.0)),
    "sklearn_breast_cancer": OwnSet(Task.CLASSIFICATION, Metric.ACCURACY, (0.9, 0.95)),
    "sklearn_diabetes": OwnSet(Task.REGRESSION, Metric.R_SQUARED, (0.3, 0.4)),
    "sklearn_digits": OwnSet(Task.CLASSIFICATION, Metric.ACCURACY, (0.9, 0.95)),
    "sklearn_wine": OwnSet(Task.CLASSIFICATION, Metric.ACCURACY, (0.9, 0.95)),
    "sparse_parity": OwnSet(Task.CLASSIFICATION, Metric.ACCURACY, (0.75, 0.95)),
    "teacher_student": OwnSet(Task.REGRESSION, Metric.R_SQUARED, (0.9, 0.95)),
}
OWN_NAMES = tuple(OWN_SETS)
"""They need no network."""


def own_set(name: str) -> OwnSet | None:
    """Of the lab's own sets the one that a TFDS name, `set[/config][:version]`, means."""
    return OWN_SETS.get(name.split("/")[0].split(":")[0])


def own_class(name: str) -> type[tfds.core.DatasetBuilder]:
    """The builder of one of OWN_NAMES; imported here, since importing one imports TFDS."""
    match name:
        case "digits_on_photographs":
            from lab.data.digits_on_photographs import DigitsOnPhotographs

            return DigitsOnPhotographs
        case "linear_teacher":
            from lab.data.linear_teacher import LinearTeacher

            return LinearTeacher
        case "modular_addition":
            from lab.data.modular_addition import ModularAddition

            return ModularAddition
        case "python_documentation":
            from lab.data.python_documentation import PythonDocumentation

            return PythonDocumentation
        case "sklearn_breast_cancer":
            from lab.data.sklearn_tables import SklearnBreastCancer

            return SklearnBreastCancer
        case "sklearn_diabetes":
            from lab.data.sklearn_tables import SklearnDiabetes

            return SklearnDiabetes
        case "sklearn_digits":
            from lab.data.sklearn_digits import SklearnDigits

            return SklearnDigits
        case "sklearn_wine":
            from lab.data.sklearn_tables import SklearnWine

            return SklearnWine
        case "sparse_parity":
            from lab.data.sparse_parity import SparseParity

            return SparseParity
        case "teacher_student":
            from lab.data.teacher_student import TeacherStudent

            return TeacherStudent
    raise AssertionError(name)


def own_path(own: type[tfds.core.DatasetBuilder], asked: Mapping[str, Any]) -> str | None:
    """Where in the data folder a set of the lab's own lies: NAME[/CONFIG]/VERSION.

    Args:
        own: its builder.
        asked: what the user's name has besides the set: config, version.

    Returns:
        None where the builder must say what is wrong with what was asked.

    Raises:
        UsageError: there can be no such config.
    """
    from lab.data.configured import ConfiguredBuilder

    configured = issubclass(own, ConfiguredBuilder)
    if asked.keys() - ({"config", "version"} if configured else {"version"}):
        return None
    version = asked.get("version", str(own.VERSION))
    config = f"{own.config_name(asked.get('config'))}/" if configured else ""
    return f"{own.name}/{config}{version}"
