"""Data folders as a user has them: the lab's own sets, and small copies of well-known ones."""

import io
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

Prepare = Callable[..., pathlib.Path]


def prepare(
    folder: pathlib.Path,
    name: str,
    version: str,
    features: Mapping[str, Any],
    splits: Mapping[str, list[dict[str, Any]]],
) -> pathlib.Path:
    """Prepares a set of that name by TFDS itself and returns its folder."""
    tfds_name, tfds_version = name, tfds.core.Version(version)

    class StandIn(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        VERSION = tfds_version
        name = tfds_name

        def _info(self) -> tfds.core.DatasetInfo:
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(dict(features)),
                homepage="https://example.com",
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
            yield from enumerate(splits[split])

    builder = StandIn(data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return pathlib.Path(builder.data_dir)


def encoded(pixels: np.ndarray, kind: str = "png") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def pet(number: int) -> dict[str, Any]:
    """A photograph of a bright pet, 60 + number pixels high, with Oxford's trimap: 1, 2 and 3."""
    rng = np.random.default_rng([100, number])
    height, width = 60 + number, 80
    trimap = np.full((height, width), 2, np.uint8)
    trimap[10:50, 20:60] = 3
    trimap[15:45, 25:55] = 1
    photograph = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    photograph[trimap == 1] += 150
    return {
        "image": encoded(photograph, "jpeg"),
        "label": number % 37,
        "species": number % 2,
        "file_name": f"pet_{number}.jpg",
        "segmentation_mask": encoded(trimap),
        "head_bbox": tfds.features.BBox(0.0, 0.0, 0.5, 0.5),
    }


PET_FEATURES = {
    "image": tfds.features.Image(encoding_format="jpeg"),
    "label": tfds.features.ClassLabel(num_classes=37),
    "species": tfds.features.ClassLabel(names=["Cat", "Dog"]),
    "file_name": tfds.features.Text(),
    "segmentation_mask": tfds.features.Image(shape=(None, None, 1), use_colormap=True),
    "head_bbox": tfds.features.BBoxFeature(),
}
MNIST_FEATURES = {
    "image": tfds.features.Image(shape=(28, 28, 1)),
    "label": tfds.features.ClassLabel(num_classes=10),
}


def mnist_digit(number: int) -> dict[str, Any]:
    return {"image": encoded(np.full((28, 28), number, np.uint8)), "label": number % 10}


@pytest.fixture(scope="session")
def prepare_set() -> Prepare:
    return prepare


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the lab's own sets are prepared, by whichever test asks first."""
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="session")
def known_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Small copies of oxford_iiit_pet and mnist, under their names, versions and features."""
    folder = tmp_path_factory.mktemp("known")
    pets = [pet(number) for number in range(30)]
    splits = {"train": pets[:20], "test": pets[20:]}
    prepare(folder, "oxford_iiit_pet", "4.0.0", PET_FEATURES, splits)
    digits = [mnist_digit(number) for number in range(60)]
    splits = {"train": digits[:40], "test": digits[40:]}
    prepare(folder, "mnist", "3.0.1", MNIST_FEATURES, splits)
    return folder
