"""Frozen, self-validating descriptions: the lab's only configuration, JSON both ways.

A spec says what shall happen and holds nothing that has happened. It is built from plain numbers,
strings and enums, so that the analysis tower can read a study without JAX.
"""

from lab.specs.cohort import MAX_EXAMPLES, MAX_MEMBERS, CohortSpec, cohort_seeds
from lab.specs.comparison import Comparison, ContrastSpec, Margins, Setting
from lab.specs.data import DataSpec
from lab.specs.difficulty import DifficultySpec
from lab.specs.imported import ImportedSpec
from lab.specs.initial import InitialSpec, SourceSpec
from lab.specs.models import (
    CNNSpec,
    DeepLinearSpec,
    FamilySpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.specs.optimizers import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    LAMBSpec,
    LionSpec,
    MuonSpec,
    NAdamSpec,
    OptimizerSpec,
    ProdigySpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    SGDSpec,
)
from lab.specs.own import AnyDataSpec, OwnModelSpec, OwnTaskSpec
from lab.specs.recipe import RecipeSpec
from lab.specs.schedules import (
    ConstantSchedule,
    CosineSchedule,
    InverseSquareRootSchedule,
    ScheduleSpec,
    StepSchedule,
)
from lab.specs.seeds import SeedsSpec
from lab.specs.sequential import SequentialSpec, default_looks, in_turn
from lab.specs.settings import holding
from lab.specs.study import STUDY_SCHEMA, StudySpec, json_converter
from lab.specs.target import NamedMetric, TargetSpec
from lab.specs.text import TextSpec
from lab.specs.tuning import SearchSpec, TunedSpec
from lab.specs.variation import Varied

AnyCohortSpec = CohortSpec | ImportedSpec
"""A cohort, wherever it was trained."""

__all__ = [
    "MAX_EXAMPLES",
    "MAX_MEMBERS",
    "STUDY_SCHEMA",
    "AdagradSpec",
    "AdamSpec",
    "AdamWSpec",
    "AnyCohortSpec",
    "AnyDataSpec",
    "CNNSpec",
    "CohortSpec",
    "Comparison",
    "ConstantSchedule",
    "ContrastSpec",
    "CosineSchedule",
    "DataSpec",
    "DeepLinearSpec",
    "DifficultySpec",
    "FamilySpec",
    "ImportedSpec",
    "InitialSpec",
    "InverseSquareRootSchedule",
    "LAMBSpec",
    "LSTMSpec",
    "LionSpec",
    "MLPSpec",
    "Margins",
    "MobileNetSpec",
    "ModelSpec",
    "MuonSpec",
    "NAdamSpec",
    "NamedMetric",
    "OptimizerSpec",
    "OwnModelSpec",
    "OwnTaskSpec",
    "PlainUNetSpec",
    "ProdigySpec",
    "RMSPropSpec",
    "RecipeSpec",
    "ResNetSpec",
    "SGDSpec",
    "ScheduleFreeSpec",
    "ScheduleSpec",
    "SearchSpec",
    "SeedsSpec",
    "SequentialSpec",
    "Setting",
    "SourceSpec",
    "StepSchedule",
    "StudySpec",
    "TargetSpec",
    "TextSpec",
    "TransformerSpec",
    "TunedSpec",
    "UNetSpec",
    "Varied",
    "ViTSpec",
    "cohort_seeds",
    "default_looks",
    "holding",
    "in_turn",
    "json_converter",
]
