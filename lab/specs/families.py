"""A model spec by the name of its family and its dials, as a command line gives them."""

import dataclasses
import enum
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from lab.documents import parsed_object
from lab.errors import UsageError
from lab.specs.dials import meant
from lab.specs.models import (
    CNNSpec,
    DeepLinearSpec,
    FamilySpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.specs.own import OwnModelSpec

FAMILIES: dict[str, type[FamilySpec]] = {
    "mlp": MLPSpec,
    "deep_linear": DeepLinearSpec,
    "cnn": CNNSpec,
    "resnet": ResNetSpec,
    "mobilenet": MobileNetSpec,
    "vit": ViTSpec,
    "unet": UNetSpec,
    "plain_unet": PlainUNetSpec,
    "transformer": TransformerSpec,
    "lstm": LSTMSpec,
}

LARGEST = 2**31 - 1
"""Of dials that count: sizes of arrays are int32 on the device."""

_FIRST_SETTINGS = 1024
"""How many settings of a free dial are tried until the spec accepts one."""


def model_spec(name: str, dials: Mapping[str, Any], free: str | None = None) -> ModelSpec:
    """The spec of a family, with dials as JSON has them: enums by their values, tuples as lists.

    `package.module:Class` is a user's own class, and its dials are what it is constructed with. A
    `free` dial, which is to be searched, may be left out: it is then the smallest that fits.
    UsageError says what there is where a name, a dial or a type is wrong.
    """
    if ":" in name:
        return OwnModelSpec(name, json.dumps({**({free: 1} if free else {}), **dials}))
    if name not in FAMILIES:
        raise UsageError(
            f"{name!r} is no family of models; there are {', '.join(FAMILIES)}, and "
            f"package.module:Class for one of your own{meant(name, FAMILIES)}"
        )
    fields = {field.name: field for field in dataclasses.fields(FAMILIES[name])}
    kinds = typing.get_type_hints(FAMILIES[name])
    for dial in (*dials, *([free] if free else [])):
        if dial not in fields:
            raise UsageError(
                f"{name} has no dial {dial!r}; there are {', '.join(fields)}{meant(dial, fields)}"
            )
    missing = [
        dial
        for dial, field in fields.items()
        if dial not in dials
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    values = {dial: _read(name, dial, kinds[dial], value) for dial, value in dials.items()}
    if free in missing:
        missing.remove(free)
        values[free] = None
    if missing:
        example = json.dumps(dict.fromkeys(missing, 2))
        raise UsageError(
            f"{name} needs {', '.join(missing)}, which must be given among its dials, as {example}"
        )
    if free is None or values.get(free, 1) is not None:
        return FAMILIES[name](**values)
    return _first_that_fits(FAMILIES[name], values, free)


def read_dials(text: str) -> dict[str, Any]:
    """Dials from a JSON object; UsageError where it is none."""
    try:
        return parsed_object(text)
    except UsageError as error:
        raise UsageError(
            f"the dials {text!r} cannot be read ({error}): pass an object such as "
            '{"width": 16}, in single quotes'
        ) from None


def _first_that_fits(family: type[FamilySpec], values: dict[str, Any], free: str) -> ModelSpec:
    for setting in range(1, _FIRST_SETTINGS):
        try:
            return family(**{**values, free: setting})
        except UsageError as error:
            refusal = error
    raise refusal


def _read(name: str, dial: str, kind: Any, value: Any) -> Any:
    try:
        return _as(kind, value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{dial} of {name} is {json.dumps(value)}; it must be {error}: pass another"
        ) from None


def _as(kind: Any, value: Any) -> Any:
    """The value in the type of its field; the error's text says what would be."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _as_one_of(parts, value)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("a list")
        return tuple(_as(parts[0], part) for part in value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        values = [one.value for one in kind]
        if value not in values:
            raise ValueError(f"one of {', '.join(map(str, values))}{meant(str(value), values)}")
        return kind(value)
    if kind is int:
        if not _is_number(value) or not float(value).is_integer() or abs(value) > LARGEST:
            raise TypeError(f"a whole number up to {LARGEST}")
        return int(value)
    if kind is float:
        if not _is_number(value) or not math.isfinite(value):
            raise TypeError("a number")
        return float(value)
    if not isinstance(value, kind):
        raise TypeError("true or false" if kind is bool else "a string")
    return value


def _as_one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in kinds:
        return None
    return _as(next(kind for kind in kinds if kind is not type(None)), value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
