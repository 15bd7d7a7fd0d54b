"""The flags of how cohorts come by their learning rates, and how they become a search."""

import dataclasses

from absl import flags

from experiments import _training
from experiments._unused import require_unused
from lab.errors import UsageError
from lab.specs import SearchSpec, StudySpec, Varied
from lab.words import Hyperparameter, Tune

_DEFAULT = SearchSpec()
_TUNE = flags.DEFINE_enum_class(
    "tune",
    Tune.NONE,
    Tune,
    "How each cohort comes by its learning rate: as declared (none), from that of the narrowest by "
    "its width (default), by a search for each on seeds apart (grid, random, halving), or by one "
    "for the narrowest, which muP carries to the others (mup).",
)
_TRIALS = flags.DEFINE_integer("tune_trials", _DEFAULT.trials, "Learning rates of a search.")
_REPEATS = flags.DEFINE_integer("tune_repeats", _DEFAULT.repeats, "Members of each trial.")
_DECADES = flags.DEFINE_float(
    "tune_decades", _DEFAULT.decades, "Powers of ten that the rates span, about --learning_rate."
)
_EXTENSIONS = flags.DEFINE_integer(
    "tune_extensions",
    _DEFAULT.extensions,
    "How often the range is extended where the best rate may lie beyond an end of it.",
)
_ALSO = flags.DEFINE_multi_string(
    "tune_also",
    [],
    "Another hyperparameter to search for with its values, as weight_decay=0,0.01; may be given "
    "for several.",
)
_OF_A_SEARCH = (_TRIALS, _REPEATS, _DECADES, _EXTENSIONS, _ALSO)


def tune() -> Tune:
    """See the flag; UsageError for flags that would do nothing, or the opposite of each other."""
    how = _TUNE.value
    if how in (Tune.NONE, Tune.DEFAULT):
        require_unused(
            [flag.name for flag in _OF_A_SEARCH],
            f"nothing is searched for by --tune={how.value}",
            "pass --tune=grid",
        )
    if how is not Tune.NONE and _rate_varies():
        raise UsageError(
            f"learning_rate varies over the members, and is to be tuned ({how.value}): drop "
            "--vary=learning_rate, or pass --tune=none"
        )
    return how


def require_sound() -> None:
    """UsageError for flags that contradict each other, before data are loaded."""
    tune()
    search()


def search() -> SearchSpec:
    """The search of the flags; its method is the request's."""
    return SearchSpec(
        trials=_TRIALS.value,
        repeats=_REPEATS.value,
        decades=_DECADES.value,
        extensions=_EXTENSIONS.value,
        also=_also(),
    )


def requests(study: StudySpec) -> dict[str, Tune]:
    """The same for every cohort."""
    return {cohort.name: tune() for cohort in study.cohorts}


def fingerprint() -> str:
    """What the flags add to the study they are for."""
    return "" if tune() is Tune.NONE else f"{tune().value} {dataclasses.asdict(search())}"


def _rate_varies() -> bool:
    return any(one.hyperparameter is Hyperparameter.LEARNING_RATE for one in _training.varied())


def _also() -> tuple[Varied, ...]:
    found = tuple(_training.varied_values("tune_also", text) for text in _ALSO.value)
    for one in found:
        name = one.hyperparameter.value
        if flags.FLAGS[name].present:
            raise UsageError(f"{name} is given, and is to be searched for: drop --{name}")
    return found
