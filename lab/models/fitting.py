"""Which inputs a family reads, and which answers it gives."""

import math
from typing import assert_never

from lab.errors import UsageError
from lab.models.signature import Signature
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    FamilySpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)

_TEXT, _IMAGES, _VECTORS = "text", "images", "vectors"


def require_fitting(spec: FamilySpec, signature: Signature) -> None:
    """UsageError unless the family reads such inputs and says such outputs."""
    family, given, read = type(spec).__name__, _given(signature), _read(spec)
    if given not in read:
        raise UsageError(
            f"the data are {given}, and {family} is a model of {' or '.join(read)}: choose another "
            "model or data set"
        )
    if signature.dense not in _dense(spec):
        place = "token" if signature.tokens else "pixel"
        one, all_of_them = f"one answer for all {place}s", f"an answer for every {place}"
        asked, said = (all_of_them, one) if signature.dense else (one, all_of_them)
        raise UsageError(
            f"the task asks for {asked}, and {family} says {said}: choose another model or data set"
        )
    match spec:
        case UNetSpec():
            _require_sides(signature, 2**spec.depth)
        case PlainUNetSpec():
            _require_sides(signature, 2 ** (spec.depth - 1))
        case ViTSpec():
            _require_patches(signature, spec.patch)
        case TransformerSpec() | LSTMSpec() if spec.tied and (
            signature.answers != signature.vocabulary
        ):
            raise UsageError(
                f"a tied head says one of the {signature.vocabulary} tokens that it reads, and "
                f"{signature.answers} answers are asked: set tied to false"
            )


def _given(signature: Signature) -> str:
    if signature.tokens:
        return _TEXT
    return _IMAGES if signature.images else _VECTORS


def _read(spec: FamilySpec) -> tuple[str, ...]:
    match spec:
        case MLPSpec():
            return (_IMAGES, _VECTORS, _TEXT)
        case DeepLinearSpec():
            return (_IMAGES, _VECTORS)
        case CNNSpec() | ResNetSpec() | MobileNetSpec() | ViTSpec() | UNetSpec() | PlainUNetSpec():
            return (_IMAGES,)
        case TransformerSpec() | LSTMSpec():
            return (_TEXT,)
        case _:
            assert_never(spec)


def _dense(spec: FamilySpec) -> tuple[bool, ...]:
    """Whether the family may be asked about every pixel or position, about all, or about both."""
    match spec:
        case UNetSpec() | PlainUNetSpec():
            return (True,)
        case TransformerSpec() | LSTMSpec():
            return (True, False)
        case _:
            return (False,)


def _require_sides(signature: Signature, multiple: int) -> None:
    height, width, _ = signature.inputs
    if height % multiple or width % multiple:
        fitting = multiple * max(1, width // multiple)
        raise UsageError(
            f"images are {height}x{width}; the U-Net needs sides that are multiples of {multiple}: "
            f"pass --image_size={fitting}"
        )


def _require_patches(signature: Signature, patch: int) -> None:
    height, width, _ = signature.inputs
    if height % patch or width % patch:
        sides = math.gcd(height, width)
        fitting = next(size for size in range(min(patch, sides), 0, -1) if sides % size == 0)
        raise UsageError(
            f"images are {height}x{width}; patches of {patch}x{patch} do not tile them: set "
            f"patch to {fitting}"
        )
