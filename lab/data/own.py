"""The lab's own data sets: their names, and the builder of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

OWN_NAMES = (
    "digits_on_photographs",
    "linear_teacher",
    "modular_addition",
    "python_documentation",
    "sklearn_breast_cancer",
    "sklearn_diabetes",
    "sklearn_digits",
    "sklearn_wine",
    "sparse_parity",
    "teacher_student",
)
"""They need no network."""


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
