"""A study of networks that race: each against the next larger one."""

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

from lab.data.arrays import DataArrays
from lab.data.loading import load, name_splits
from lab.data.own import load_own
from lab.errors import UsageError
from lab.models import count_parameters
from lab.quantities import exact
from lab.specs import (
    AnyDataSpec,
    CohortSpec,
    ContrastSpec,
    OwnTaskSpec,
    SequentialSpec,
    StudySpec,
)
from lab.training.own_checks import check_own
from lab.training.problem import make_problem


def open_data(spec: AnyDataSpec, data_dir: pathlib.Path | None) -> tuple[AnyDataSpec, DataArrays]:
    """The data, and their spec with all named that it left open."""
    if isinstance(spec, OwnTaskSpec):
        return spec, load_own(spec)
    named = name_splits(spec, data_dir)
    return named, load(named, data_dir)


def race_study(
    cohorts: Sequence[CohortSpec],
    data: DataArrays,
    sequential: SequentialSpec | None = None,
) -> StudySpec:
    """The study of these cohorts, from the smallest network to the largest.

    Networks of equal count stay in the order in which they were given.

    Raises:
        UsageError: two cohorts are one network, or a model or task of a user's own breaks a rule.
    """
    for cohort in cohorts:
        check_own(cohort, data)
    signature = make_problem(cohorts[0].data, data).signature
    counts = [count_parameters(cohort.model, signature) for cohort in cohorts]
    for index, cohort in enumerate(cohorts):
        for other in cohorts[:index]:
            if dataclasses.replace(cohort, name=other.name, seed=other.seed) == other:
                raise UsageError(
                    f"cohorts {other.name!r} and {cohort.name!r} are one network of "
                    f"{counts[index]:,} parameters: give two that differ"
                )
    order = sorted(range(len(cohorts)), key=counts.__getitem__)
    names = [cohorts[index].name for index in order]
    return StudySpec(
        question=_question(names, sorted(counts)),
        cohorts=tuple(cohorts[index] for index in order),
        contrasts=tuple(map(ContrastSpec, names[:-1], names[1:])),
        sequential=sequential,
    )


def _question(names: Sequence[str], counts: Sequence[int]) -> str:
    sized = [f"{name} ({count:,} parameters)" for name, count in zip(names, counts, strict=True)]
    return f"Which converges first: {', '.join(sized[:-1])} or {sized[-1]}?"


def distinct_names(models: Sequence[str], dials: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """A name for each network, of its class or family and of the dials in which they differ."""
    keys = sorted({key for one in dials for key in one})
    differing = [key for key in keys if len({repr(one.get(key)) for one in dials}) > 1]
    heads = [_safe(model.rpartition(":")[2]) for model in models]
    names = []
    for head, one in zip(heads, dials, strict=True):
        parts = [f"{key.replace('_', '-')}-{_short(one[key])}" for key in differing if key in one]
        names.append("-".join([head, *parts]))
    return _numbered(names)


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Names that several share get a number; no two are the same afterwards."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        tried = (f"{name}-{suffix}" for suffix in itertools.count(number))
        if names.count(name) > 1:
            name = next(one for one in tried if one not in names and one not in found)
        found.append(name)
    return tuple(found)


def _short(value: object) -> str:
    """A dial's value as a part of a name; numbers so that they can be read back from it."""
    if isinstance(value, float):
        return exact(value)
    if isinstance(value, list | tuple):
        return "-".join(map(_short, value))
    return _safe(str(value))


def _safe(text: str) -> str:
    """What may stand in a folder's name; all else as hyphens."""
    return re.sub(r"[^A-Za-z0-9.]", "-", text)
