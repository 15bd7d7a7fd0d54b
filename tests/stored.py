"""What lies prepared in a folder, as TFDS itself reads it."""

import hashlib
import pathlib

import numpy as np
import tensorflow_datasets as tfds


def columns(builder: tfds.core.DatasetBuilder) -> dict[str, dict[str, np.ndarray]]:
    """For each split, a column [N, ...] a feature."""
    stored = {}
    for split in builder.info.splits:
        examples = list(builder.as_data_source(split=split))
        stored[split] = {
            key: np.stack([np.asarray(example[key]) for example in examples])
            for key in builder.info.features
        }
    return stored


def file_hashes(folder: pathlib.Path) -> dict[str, str]:
    """The SHA-256 of every file below the folder, by its path there."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
