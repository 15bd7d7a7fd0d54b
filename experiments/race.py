"""Which of these networks converges first? Any families, any dials, any data; your own as well.

    scripts/run race                                             # two MLPs on handwritten digits
    scripts/run race --model=cnn --model_kwargs='{"width": 4}' --model_kwargs='{"width": 16}'
    scripts/run race --model=cnn --model=vit --match_parameters=5000         # equal counts
    scripts/run race --model=lstm --match_parameters=5000,20000 --dataset=python_documentation
    scripts/run race --model=my_repo.nets:UNet --model_kwargs='{"width": 8}' \\
        --model_kwargs='{"width": 16}' --task=my_repo.data:cells --target=0.7

One cohort a network, every member with its own initial weights and its own order of the data; each
network against the next larger one, on the clocks steps, examples, FLOPs and seconds. --model,
--model_kwargs and --match_parameters are given once for all networks, or once for each of them.

All at one shared learning rate: no claim about size in general. --tune=grid searches for one for
each, on members apart.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from absl import flags

from experiments import _clocks, _data, _flags, _study
from experiments._unused import require_unused
from lab.data.arrays import DataArrays
from lab.data.catalogue import own_set
from lab.data.own import resolve_task
from lab.errors import UsageError
from lab.models import match_parameters
from lab.races import distinct_names, open_data, race_study
from lab.specs import AnyDataSpec, CohortSpec, ModelSpec, NamedMetric, OwnTaskSpec
from lab.specs.families import model_spec, read_dials
from lab.training.problem import make_problem
from lab.words import Metric, Task

T = TypeVar("T")

_MODEL = flags.DEFINE_multi_string(
    "model", ["mlp"], "Family of networks, or package.module:Class of your own."
)
_MODEL_KWARGS = flags.DEFINE_multi_string(
    "model_kwargs", [], 'Dials of a network as JSON: \'{"width": 16, "depth": 3}\'.'
)
_MATCH = flags.DEFINE_list(
    "match_parameters", [], "Turn --dial until a network has as nearly as can be so many."
)
_DIAL = flags.DEFINE_string("dial", "width", "What --match_parameters turns.")
_TOLERANCE = flags.DEFINE_float(
    "tolerance", 0.05, "How far off --match_parameters the nearest network may be, as a share."
)
_NAMES = flags.DEFINE_list("names", [], "Of the cohorts; by default made of what differs.")
_DATASET = flags.DEFINE_string("dataset", "sklearn_digits", "TFDS set.")
_TASK = flags.DEFINE_string(
    "task",
    None,
    f"One of {', '.join(task.value for task in Task)}, by default what the lab's own set is for, "
    "else classification; or package.module:function of your own.",
)
_TASK_KWARGS = flags.DEFINE_string("task_kwargs", "{}", "Arguments of your own task, as JSON.")
_FOREGROUND = flags.DEFINE_list("foreground", ["1"], "Mask values that count as foreground.")
_METRIC = flags.DEFINE_string("metric", None, "What --target is about; by default the set's own.")
_TARGET = flags.DEFINE_list(
    "target", [], "Thresholds, the hardest decides; by default those of the lab's own sets."
)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 0.003, "Learning rate of every cohort; by default 1 of prodigy."
)
_BUDGET = flags.DEFINE_integer("budget_steps", 2000, "The most steps a member may take.")
_EVERY = flags.DEFINE_integer("eval_every", 20, "Steps from one evaluation to the next.")

DEFAULT_DIALS = ('{"width": 8}', '{"width": 32}')


class Entry(NamedTuple):
    """One network as the flags ask for it."""

    model: str
    dials: dict[str, Any]
    parameters: int | None


def main() -> None:
    """Flags to study to answer."""
    sequential = _flags.sequential()
    entries = _entries()
    task = _task()
    metric, thresholds = _target(task)
    declared = [
        _flags.cohort_spec(
            name=name,
            data=task,
            model=_model(entry),
            seed=seed,
            metric=metric,
            thresholds=thresholds,
            learning_rate=_LEARNING_RATE.value,
            budget_steps=_BUDGET.value,
            eval_every=_EVERY.value,
        )
        for name, entry, seed in zip(
            _names(entries), entries, _flags.seeds(len(entries)), strict=True
        )
    ]
    # Late: a mistake in a flag must not cost a download.
    task, data = open_data(task, _data.data_dir())
    study = race_study(_sized(entries, declared, task, data), data, sequential)
    study = dataclasses.replace(study, cohorts=_clocks.budgeted(study.cohorts, data))
    _study.answer("race", study, {task: data})


def _entries() -> tuple[Entry, ...]:
    """One for each network; what is given once counts for all."""
    if not _MATCH.value:
        require_unused(
            ["dial", "tolerance"], "no parameters are matched", "pass --match_parameters=5000"
        )
    models, dials = tuple(_MODEL.value), tuple(_MODEL_KWARGS.value)
    if not dials and not _MATCH.value and models == ("mlp",):
        dials = DEFAULT_DIALS
    counts = tuple(_whole(text) for text in _MATCH.value)
    number = max(len(models), len(dials), len(counts))
    if number < 2:
        raise UsageError(
            f"there is one network, {models[0]}; a race takes two or more: pass --model_kwargs or "
            "--match_parameters twice, or another --model"
        )
    return tuple(
        Entry(model, read_dials(text), parameters)
        for model, text, parameters in zip(
            _spread("model", models, number),
            _spread("model_kwargs", dials or ("{}",), number),
            _spread("match_parameters", counts or (None,), number),
            strict=True,
        )
    )


def _spread(flag: str, given: Sequence[T], number: int) -> tuple[T, ...]:
    if len(given) not in (1, number):
        raise UsageError(
            f"{flag} is given {len(given)} times for {number} networks; it must be once for all, "
            f"or once for each: pass {number}"
        )
    return tuple(given) * (number if len(given) == 1 else 1)


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(
            f"match_parameters has {text!r}; it must be counts: pass --match_parameters=5000"
        )
    return int(text)


def _model(entry: Entry) -> ModelSpec:
    return model_spec(
        entry.model, entry.dials, free=None if entry.parameters is None else _DIAL.value
    )


def _sized(
    entries: Sequence[Entry], declared: Sequence[CohortSpec], task: AnyDataSpec, data: DataArrays
) -> list[CohortSpec]:
    """Cohorts on the data as they are, each with its dial turned."""
    signature, sized = make_problem(task, data).signature, []
    for entry, cohort in zip(entries, declared, strict=True):
        model = cohort.model
        if entry.parameters is not None:
            match = match_parameters(
                model, entry.parameters, signature, _DIAL.value, _TOLERANCE.value
            )
            print(f"{cohort.name}: {match}")
            model = match.spec
        sized.append(dataclasses.replace(cohort, data=task, model=model))
    return sized


def _names(entries: Sequence[Entry]) -> tuple[str, ...]:
    if not _NAMES.value:
        told: list[Mapping[str, Any]] = [
            entry.dials | ({} if entry.parameters is None else {"parameters": entry.parameters})
            for entry in entries
        ]
        return distinct_names([entry.model for entry in entries], told)
    if len(_NAMES.value) != len(entries):
        raise UsageError(
            f"names is {','.join(_NAMES.value)} for {len(entries)} networks: pass one for each"
        )
    return tuple(_NAMES.value)


def _task() -> AnyDataSpec:
    """The lab's task on a TFDS set, or the user's own."""
    text = _TASK.value
    if text is not None and ":" in text:
        require_unused(
            ("dataset", "foreground", *_data.OF_TFDS), f"the task {text} brings its own data"
        )
        if not any(flags.FLAGS[name].present for name in ("pretrained", "matched")):
            require_unused(["data_dir"], f"the task {text} brings its own data")
        return resolve_task(text, _TASK_KWARGS.value)
    require_unused(["task_kwargs"], "no task of your own is", "pass --task=package.module:name")
    own = own_set(_DATASET.value)
    known = [task.value for task in Task]
    if text is None:
        task = own.task if own else Task.CLASSIFICATION
    elif text in known:
        task = Task(text)
    else:
        raise UsageError(
            f"task is {text!r}; it must be one of {', '.join(known)}, or package.module:function"
        )
    return _data.data_spec(_DATASET.value, task, _FOREGROUND.value)


def _target(task: AnyDataSpec) -> tuple[Metric | NamedMetric, Sequence[str]]:
    """The metric and its thresholds: as given, else the set's or the task's own."""
    default = _default_target(task)
    names = {metric.value: metric for metric in task.metrics}
    name = _METRIC.value or (default[0] if default else _main_metric(task).value)
    if name not in names:
        raise UsageError(f"metric is {name!r}; measured are {', '.join(names)}: pass one of them")
    given = _TARGET.value or flags.FLAGS["plateau"].present
    if given:
        return names[name], _TARGET.value
    if default is None or default[0] != name:
        raise UsageError(f"no target was given: pass --target with a value of {name}, or --plateau")
    return names[name], default[1]


def _default_target(task: AnyDataSpec) -> tuple[str, Sequence[str]] | None:
    """A metric's name, and thresholds as a flag would have them."""
    if isinstance(task, OwnTaskSpec):
        return None if task.target is None else (task.target[0], [str(task.target[1])])
    own = own_set(task.name)
    if own is None or own.task is not task.task:
        return None
    return own.metric.value, [str(threshold) for threshold in own.thresholds]


def _main_metric(task: AnyDataSpec) -> Metric | NamedMetric:
    """The first that is not the loss, where there is one."""
    return task.metrics[1] if len(task.metrics) > 1 else task.metrics[0]


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
