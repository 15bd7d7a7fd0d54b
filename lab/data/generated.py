"""What the sets that are generated share: dials in the config's name, and rows from columns.

A config's name is its dials, joined by "-": `bits30-parity3-train10000-draw0`. Any of them may be
left out, in any order; the folder on the disk is named by all of them.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.configured import ConfiguredBuilder
from lab.errors import UsageError
from lab.specs.rules import require

SPLITS = ("train", "validation", "test")

HELD_OUT = 1000
"""Examples in validation, and as many in test."""

MAX_ROWS = 250_000
MAX_NUMBERS = 2**25
"""Rows times numbers in a row. TFDS writes row by row: 200,000 rows of 100 take half a minute."""

_PART = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)")

Dials = TypeVar("Dials")
Columns = Mapping[str, np.ndarray]


def config_name(dials: Any) -> str:
    """The name of a config, with every dial spelt out; `dials` is a dataclass."""
    return "-".join(
        _part(field.name, getattr(dials, field.name)) for field in dataclasses.fields(dials)
    )


def parse_config(set_name: str, defaults: Dials, text: str) -> Dials:
    """The dials that a config's name turns, the others as in `defaults`.

    A dial is an int, a float or an enum: `NAME` and its value, or of an enum the value alone.

    Raises:
        UsageError: a part is no dial of the set, comes twice, or has a value out of range.
    """
    turned: dict[str, Any] = {}
    for part in text.split("-") if text else ():
        name, value = _turn(defaults, part) or (None, None)
        require(
            name is not None and name not in turned,
            f"{set_name}/{text}: {part!r} {'comes twice' if name else 'is no dial of the set'}; "
            f"its dials and their defaults are {', '.join(config_name(defaults).split('-'))}: "
            "join those to be changed by -",
        )
        turned[str(name)] = value
    try:
        return dataclasses.replace(defaults, **turned)  # type: ignore[type-var]
    except UsageError as error:
        raise UsageError(f"{set_name}/{text}: {error}") from error


def _part(name: str, value: Any) -> str:
    match value:
        case enum.Enum():
            return str(value.value)
        case float():
            return name + np.format_float_positional(value, trim="-")
    return f"{name}{value}"


def _turn(defaults: Any, part: str) -> tuple[str, Any] | None:
    """The dial that a part of a name turns and its value; None if there is no such dial."""
    matched = _PART.fullmatch(part)
    for field in dataclasses.fields(defaults):
        kind = type(getattr(defaults, field.name))
        if issubclass(kind, enum.Enum):
            if part in [choice.value for choice in kind]:
                return field.name, kind(part)
        elif matched and matched[1] == field.name and (kind is float or "." not in matched[2]):
            return field.name, kind(matched[2])
    return None


def require_range(dials: object, name: str, least: float, most: float) -> None:
    """UsageError unless least <= the dial <= most."""
    value = getattr(dials, name)
    require(
        least <= value <= most,
        f"{name} is {value}; write {name} with a number between {least} and {most}",
    )


def require_size(rows: int, columns: int) -> None:
    """UsageError for a set that would take minutes to write or gigabytes to generate."""
    require(
        rows <= MAX_ROWS and rows * columns <= MAX_NUMBERS,
        f"that is {rows} examples of {columns} numbers; the most are {MAX_ROWS} examples and "
        f"{MAX_NUMBERS} numbers in all: turn a dial down",
    )


class GeneratedBuilder(ConfiguredBuilder, Generic[Dials], skip_registration=True):  # type: ignore[call-arg]
    """A set that is computed from its dials alone."""

    DEFAULTS: ClassVar[Any]

    @classmethod
    def config_name(cls, asked: str | None) -> str:
        return config_name(parse_config(cls.name, cls.DEFAULTS, asked or ""))

    @property
    def dials(self) -> Dials:
        return parse_config(self.name, self.DEFAULTS, self.builder_config.name)

    @abc.abstractmethod
    def columns(self) -> dict[str, Columns]:
        """For each split, a column [N, ...] a feature."""

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(part) for split, part in self.columns().items()}

    def _generate_examples(self, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, row in enumerate(zip(*columns.values(), strict=True)):
            yield number, dict(zip(columns, row, strict=True))
