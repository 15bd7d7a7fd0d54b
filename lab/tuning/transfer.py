"""How a learning rate is carried from one size to another, and which cohorts it is one search for.

An entrywise optimizer's rate goes down as the width goes up, that of gradient descent stays as it
is (Yang et al. 2022, table 3). For a whole network in the standard parametrisation that is a rule
of thumb, good enough for the centre of a search; under muP tensors have factors of their own.
"""

import dataclasses
from collections.abc import Sequence

from lab.errors import UsageError
from lab.specs import CohortSpec, InitialSpec, StudySpec
from lab.specs.dials import dials, with_dial
from lab.specs.initial import ENTRYWISE, at_width, require_optimizer_with_mup
from lab.specs.rules import require
from lab.words import Hyperparameter, Parametrisation


def groups(study: StudySpec) -> tuple[tuple[CohortSpec, ...], ...]:
    """The cohorts that contrasts connect, directly or by others, in the order of the study."""
    leader = {one.name: one.name for one in study.cohorts}
    for contrast in study.contrasts:
        kept, merged = leader[contrast.smaller], leader[contrast.larger]
        leader = {name: kept if own == merged else own for name, own in leader.items()}
    found: dict[str, list[CohortSpec]] = {}
    for one in study.cohorts:
        found.setdefault(leader[one.name], []).append(one)
    return tuple(map(tuple, found.values()))


def transferred_rates(group: Sequence[CohortSpec]) -> dict[str, float]:
    """Each cohort's rate, where the one declared is the narrowest's.

    As declared where the rule says nothing: of models that differ in more than the width, of
    optimizers that scale whole tensors, and under muP, which has rules of its own.
    """
    narrowest = _narrowest(group)
    rates = {}
    for one in group:
        (rate,) = one.values(Hyperparameter.LEARNING_RATE)
        follows = (
            narrowest is not None
            and isinstance(one.optimizer, ENTRYWISE)
            and one.initial.parametrisation is Parametrisation.STANDARD
        )
        rates[one.name] = rate * _width(narrowest) / _width(one) if follows and narrowest else rate
    return rates


def under_mup(group: Sequence[CohortSpec]) -> tuple[CohortSpec, ...]:
    """The cohorts under muP, from the narrowest to the widest; its width is the base by default.

    UsageError where muP has no rule for them, or they differ in more than the width.
    """
    for one in group:
        require(
            "width" in dials(one.model),
            f"muP transfers over the width, but the {type(one.model).__name__} of cohort "
            f"{one.name!r} has no such dial: pass --tune=grid",
        )
        require_optimizer_with_mup(one.optimizer)
    narrowest = _narrowest(group)
    if narrowest is None:
        names = ", ".join(one.name for one in group)
        raise UsageError(
            f"muP transfers over the width alone, but the networks {names} differ in more: pass "
            "--tune=grid"
        )
    ordered = sorted(group, key=_width)
    return tuple(_with_mup(one, _width(narrowest)) for one in ordered)


def _with_mup(cohort: CohortSpec, base_width: float) -> CohortSpec:
    if cohort.initial.parametrisation is Parametrisation.MUP:
        return cohort
    at_width(cohort.model, base_width)
    initial: InitialSpec = dataclasses.replace(
        cohort.initial, parametrisation=Parametrisation.MUP, base_width=base_width
    )
    return dataclasses.replace(cohort, initial=initial)


def _narrowest(group: Sequence[CohortSpec]) -> CohortSpec | None:
    """None where the models differ in more than their width."""
    if not all("width" in dials(one.model) for one in group):
        return None
    least = min(group, key=_width)
    alike = all(with_dial(one.model, "width", _width(least)) == least.model for one in group)
    return least if alike else None


def _width(cohort: CohortSpec) -> float:
    return float(dials(cohort.model)["width"])
