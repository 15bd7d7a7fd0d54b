"""Training examples that are read while members train: by index, decoded by several threads."""

import concurrent.futures
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lab.data.arrays import Split
from lab.data.reading import ByIndex
from lab.errors import UsageError

CHUNK = 512
"""Examples that are read at once, and so the most that lie in memory encoded."""

Decode = Callable[[int, Any], tuple[np.ndarray, np.ndarray]]
"""An example's index, and what is stored of it, to its input and its target."""


class Streamed:
    """A `lab.data.arrays.Source` on disk."""

    def __init__(
        self,
        by_index: ByIndex,
        decode: Decode,
        count: int,
        like: Split,
        digest: str,
        threads: int | None = None,
    ) -> None:
        """`like` holds examples of the split, which all are shaped as; threads: a core's each."""
        self.digest = digest
        self._by_index = by_index
        self._decode = decode
        self._count = count
        self._like = like
        self._reading = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads or os.cpu_count() or 1)

    def __len__(self) -> int:
        return self._count

    def read(self, indices: np.ndarray) -> Split:
        """See `lab.data.arrays.Source`; UsageError for an example unlike the others."""
        inputs = np.empty((len(indices), *self._like.inputs.shape[1:]), self._like.inputs.dtype)
        targets = np.empty((len(indices), *self._like.targets.shape[1:]), self._like.targets.dtype)

        def place(row: int, example: Any) -> None:
            number = int(indices[row])
            image, target = self._decode(number, example)
            if image.shape != inputs.shape[1:] or target.shape != targets.shape[1:]:
                raise UsageError(
                    f"training example {number} is {image.shape}, others are {inputs.shape[1:]}: "
                    "pass --image_size"
                )
            inputs[row], targets[row] = image, target

        for start in range(0, len(indices), CHUNK):
            rows = range(start, min(start + CHUNK, len(indices)))
            list(self._pool.map(place, rows, self._fetch(indices[rows].tolist())))
        return Split(inputs, targets)

    def _fetch(self, indices: Sequence[int]) -> list[Any]:
        """One thread at a time: TFDS does not say that more may ask."""
        with self._reading:
            return self._by_index(indices)
