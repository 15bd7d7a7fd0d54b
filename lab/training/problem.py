"""What a cohort's members are given, what they must say, and how that is judged."""

from typing import NamedTuple, assert_never

from lab.data.arrays import DataArrays
from lab.models import Signature
from lab.specs import AnyDataSpec, OwnTaskSpec
from lab.training.objectives import Objective, objective
from lab.training.own_objective import own_objective
from lab.words import Task


class Problem(NamedTuple):
    """A task on the data at hand."""

    signature: Signature
    objective: Objective


def make_problem(spec: AnyDataSpec, data: DataArrays) -> Problem:
    """From shapes alone; only scoring a regression reads data, the validation targets."""
    inputs = tuple(map(int, data.train.inputs.shape[1:]))
    if isinstance(spec, OwnTaskSpec):
        assert data.own is not None, f"the data of {spec.path} were not loaded by load_own"
        said = data.own.outputs
        if isinstance(data.own.loss, Task):
            said = _said(data.own.loss, data)
        return Problem(Signature(inputs, said, data.vocabulary), own_objective(spec.path, data.own))
    return Problem(
        Signature(inputs, _said(spec.task, data), data.vocabulary),
        objective(spec.task, data.characters_per_token, data.validation.targets),
    )


def _said(task: Task, data: DataArrays) -> tuple[int, ...]:
    match task:
        case Task.SEGMENTATION:
            return tuple(map(int, data.train.targets.shape[1:]))
        case Task.CLASSIFICATION | Task.REGRESSION:
            return (data.classes,)
        case Task.LANGUAGE:
            return (*map(int, data.train.inputs.shape[1:]), data.classes)
        case _:
            assert_never(task)
