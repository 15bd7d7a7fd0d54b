"""Who the members of a cohort are: all that its compiled program is told of them when it runs.

Cohorts that differ in this alone, as the rounds of a search and what is measured by its rates, are
one program: it is compiled once.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lab.specs import CohortSpec
from lab.words import Hyperparameter

SLOTS = 64
"""A table's length, so that programs are alike whatever it holds; or the power of 2 it takes."""


class Table(NamedTuple):
    """Values of one hyperparameter that members have in turn."""

    values_S: jax.Array  # float32; of S slots those from `length` on are never read
    length: jax.Array  # int32 []

    def of(self, member: jax.Array) -> jax.Array:
        """A member's own."""
        return self.values_S[member % self.length]


class Roll(NamedTuple):
    """The root of their draws, how many they are, and their hyperparameters by name.

    A hyperparameter that is 0 for all members, or that the cohort does without, is absent: nothing
    is compiled for it.
    """

    seed: jax.Array  # uint32 []
    members: jax.Array  # int32 []
    tables: dict[str, Table]


def roll_of(cohort: CohortSpec) -> Roll:
    """The cohort's."""
    values = {which.value: cohort.values(which) for which in Hyperparameter}
    return Roll(
        seed=jnp.asarray(np.uint32(cohort.seed)),
        members=jnp.asarray(np.int32(cohort.members)),
        tables={name: _table(found) for name, found in values.items() if any(found)},
    )


def _table(values: tuple[float, ...]) -> Table:
    slots = max(SLOTS, 2 ** math.ceil(math.log2(len(values))))
    padded = np.zeros(slots, np.float32)
    padded[: len(values)] = values
    return Table(jnp.asarray(padded), jnp.asarray(np.int32(len(values))))
