"""Convolutions that a leading member axis leaves fast.

`vmap` over a convolution's kernel turns it into a grouped convolution, and even one member's, in
the loop that training is, runs on XLA's CPU backend without its fast kernels. The forms here hold
only products and sums that a member axis leaves dense. Each says where it stands why it is fast.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core.primitives import conv_general_dilated_p

from lab.ops.choices import Choose, Convolution, Form
from lab.ops.dense import dense
from lab.ops.depthwise import depthwise
from lab.ops.dilated import batch_to_space, space_to_batch
from lab.ops.grouped import grouped
from lab.ops.transposed import interleave, phases
from lab.ops.windows import wide

_NHWC = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
_DTYPES = ("float32", "float64", "bfloat16", "float16")


def convolution_equation(
    inputs: Sequence[jax.Array], params: Mapping[str, Any], choose: Choose
) -> jax.Array:
    """What `lax.conv_general_dilated` gives, for its primitive's operands and parameters.

    Any layout, of one or two spatial axes; anything else is XLA's.
    """
    lhs, rhs = inputs
    if not _covered(lhs, rhs, params):
        bound: jax.Array = conv_general_dilated_p.bind(lhs, rhs, **params)
        return bound
    numbers = params["dimension_numbers"]
    image = lax.transpose(lhs, _channels_last(numbers.lhs_spec))
    out, into, *spatial = numbers.rhs_spec
    kernel = lax.transpose(rhs, (*spatial, into, out))
    # One spatial axis is the second of two.
    ahead = 2 - len(spatial)
    operation = Convolution(
        image=(image.shape[0], *_pair(image.shape[1:-1], 1), image.shape[-1]),
        kernel=(*_pair(kernel.shape[:-2], 1), kernel.shape[-2], kernel.shape[-1]),
        strides=_pair(params["window_strides"], 1),
        pads=_pair([(int(low), int(high)) for low, high in params["padding"]], (0, 0)),
        image_dilation=_pair(params["lhs_dilation"], 1),
        kernel_dilation=_pair(params["rhs_dilation"], 1),
        groups=params["feature_group_count"],
        dtype=str(lhs.dtype),
    )
    y = convolution(
        image.reshape(operation.image),
        kernel.reshape(operation.kernel),
        operation,
        params["precision"],
        choose,
    )
    there = [int(axis) for axis in np.argsort(_channels_last(numbers.out_spec))]
    return lax.transpose(lax.squeeze(y, range(1, 1 + ahead)), there)


def convolution(
    x: jax.Array, kernel: jax.Array, operation: Convolution, precision: Any, choose: Choose
) -> jax.Array:
    """[B, H, W, C] with [h, w, C/g, D] in the form that `choose` gives.

    A rearranged convolution is a convolution, and chooses again.
    """
    match choose(operation):
        case Form.IM2COL:
            return dense(x, kernel, operation.strides, operation.pads, precision)
        case Form.DEPTHWISE:
            # Products add narrow floats up in float32 by themselves; sums of taps would not.
            sums = wide(x)
            return _depthwise(x.astype(sums), kernel.astype(sums), operation).astype(x.dtype)
        case Form.GROUPS:
            strides, pads = operation.strides, operation.pads
            return grouped(x, kernel, operation.groups, strides, pads, precision)
        case Form.PHASES:
            combined, plain = phases(kernel, operation)
            return interleave(convolution(x, combined, plain, precision, choose), operation)
        case Form.SPACE_TO_BATCH:
            images, plain = space_to_batch(x, operation)
            return batch_to_space(convolution(images, kernel, plain, precision, choose), operation)
        case _:
            return lax.conv_general_dilated(
                x,
                kernel,
                operation.strides,
                operation.pads,
                lhs_dilation=operation.image_dilation,
                rhs_dilation=operation.kernel_dilation,
                dimension_numbers=_NHWC,
                feature_group_count=operation.groups,
                precision=precision,
            )


def _depthwise(x: jax.Array, kernel: jax.Array, operation: Convolution) -> jax.Array:
    """Each channel meets D/C kernels."""
    b, h, w, c = x.shape
    copies = operation.kernel[3] // c
    if copies > 1:
        x = jnp.broadcast_to(x[..., None], (b, h, w, c, copies)).reshape(b, h, w, c * copies)
    return depthwise(x, kernel[:, :, 0, :], operation.strides, operation.pads)


def _covered(lhs: jax.Array, rhs: jax.Array, params: Mapping[str, Any]) -> bool:
    return (
        lhs.ndim in (3, 4)
        and params["batch_group_count"] == 1
        and str(lhs.dtype) == str(rhs.dtype) in _DTYPES
        and params["preferred_element_type"] in (None, lhs.dtype)
        and params["out_sharding"] is None
    )


def _channels_last(spec: Sequence[int]) -> tuple[int, ...]:
    batch, channels, *spatial = spec
    return (batch, *spatial, channels)


def _pair(sizes: Sequence[Any], alone: Any) -> tuple[Any, Any]:
    first, second = (alone, *sizes) if len(sizes) == 1 else sizes
    return first, second
