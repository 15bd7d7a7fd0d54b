"""2-D convolution with `lax.conv_general_dilated`'s signature, so that `nn.Conv` takes it as is.

Each form says why it is fast. What none of them covers goes to XLA's own convolution, which is
right everywhere and slow under vmap.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax

from lab.ops.dense import dense
from lab.ops.depthwise import depthwise
from lab.ops.windows import Padding, Pair

_NHWC = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[Pair],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: lax.ConvDimensionNumbers | None = None,
    feature_group_count: int = 1,
    precision: Any = None,
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated` of NHWC images [B, H, W, C] with HWIO kernels [h, w, C/g, D].

    Pointwise, depthwise and dense convolutions of any stride and padding take this module's forms;
    dilated, otherwise grouped and differently laid out ones are XLA's.
    """
    covered = (
        dimension_numbers == _NHWC
        and set(lhs_dilation or (1,)) == {1}
        and set(rhs_dilation or (1,)) == {1}
        and not options
    )
    per_channel = feature_group_count == lhs.shape[-1] == rhs.shape[-1] and rhs.shape[2] == 1
    if not covered or not (feature_group_count == 1 or per_channel):
        return lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            dimension_numbers=dimension_numbers,
            feature_group_count=feature_group_count,
            precision=precision,
            **options,
        )
    strides = (window_strides[0], window_strides[1])
    pads = _explicit(padding, lhs.shape[1:3], rhs.shape[:2], strides)
    if feature_group_count > 1:
        return depthwise(lhs, rhs[:, :, 0, :], strides, pads)
    return dense(lhs, rhs, strides, pads, precision)


def _explicit(
    padding: str | Sequence[Pair], image: Sequence[int], window: Sequence[int], strides: Pair
) -> Padding:
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    (top, bottom), (left, right) = padding
    return (int(top), int(bottom)), (int(left), int(right))
