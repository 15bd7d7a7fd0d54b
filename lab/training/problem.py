"""What a cohort's members are given, what they must say, and how that is judged."""

from typing import NamedTuple

from lab.data.arrays import DataArrays
from lab.models import Signature
from lab.training.objectives import Objective, objective
from lab.words import Task


class Problem(NamedTuple):
    """A task on the data at hand."""

    signature: Signature
    objective: Objective


def make_problem(task: Task, data: DataArrays) -> Problem:
    """From shapes alone; the data are not read."""
    inputs = tuple(map(int, data.train.inputs.shape[1:]))
    said = {
        Task.SEGMENTATION: tuple(map(int, data.train.targets.shape[1:])),
        Task.CLASSIFICATION: (data.classes,),
        Task.LANGUAGE: (*inputs, data.classes),
        Task.REGRESSION: (data.classes,),
    }
    return Problem(
        Signature(inputs, said[task], data.vocabulary), objective(task, data.characters_per_token)
    )
