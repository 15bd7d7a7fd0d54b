"""Frozen, self-validating descriptions: the lab's only configuration, JSON both ways.

A spec says what shall happen and holds nothing that has happened. It is built from plain numbers,
strings and enums, so that the analysis tower can read a study without JAX.
"""

from lab.specs.cohort import MAX_EXAMPLES, MAX_MEMBERS, CohortSpec, cohort_seeds
from lab.specs.data import DataSpec
from lab.specs.models import CNNSpec, MLPSpec, ModelSpec, UNetSpec
from lab.specs.optimizers import AdamSpec, OptimizerSpec, SGDSpec
from lab.specs.study import STUDY_SCHEMA, ContrastSpec, Margins, StudySpec, json_converter
from lab.specs.target import TargetSpec

__all__ = [
    "MAX_EXAMPLES",
    "MAX_MEMBERS",
    "STUDY_SCHEMA",
    "AdamSpec",
    "CNNSpec",
    "CohortSpec",
    "ContrastSpec",
    "DataSpec",
    "MLPSpec",
    "Margins",
    "ModelSpec",
    "OptimizerSpec",
    "SGDSpec",
    "StudySpec",
    "TargetSpec",
    "UNetSpec",
    "cohort_seeds",
    "json_converter",
]
