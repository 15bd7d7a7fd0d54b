"""Foreground segmentation on real images that come with the lab's own dependencies.

scikit-learn's handwritten digits (1797 scans of 8x8 pixels) are drawn in ink on 32x32 patches of
its two sample photographs. The net must say which pixels are ink. Nothing is downloaded.

No source digit is in two splits, and no pixel of a photograph either: each photograph is cut into
tiles, a tile belongs to one split, and a patch lies wholly within a tile.

The ink is lighter or darker than the patch below it, by a moderate amount, and tinted at random,
while the photographs run from near black to near white. On the validation split, intersection over
union is 0.13 for "everything is ink", 0.21 for the best threshold on brightness, and 0.43 for the
best threshold on the distance from each image's median brightness. A U-Net of 5,000 parameters
passes 0.6 within 150 to 300 steps of batch 8, and 0.7 within some thousand.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from lab.data.pictures import to_png
from lab.data.source_digits import SPLIT_DIGITS, split_digits

SIDE = 32
"""Height and width of an image, in pixels."""

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
TILE_HEIGHT, TILE_WIDTH = 71, 64
TILE_ROWS, TILE_COLUMNS = 6, 10
"""Six by ten tiles cover a photograph of 427x640 pixels but for its last row of pixels."""

TRAIN_COMPOSITIONS = 2
"""Each training digit is drawn this many times, each time anew."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

_COMPOSITION_ADDRESS = 8
_SPLIT_NUMBERS = {name: number for number, name in enumerate(SPLIT_DIGITS)}
_TILE_PATTERN = ("train", "validation", "train", "test", "train", "train", "test")


@dataclasses.dataclass(frozen=True)
class Composition:
    """An image [32, 32, 3] uint8, its mask [32, 32, 1] uint8 in {0, 1}, and the patch's place."""

    image: np.ndarray
    mask: np.ndarray
    photograph: int
    top: int
    left: int


def split_tiles(split: str) -> list[tuple[int, int, int]]:
    """The (photograph, top, left) corner of each tile that belongs to the split.

    The pattern runs askew, so that every split sees sky, roof, petal and leaf.
    """
    return [
        (photograph, row * TILE_HEIGHT, column * TILE_WIDTH)
        for photograph in range(len(PHOTOGRAPHS))
        for row in range(TILE_ROWS)
        for column in range(TILE_COLUMNS)
        if _TILE_PATTERN[(3 * row + column + photograph) % len(_TILE_PATTERN)] == split
    ]


def compose(
    digit: np.ndarray, photographs: list[np.ndarray], split: str, seed: list[int]
) -> Composition:
    """Draws one digit on one patch; every choice comes from the seed.

    Args:
        digit: [8, 8], 0 (paper) to 16 (ink).
        photographs: [427, 640, 3] uint8 each, in the order of PHOTOGRAPHS.
        split: whose tiles the patch may come from.
        seed: the address of this composition.
    """
    rng = np.random.default_rng(seed)
    tiles = split_tiles(split)
    photograph, tile_top, tile_left = tiles[rng.integers(len(tiles))]
    top = int(tile_top + rng.integers(TILE_HEIGHT - SIDE + 1))
    left = int(tile_left + rng.integers(TILE_WIDTH - SIDE + 1))
    patch = photographs[photograph][top : top + SIDE, left : left + SIDE].astype(np.float64)
    alpha = _ink_coverage(digit, rng)
    opacity = rng.uniform(0.8, 0.95)
    ink = _ink_colour(patch, alpha, rng)
    weight = opacity * alpha[..., None]
    image = np.clip(np.rint(patch * (1 - weight) + ink * weight), 0, 255).astype(np.uint8)
    mask = (alpha > 0.5).astype(np.uint8)[..., None]
    return Composition(image, mask, photograph, top, left)


def _ink_coverage(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much of each pixel is inked, [32, 32] in [0, 1]: the digit enlarged, firmed, placed."""
    size = int(rng.integers(14, 27))
    row, column = rng.integers(SIDE - size + 1, size=2)
    small = Image.fromarray((digit / 16).astype(np.float32))
    large = np.asarray(small.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)
    alpha = np.zeros((SIDE, SIDE))
    alpha[row : row + size, column : column + size] = np.clip((large - 0.25) / 0.5, 0, 1)
    return alpha


def _ink_colour(patch: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tinted colour [3], lighter or darker than what lies beneath the ink."""
    beneath = (patch @ LUMINANCE)[alpha > 0.5].mean()
    contrast = rng.uniform(60, 110) * rng.choice([-1, 1])
    if not 10 <= beneath + contrast <= 245:
        contrast = -contrast
    tint = rng.uniform(-35, 35, size=3)
    return np.clip(beneath + contrast + tint - tint @ LUMINANCE, 0, 255)


class DigitsOnPhotographs(tfds.core.GeneratorBasedBuilder):
    """Digits in ink on photographs: image, mask and provenance of each composition."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "2,594 training, 200 validation and 300 test images."
    }

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="png"),
                    "segmentation_mask": tfds.features.Image(
                        shape=(SIDE, SIDE, 1), encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "digit_index": np.int32,
                    "photograph": tfds.features.ClassLabel(names=list(PHOTOGRAPHS)),
                    "patch_top": np.int32,
                    "patch_left": np.int32,
                }
            ),
            homepage="https://scikit-learn.org/stable/datasets/toy_dataset.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLIT_DIGITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        # Imported here: scikit-learn is needed to prepare the set, not to read it.
        from sklearn.datasets import load_digits, load_sample_image

        digits = load_digits()
        photographs = [load_sample_image(name) for name in PHOTOGRAPHS]
        for index in split_digits()[split]:
            for copy in range(TRAIN_COMPOSITIONS if split == "train" else 1):
                seed = [_COMPOSITION_ADDRESS, _SPLIT_NUMBERS[split], int(index), copy]
                made = compose(digits.images[index], photographs, split, seed)
                yield (
                    f"{index:04d}-{copy}",
                    {
                        "image": to_png(made.image),
                        "segmentation_mask": to_png(made.mask),
                        "label": int(digits.target[index]),
                        "digit_index": int(index),
                        "photograph": made.photograph,
                        "patch_top": made.top,
                        "patch_left": made.left,
                    },
                )
