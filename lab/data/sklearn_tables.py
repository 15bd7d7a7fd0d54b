"""Tables that come with scikit-learn, measured on people and on wine; nothing is downloaded.

Every column of the inputs is centred and scaled by its mean and deviation over the training split
alone, and the targets of regression likewise, so that a squared error of 1 is that of "always the
mean" there. Rows are dealt to the splits at random. The sets state no licence: they are read from
the installed scikit-learn when they are prepared, and the lab ships no copy.

On the validation splits, which are small: the commonest label is right for 0.65 of breast cancer
and 0.45 of wine, logistic regression for 0.96 and 0.975; on diabetes the mean has a squared error
of 0.98, and least squares 0.42.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.generated import SPLITS

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_ORDER_ADDRESS = 442


def split_rows(held_out: int, rows: int) -> dict[str, np.ndarray]:
    """The source rows of each split: a partition of 0..rows-1, the same on every machine."""
    order = np.random.default_rng([_ORDER_ADDRESS, rows]).permutation(rows)
    ends = (rows - 2 * held_out, rows - held_out)
    return dict(zip(SPLITS, np.split(order, ends), strict=True))


def standardise(columns: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Columns [N, D], centred and scaled by those rows' mean and deviation alone."""
    return (columns - columns[train].mean(axis=0)) / columns[train].std(axis=0)


class SklearnTable(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A table: inputs [D] float32, the source's row, and a label or targets [1] float32."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Standardised by the training split."}
    INPUTS: ClassVar[int]
    HELD_OUT: ClassVar[int]
    """Rows in validation, and as many in test."""
    CLASSES: ClassVar[tuple[str, ...]] = ()
    """Of classification; a regression has none."""

    @abc.abstractmethod
    def source(self) -> Bunch:
        """The table as scikit-learn has it, unscaled: `data` [N, D] and `target` [N]."""

    def _info(self) -> tfds.core.DatasetInfo:
        target = "label" if self.CLASSES else "targets"
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{type(self).__doc__}\n\n{__doc__}",
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=(self.INPUTS,), dtype=np.float32),
                    target: tfds.features.ClassLabel(names=list(self.CLASSES))
                    if self.CLASSES
                    else tfds.features.Tensor(shape=(1,), dtype=np.float32),
                    "row": np.int32,
                }
            ),
            supervised_keys=("inputs", target),
            homepage="https://scikit-learn.org/stable/datasets/toy_dataset.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        table = self.source()
        rows = split_rows(self.HELD_OUT, len(table.data))
        inputs = standardise(table.data, rows["train"]).astype(np.float32)
        targets = (
            {"label": table.target}
            if self.CLASSES
            else {"targets": standardise(table.target[:, None], rows["train"]).astype(np.float32)}
        )
        for row in map(int, rows[split]):
            example = {key: column[row] for key, column in targets.items()}
            yield row, {"inputs": inputs[row], "row": row, **example}


class SklearnBreastCancer(SklearnTable):
    """Is a tumour malignant or benign? 569 of them, by 30 measures of their cells' nuclei."""

    INPUTS, HELD_OUT, CLASSES = 30, 100, ("malignant", "benign")

    def source(self) -> Bunch:
        # Imported here: scikit-learn is needed to prepare the set, not to read it.
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer()


class SklearnWine(SklearnTable):
    """Which of three growers made a wine? 178 wines by 13 measures of chemistry."""

    INPUTS, HELD_OUT, CLASSES = 13, 40, ("class_0", "class_1", "class_2")

    def source(self) -> Bunch:
        from sklearn.datasets import load_wine

        return load_wine()


class SklearnDiabetes(SklearnTable):
    """How far has diabetes gone after a year? 442 patients, by 10 measures at its start."""

    INPUTS, HELD_OUT = 10, 100

    def source(self) -> Bunch:
        from sklearn.datasets import load_diabetes

        return load_diabetes(scaled=False)
