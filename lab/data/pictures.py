"""Pictures in and out of bytes, and their resizing. Pillow alone does it.

TFDS would decode with OpenCV where that is installed, and JPEG decoders differ by a grey level here
and there: the same study must see the same pixels on every machine.
"""

import io

import numpy as np
from PIL import Image

_MODES = {1: "L", 3: "RGB", 4: "RGBA", None: "RGB"}
_INDEX_MODES = ("L", "P", "1", "I", "I;16")


def to_png(picture: np.ndarray) -> bytes:
    """A picture [H, W, 1 or 3] uint8 as PNG; TFDS encodes arrays with TensorFlow only."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "png")
    return buffer.getvalue()


def decode_image(encoded: bytes, channels: int | None) -> np.ndarray:
    """A PNG, JPEG... as [H, W, C] uint8; colours are converted to 1, 3 or 4 channels, None means 3.

    Raises:
        ValueError: the number of channels is none of these.
        OSError: the bytes are no picture that Pillow knows.
    """
    if channels not in _MODES:
        raise ValueError(f"{channels} channels; a picture has 1, 3 or 4")
    with Image.open(io.BytesIO(encoded)) as picture:
        pixels = np.asarray(picture.convert(_MODES[channels]))
    return pixels.reshape(*pixels.shape[:2], -1)


def decode_mask(encoded: bytes) -> np.ndarray:
    """A PNG mask as [H, W] integers, as stored: grey values or palette indices, never colours.

    Raises:
        ValueError: the picture is in colour.
        OSError: the bytes are no picture that Pillow knows.
    """
    with Image.open(io.BytesIO(encoded)) as picture:
        if picture.mode not in _INDEX_MODES:
            raise ValueError(
                f"a mask in colours ({picture.mode}); it must hold one number per pixel"
            )
        return np.asarray(picture).astype(np.int32)


def resize(pixels: np.ndarray, side: int, resampling: Image.Resampling) -> np.ndarray:
    """Squashes [H, W, C] uint8 to [side, side, C].

    Squashed and not cropped: every pixel of a mask keeps a say, wherever the object stands.
    """
    if pixels.shape[:2] == (side, side):
        return pixels
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(pixels, -1, 0)]
    return np.stack(
        [np.asarray(plane.resize((side, side), resampling)) for plane in planes], axis=-1
    )
