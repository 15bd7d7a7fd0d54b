"""What the experiments on single causes share: flags, scale, the path from levels to an answer."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments import _clocks, _data, _flags, _study, _tuning
from lab.causes import Level, cause_study, requests
from lab.data.arrays import DataArrays
from lab.data.catalogue import own_set
from lab.errors import UsageError
from lab.races import open_data
from lab.searches import require_searchable
from lab.specs import AnyDataSpec, CohortSpec, DataSpec, ModelSpec
from lab.specs.families import model_spec
from lab.words import Cause, Metric, Task, Tune

_FULL = flags.DEFINE_bool(
    "full", False, "More levels, sizes and members: an evening on a CPU, or a GPU."
)


class Asked(NamedTuple):
    """The flags of one experiment, each with a default of its own."""

    dataset: flags.FlagHolder
    target: flags.FlagHolder
    learning_rate: flags.FlagHolder
    budget_steps: flags.FlagHolder
    eval_every: flags.FlagHolder


def define(
    dataset: str = "sklearn_digits",
    target: Sequence[str] = ("0.9", "0.95"),
    learning_rate: float = 0.003,
    budget_steps: int = 1000,
    eval_every: int = 10,
) -> Asked:
    """Declares them; by default those that small networks on handwritten digits take."""
    return Asked(
        flags.DEFINE_string("dataset", dataset, "TFDS set."),
        flags.DEFINE_list("target", list(target), "Thresholds; the hardest one decides."),
        flags.DEFINE_float(
            "learning_rate",
            learning_rate,
            "Learning rate of every cohort, or the middle of its search; by default 1 of prodigy.",
        ),
        flags.DEFINE_integer("budget_steps", budget_steps, "The most steps a member may take."),
        flags.DEFINE_integer("eval_every", eval_every, "Steps from one evaluation to the next."),
    )


def scale(defaults: Mapping[str, Any], full: Mapping[str, Any]) -> None:
    """The defaults of flags that are shared, and with --full those of an evening."""
    chosen = {"budget_clock": "flops", **defaults, **(full if _FULL.value else {})}
    for name, value in chosen.items():
        flags.FLAGS.set_default(name, value)


def data_spec(asked: Asked, draws: bool = False) -> DataSpec:
    """The set of the flags, for the task that the lab's own sets have, else classification.

    `draws` says that the experiment makes it harder by draws of its own.
    """
    own = own_set(asked.dataset.value)
    task = own.task if own else Task.CLASSIFICATION
    return _data.data_spec(asked.dataset.value, task, draws=draws)


def metric(data: DataSpec) -> Metric:
    """What the target is about: the set's own metric, else the first that is not the loss."""
    own = own_set(data.name)
    return own.metric if own and own.task is data.task else data.metrics[1]


def cohort(asked: Asked, name: str, data: DataSpec, model: ModelSpec, seed: int) -> CohortSpec:
    """A cohort of the flags."""
    return _flags.cohort_spec(
        name=name,
        data=data,
        model=model,
        seed=seed,
        metric=metric(data),
        thresholds=asked.target.value,
        learning_rate=asked.learning_rate.value,
        budget_steps=asked.budget_steps.value,
        eval_every=asked.eval_every.value,
    )


def sized(family: str, sizes: Sequence[int], dial: str = "width", **dials: Any) -> list[ModelSpec]:
    """Networks of a family from the smallest to the largest."""
    return [model_spec(family, {dial: size, **dials}) for size in sizes]


def sizes(flag: str, texts: Sequence[str]) -> list[int]:
    """Two or more as a flag gives them, the smallest first."""
    found = whole_numbers(flag, texts, "8,32")
    if len(found) < 2:
        raise UsageError(
            f"{flag} is {','.join(texts)!r}; a comparison takes two or more: pass --{flag}=8,32"
        )
    _flags.require_increasing(flag, found)
    return found


def numbers(flag: str, texts: Sequence[str]) -> list[float]:
    """Levels as a flag gives them; UsageError for one that is no number, or given twice."""
    try:
        found = [float(text) for text in texts]
    except ValueError:
        raise UsageError(
            f"{flag} is {','.join(texts)!r}; it must be numbers: pass --{flag}=0,0.1"
        ) from None
    if len(set(found)) < len(found):
        raise UsageError(
            f"{flag} is {','.join(texts)!r}; each is a level, and may be given once: pass each once"
        )
    return found


def whole_numbers(flag: str, texts: Sequence[str], example: str = "0,1,2") -> list[int]:
    """Counts, sizes or classes as a flag gives them."""
    try:
        return [int(text) for text in texts]
    except ValueError:
        raise UsageError(
            f"{flag} is {','.join(texts)!r}; it must be whole numbers: pass --{flag}={example}"
        ) from None


def among(flag: str, texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of levels as a flag gives them; UsageError for one unknown, or given twice."""
    for index, text in enumerate(texts):
        if text not in known or text in texts[:index]:
            raise UsageError(
                f"{flag} has {text!r}; it takes {', '.join(known)}, each once: pass "
                f"--{flag}={known[0]}"
            )
    if not texts:
        raise UsageError(f"{flag} is empty; it takes {', '.join(known)}: pass --{flag}={known[0]}")
    return list(texts)


def answer(
    experiment: str,
    cause: Cause,
    question: str,
    levels: Sequence[Level],
    baseline: bool = True,
    folder: Path | None = None,
) -> None:
    """From levels to the answer; the others are held against the first, if there is a baseline.

    Data are opened here, for a mistake in a flag must not cost a download.
    """
    first = levels[0].name if baseline and len(levels) > 1 else ""
    declared = cause_study(cause, question, levels, first, _flags.sequential())
    require_searchable(declared, requests(levels, tune()), _tuning.search())
    found, data = opened(levels)
    study = cause_study(cause, question, found, first, _flags.sequential())
    _study.answer(experiment, study, data, requests(found, tune()), folder)


def fingerprint() -> str:
    """What shared flags add to what is asked, besides the cohorts."""
    return _tuning.fingerprint() + _clocks.fingerprint()


def tune() -> Tune:
    """How cohorts come by their rates where their level does not say."""
    return _tuning.tune()


def opened(levels: Sequence[Level]) -> tuple[list[Level], _study.Data]:
    """The levels with splits named and budgets as --budget_clock has them, and each set once."""
    cohorts = {each.name: each for level in levels for each in level.cohorts}
    found: dict[str, CohortSpec] = {}
    data: dict[AnyDataSpec, DataArrays] = {}
    for asked in dict.fromkeys(each.data for each in cohorts.values()):
        spec, arrays = open_data(asked, _data.data_dir())
        data[spec] = arrays
        readers = [each for each in cohorts.values() if each.data == asked]
        named = [dataclasses.replace(each, data=spec) for each in readers]
        found |= {each.name: each for each in _clocks.budgeted(named, arrays)}
    return [
        level._replace(cohorts=tuple(found[each.name] for each in level.cohorts))
        for level in levels
    ], data
