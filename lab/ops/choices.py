"""Which form an operation takes: a rule of its description, so that a record can repeat it."""

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from lab.errors import UsageError
from lab.ops.windows import Padding, Pair


class Form(enum.Enum):
    """How an operation is computed; the value is the record's word."""

    XLA = "xla"
    IM2COL = "im2col"
    GROUPS = "product per group"
    DEPTHWISE = "depthwise"
    PHASES = "phases"
    SPACE_TO_BATCH = "space to batch"
    SHIFTS = "shifts"


class Reduction(enum.Enum):
    """What a pooling window is reduced to."""

    MAX = "max"
    SUM = "sum"


@dataclasses.dataclass(frozen=True)
class Convolution:
    """Of an image [B, H, W, C] with a kernel [h, w, C/groups, D]."""

    image: tuple[int, int, int, int]
    kernel: tuple[int, int, int, int]
    strides: Pair
    pads: Padding
    image_dilation: Pair
    kernel_dilation: Pair
    groups: int
    dtype: str

    def __str__(self) -> str:
        return _words(
            f"conv {_by(self.image)} * {_by(self.kernel)}",
            f"stride {_by(self.strides)}" * (self.strides != (1, 1)),
            f"pad {_pads(self.pads)}",
            f"image dilation {_by(self.image_dilation)}" * (self.image_dilation != (1, 1)),
            f"kernel dilation {_by(self.kernel_dilation)}" * (self.kernel_dilation != (1, 1)),
            f"groups {self.groups}" * (self.groups != 1),
            self.dtype,
        )

    @property
    def depthwise(self) -> bool:
        """Each channel has kernels of its own."""
        return self.groups > 1 and self.kernel[2] == 1


@dataclasses.dataclass(frozen=True)
class Pooling:
    """Of windows that may reach over every axis of an array."""

    reduction: Reduction
    operand: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[Pair, ...]
    dtype: str

    def __str__(self) -> str:
        return _words(
            f"{self.reduction.value} pool {_by(self.operand)} window {_by(self.window)}",
            f"stride {_by(self.strides)} pad {_pads(self.pads)} {self.dtype}",
        )


Operation = Convolution | Pooling
Choose = Callable[[Operation], Form]


def forms_of(operation: Operation) -> tuple[Form, ...]:
    """The forms that compute it, the one for lack of a better last; XLA's is always among them."""
    match operation:
        case Convolution():
            return (*_convolution_forms(operation), Form.XLA)
        case Pooling():
            return (Form.SHIFTS, Form.XLA)
        case _:
            assert_never(operation)


def _convolution_forms(operation: Convolution) -> tuple[Form, ...]:
    if operation.image_dilation != (1, 1):
        return (Form.PHASES,) if operation.strides == (1, 1) else ()
    if operation.kernel_dilation != (1, 1):
        pairs = zip(operation.strides, operation.kernel_dilation, strict=True)
        reducible = all(math.gcd(s, d) in (s, d) for s, d in pairs)
        return (Form.SPACE_TO_BATCH,) if reducible else ()
    if operation.depthwise:
        return (Form.DEPTHWISE,)
    return (Form.IM2COL,) if operation.groups == 1 else (Form.GROUPS,)


def choose(operation: Operation, platform: str) -> Form:
    """The fastest form, as `scripts/benchmarks/operations.py` measured: the lab's where it has one.

    On one CPU core (AMD EPYC, jax 0.10.2), value and gradient inside a loop on the device, in
    ms per member at width 1 and 8, this form's against XLA's:

        dense 3x3, 16 to 16 channels, 32 x 8x8      0.38  0.59      8.9   11
        dense 3x3, 64 to 64, 8 x 16x16              3.2   5.7       95    233
        depthwise 3x3, 24 channels, 8 x 16x16       0.15  0.16      11    101
        4 groups of 8 to 8, 8 x 16x16               0.76  2.2       7.2   16
        dilated 3x3, 16 to 16, 8 x 16x16            0.32  0.54      6.1   8.2
        transposed 3x3, 16 to 8, 8 x 16x16          0.20  0.24      3.6   5.1
        max pool 2x2, 16 channels, 8 x 32x32        0.11  0.12      1.2   1.5
        average pool 3x3, 16 channels, 8 x 16x16    0.04  0.04      0.17  0.18

    So a width of 1 is no exception: in a loop XLA's CPU backend does not use its fast convolution.
    Embedding and nearest resizing have no form: a gather and its scatter stay as fast under vmap
    (embedding 64 x 32 at 1,024 tokens 0.02 ms; one-hot products took 0.05), and bilinear resizing
    is products already.

    On GPUs and TPUs nothing was measured. The forms are the same there, for vmap makes grouped
    convolutions there too, but for dense windows that `_heavy` calls heavy.
    """
    *forms, xla = forms_of(operation)
    if not forms or (
        platform != "cpu" and isinstance(operation, Convolution) and _heavy(operation)
    ):
        return xla
    return forms[0]


def _heavy(operation: Convolution) -> bool:
    """Its windows side by side are this many times the image: more memory than lanes can spare."""
    h, w, *_ = operation.kernel
    return operation.groups == 1 and h * w > 25 * math.prod(operation.strides)


def recorded(choices: Mapping[str, str], otherwise: Choose) -> Choose:
    """What a record of `operations_of` says, and `otherwise` for what it does not list.

    UsageError, when asked, where the record names a form that the operation does not have.
    """

    def choose_again(operation: Operation) -> Form:
        name = choices.get(str(operation))
        if name is None:
            return otherwise(operation)
        known = {form.value: form for form in forms_of(operation)}
        if name not in known:
            raise UsageError(
                f"the record computes {str(operation)!r} as {name!r}, and this version knows "
                f"{', '.join(known)}: use the version that the run was made with"
            )
        return known[name]

    return choose_again


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _pads(pads: Sequence[Pair]) -> str:
    return " ".join(f"{low}:{high}" for low, high in pads)


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)
