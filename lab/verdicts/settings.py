"""Members of one setting as a cohort of their own: what contrasts at a setting are between."""

import dataclasses
from collections.abc import Iterable, Mapping

from lab.quantities import exact
from lab.records.cohort import CohortRecords
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
    among = holding(dataclasses.replace(spec, members=count, vary=(), tuned=None), held)
    return dataclasses.replace(
        records.those(records.member % period == first, planned=count),
        spec=dataclasses.replace(among, name=_name(spec, held)),
    )


def _name(spec: CohortSpec, settings: tuple[Setting, ...]) -> str:
    """The cohort's name, which stays as it is, and every setting."""
    told = (f"{one.hyperparameter.value.replace('_', '-')}-{exact(one.value)}" for one in settings)
    return "-".join([spec.name, *told])
