"""Classification of scikit-learn's handwritten digits, 1797 scans of 8x8 pixels; no download."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.pictures import to_png
from lab.data.source_digits import SPLIT_DIGITS, split_digits

SIDE = 8
"""Height and width of an image, in pixels."""


class SklearnDigits(tfds.core.GeneratorBasedBuilder):
    """Handwritten digits: image [8, 8, 1] uint8, 0 (paper) to 255 (ink), and label."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "1,297 training, 200 validation and 300 test images."
    }

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "digit_index": np.int32,
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://scikit-learn.org/stable/datasets/toy_dataset.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLIT_DIGITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        # Imported here: scikit-learn is needed to prepare the set, not to read it.
        from sklearn.datasets import load_digits

        digits = load_digits()
        for index in map(int, split_digits()[split]):
            image = np.rint(digits.images[index] * (255 / 16)).astype(np.uint8)
            yield (
                index,
                {
                    "image": to_png(image[..., None]),
                    "label": int(digits.target[index]),
                    "digit_index": index,
                },
            )
