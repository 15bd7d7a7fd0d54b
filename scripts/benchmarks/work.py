"""One workload's work on disk: what every engine starts from, read without JAX."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.data.arrays import DataArrays, Split
from lab.specs import CohortSpec, json_converter

_COHORT, _ARRAYS, _FACTS = "cohort.json", "arrays.npz", "facts.json"
_WEIGHTS = "weights/"


@dataclasses.dataclass(frozen=True)
class Work:
    """L members of a cohort to be trained, and on what.

    `weights` are the members' initial parameters [L, ...] under Flax's names, as Dense_0/kernel;
    `batches_TxLxB` the examples that each sees at steps 0 to T - 1, and then again from the first.
    `facts` hold the counts and the machine's rates that results are judged by.
    """

    cohort: CohortSpec
    data: DataArrays
    weights: Mapping[str, np.ndarray]
    batches_TxLxB: np.ndarray
    facts: Mapping[str, Any]

    @property
    def lanes(self) -> int:
        """How many members are trained."""
        return self.cohort.members

    def save(self, folder: Path) -> None:
        """Writes the work to a folder."""
        cohort = json_converter().unstructure(self.cohort)
        (folder / _COHORT).write_text(json.dumps(cohort))
        (folder / _FACTS).write_text(
            json.dumps(
                {
                    **self.facts,
                    "classes": self.data.classes,
                    "vocabulary": self.data.vocabulary,
                }
            )
        )
        arrays = {f"{_WEIGHTS}{name}": array for name, array in self.weights.items()}
        for name, split in (("train", self.data.train), ("validation", self.data.validation)):
            arrays[f"{name}_inputs"], arrays[f"{name}_targets"] = split.inputs, split.targets
        np.savez(folder / _ARRAYS, batches=self.batches_TxLxB, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path) -> "Work":
        """Reads what `save` wrote."""
        cohort = json_converter().structure(json.loads((folder / _COHORT).read_text()), CohortSpec)
        facts = read_facts(folder)
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            train, validation = (
                Split(arrays[f"{name}_inputs"], arrays[f"{name}_targets"])
                for name in ("train", "validation")
            )
            weights = {
                name.removeprefix(_WEIGHTS): arrays[name]
                for name in arrays.files
                if name.startswith(_WEIGHTS)
            }
            return cls(
                cohort,
                DataArrays(train, validation, facts["classes"], facts["vocabulary"]),
                weights,
                arrays["batches"],
                facts,
            )


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts alone."""
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    return facts
