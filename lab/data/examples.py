"""One example of a set, from what is stored to what is learned from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from lab.data import pictures
from lab.data.features import Features, Inputs
from lab.specs import DataSpec
from lab.words import Task

Decoded = tuple[np.ndarray, np.ndarray]
"""What a model reads of one example, and its target, in the types of `lab.data.arrays.Split`."""


def decode(
    example: Mapping[str, Any], spec: DataSpec, features: Features, channels: int | None
) -> Decoded:
    """An example as stored to arrays; `channels` of an image, where the set says how many.

    OSError or ValueError for what cannot be decoded.
    """
    stored = example[features.inputs_name]
    assert features.target_name is not None
    target = _target(example[features.target_name], spec)
    if features.inputs is Inputs.VECTOR:
        return np.asarray(stored, np.float32), target
    if features.inputs is Inputs.TOKENS:
        return np.asarray(stored, np.int32), target
    image = _pixels(stored, channels)
    if target.ndim == 2 and target.shape != image.shape[:2]:
        raise ValueError(
            f"an image of {image.shape[:2]} pixels and a mask of {target.shape}; they must be alike"
        )
    return _resized(image, target, spec.image_size)


def _target(stored: Any, spec: DataSpec) -> np.ndarray:
    """A mask [H, W] uint8, a label int32, or numbers [K] float32."""
    match spec.task:
        case Task.SEGMENTATION:
            return _mask(stored, spec.foreground)
        case Task.REGRESSION:
            return np.atleast_1d(np.asarray(stored, np.float32))
        case _:
            return np.asarray(stored, np.int32)


def _pixels(stored: Any, channels: int | None) -> np.ndarray:
    """An image [H, W, C] uint8, whether stored encoded or as numbers."""
    return (
        pictures.decode_image(stored, channels) if isinstance(stored, bytes) else np.asarray(stored)
    )


def _mask(stored: Any, foreground: tuple[int, ...]) -> np.ndarray:
    """A mask [H, W] uint8, 1 where its value counts as foreground."""
    values = pictures.decode_mask(stored) if isinstance(stored, bytes) else np.asarray(stored)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 2:
        raise ValueError(f"a mask of shape {values.shape}; it must hold one number per pixel")
    return np.isin(values, foreground).astype(np.uint8)


def _resized(image: np.ndarray, target: np.ndarray, side: int | None) -> Decoded:
    if side is None:
        return image, target
    image = pictures.resize(image, side, Image.Resampling.BILINEAR)
    if target.ndim == 2:
        target = pictures.resize(target[..., None], side, Image.Resampling.NEAREST)[..., 0]
    return image, target
