"""Members of one setting as a cohort of their own: what contrasts at a setting are between."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from lab.records.cohort import CohortRecords, Curves
from lab.specs import CohortSpec, Comparison, ContrastSpec, Setting, holding


def told_apart(
    comparison: Comparison, records: Mapping[str, CohortRecords]
) -> tuple[Comparison, dict[str, CohortRecords]]:
    """A comparison that names each setting's cohorts, and these; as it is where none is at one."""
    if not any(contrast.at for contrast in comparison.contrasts):
        return comparison, dict(records)
    found: dict[str, CohortRecords] = {}
    contrasts = []
    for contrast in comparison.contrasts:
        names = []
        for side in (contrast.smaller, contrast.larger):
            one = records[side] if not contrast.at else at_setting(records[side], contrast.at)
            found[one.spec.name] = one
            names.append(one.spec.name)
        contrasts.append(ContrastSpec(names[0], names[1], contrast.level))
    return dataclasses.replace(comparison, contrasts=tuple(contrasts)), found


def at_setting(records: CohortRecords, settings: Iterable[Setting]) -> CohortRecords:
    """The members with these hyperparameters, under the numbers they had.

    No search was for them: it was for a cohort that varied in nothing.
    """
    spec = records.spec
    if not isinstance(spec, CohortSpec):
        raise ValueError(f"of cohort {spec.name!r} no hyperparameters are known")
    held = tuple(settings)
    first, period = spec.at(held)
    count = spec.members // period
    kept_N = records.member % period == first
    kept_R = records.curves.member % period == first
    curves = Curves(
        member=records.curves.member[kept_R],
        evaluation=records.curves.evaluation[kept_R],
        metrics={one: values[kept_R] for one, values in records.curves.metrics.items()},
    )
    return dataclasses.replace(
        records,
        spec=dataclasses.replace(
            holding(dataclasses.replace(spec, members=count, vary=(), tuned=None), held),
            name=_name(spec, held),
        ),
        planned=count,
        member=records.member[kept_N],
        seed_ids={factor: ids[kept_N] for factor, ids in records.seed_ids.items()},
        outcome=tuple(itertools.compress(records.outcome, np.asarray(kept_N))),
        hit=records.hit[kept_N],
        reached=records.reached[kept_N],
        ended=records.ended[kept_N],
        curves=curves,
    )


def _name(spec: CohortSpec, settings: tuple[Setting, ...]) -> str:
    told = (f"{one.hyperparameter.value}-{one.value:g}" for one in settings)
    return "-".join([spec.name, *told]).replace("_", "-")
