"""The dials of a model spec: those of its fields that are plain numbers."""

import dataclasses
import difflib
import json
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

from lab.specs.models import ModelSpec
from lab.specs.own import OwnModelSpec
from lab.specs.rules import require

Spec = TypeVar("Spec", bound=ModelSpec)


def dials(spec: ModelSpec) -> dict[str, int | float]:
    """Each dial's setting, in the order of fields: an int where it counts, a float where not.

    Of a user's own model those arguments that are numbers.
    """
    if isinstance(spec, OwnModelSpec):
        numbers = {name: value for name, value in spec.arguments.items() if _is_number(value)}
        return dict(numbers)
    kinds = typing.get_type_hints(type(spec))
    names = [field.name for field in dataclasses.fields(spec)]
    return {name: kinds[name](getattr(spec, name)) for name in names if kinds[name] in (int, float)}


def setting(spec: ModelSpec, dial: str) -> int | float:
    """The spec's setting of one dial; UsageError if it has no such dial."""
    known = dials(spec)
    require(
        dial in known,
        f"{type(spec).__name__} has no dial {dial!r}; there are {', '.join(known)}"
        f"{meant(dial, known)}",
    )
    return known[dial]


def with_dial(spec: Spec, dial: str, value: float) -> Spec:
    """The spec with one dial set anew; UsageError if it has no such dial, or refuses the value."""
    change: dict[str, Any] = {dial: type(setting(spec, dial))(value)}
    if isinstance(spec, OwnModelSpec):
        return dataclasses.replace(spec, kwargs=json.dumps(spec.arguments | change))
    return dataclasses.replace(spec, **change)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def meant(word: str, known: Iterable[str]) -> str:
    """`: did you mean width?` where a known word is much like it, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {close[0]}?" if close else ""
