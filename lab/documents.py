"""JSON from outside: read whole or refused, and turned into typed data by its own types alone."""

import dataclasses
import json
import typing
from collections.abc import Callable
from typing import Any

import cattrs
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.v import format_exception

from lab.errors import UsageError

DEEPEST = 50
"""Levels of lists and objects within each other; the lab's own documents have about ten."""


def parsed(text: str) -> Any:
    """The document in `text`.

    UsageError, saying what it is instead, for text that is no JSON, holds a number that Python
    reads nowhere, or is nested deeper than `DEEPEST`.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise UsageError(_TOO_DEEP) from None
    except ValueError as error:
        raise UsageError(f"it is not JSON: {' '.join(str(error).split())}") from error
    level = [document]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return document
    raise UsageError(_TOO_DEEP)


def parsed_object(text: str) -> dict[str, Any]:
    """The document, which must be an object."""
    document = parsed(text)
    if not isinstance(document, dict):
        raise UsageError("it is JSON, but not an object")
    return document


_TOO_DEEP = f"its lists and objects are nested more than {DEEPEST} levels deep"


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def strict_converter(*, forbid_extra_keys: bool) -> cattrs.Converter:
    """A converter that takes no value for another: cattrs would make an int of "6", 6.7 and true.

    A whole number stands for a float too, as JSON has but one kind of number.
    """
    converter = cattrs.Converter(forbid_extra_keys=forbid_extra_keys)
    for kind in (bool, str, int, float):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook_factory(_is_list, _list_hook)
    converter.register_structure_hook_factory(_is_object, _object_hook)
    converter.register_structure_hook_factory(dataclasses.is_dataclass, _fields_hook)
    return converter


def reasons(error: BaseException) -> str:
    """What a converter has against a document, each with its place, in one line."""
    found = cattrs.transform_error(error, format_exception=_told)
    shown = "; ".join(" ".join(one.split()) for one in found[:_MOST_REASONS])
    return (
        shown if len(found) <= _MOST_REASONS else f"{shown}; and {len(found) - _MOST_REASONS} more"
    )


_MOST_REASONS = 3


def _told(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, UsageError) else format_exception(error, kind)


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def read(value: Any, _: Any) -> Any:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise TypeError(f"not of type {kind.__name__}")
        return value

    return read


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) in (tuple, list)


def _list_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    made, items = typing.get_origin(kind), typing.get_args(kind)
    alike = made is list or items[-1] is Ellipsis
    each = list_structure_factory(kind, converter)

    def read(value: Any, _: Any) -> Any:
        if not isinstance(value, list) or not (alike or len(value) == len(items)):
            raise TypeError("not a list of that length")
        if alike:
            return made(each(value, kind))
        return made(converter.structure(*one) for one in zip(value, items, strict=True))

    return read


def _is_object(kind: Any) -> bool:
    return typing.get_origin(kind) is dict


def _object_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    each = mapping_structure_factory(kind, converter)

    def read(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError("not an object")
        return each(value, kind)

    return read


def _fields_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    each = converter.gen_structure_attrs_fromdict(kind)

    def read(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):  # Of text, cattrs would ask whether it holds the keys.
            raise TypeError("not an object")
        return each(value, kind)

    return read
