"""A cohort with hyperparameters of choice, wherever they are declared."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from lab.specs.cohort import CohortSpec
from lab.specs.comparison import Setting
from lab.specs.rules import require
from lab.words import Hyperparameter


def holding(cohort: CohortSpec, settings: Iterable[Setting]) -> CohortSpec:
    """The cohort with these values for all of its members, in its optimizer or its recipe.

    UsageError for one that the cohort varies, or has nothing to do with.
    """
    for one in settings:
        name, value = one.hyperparameter.value, one.value
        require(
            one.hyperparameter not in {varied.hyperparameter for varied in cohort.vary},
            f"{name} varies over the members of {cohort.name!r}, so it cannot be one value: drop "
            f"--vary={name}",
        )
        owners = [each for each in ("optimizer", "recipe") if hasattr(getattr(cohort, each), name)]
        require(
            bool(owners),
            f"{name} is to be {value}, but {type(cohort.optimizer).__name__} has none: drop it",
        )
        whole = one.hyperparameter is Hyperparameter.WARMUP_STEPS
        changed: dict[str, Any] = {name: int(value) if whole else value}
        changed = {owners[0]: dataclasses.replace(getattr(cohort, owners[0]), **changed)}
        cohort = dataclasses.replace(cohort, **changed)
    return cohort
