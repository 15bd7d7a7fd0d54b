"""How a cohort is trained, in words."""

from typing import assert_never

from lab.quantities import in_turn
from lab.specs import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    CohortSpec,
    ConstantSchedule,
    CosineSchedule,
    InitialSpec,
    InverseSquareRootSchedule,
    LAMBSpec,
    LionSpec,
    MuonSpec,
    NAdamSpec,
    OptimizerSpec,
    ProdigySpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    ScheduleSpec,
    SGDSpec,
    StepSchedule,
)
from lab.words import Hyperparameter, Parametrisation, Precision, Scheme, Use


def recipe(cohort: CohortSpec) -> str:
    """`Adam, rate 0.003`; all that is not done without, and what varies over the members."""
    precision = [] if cohort.precision is Precision.FLOAT32 else [cohort.precision.value]
    rule = cohort.divergence_factor
    divergence = [] if rule is None else [f"diverged above {rule:g} times the first batch's loss"]
    parts = [
        _name(cohort.optimizer),
        *(
            f"{one.label} {in_turn(cohort.values(one))}"
            for one in Hyperparameter
            if any(cohort.values(one))
        ),
        *_schedule(cohort.recipe.schedule),
        *precision,
        *divergence,
        *_initial(cohort.initial),
        *_share(cohort.train_share),
        *_tuned(cohort),
    ]
    return ", ".join(parts)


def _name(spec: OptimizerSpec) -> str:
    match spec:
        case AdamSpec():
            return "Adam"
        case SGDSpec(nesterov=nesterov):
            return "SGD with Nesterov momentum" if nesterov else "SGD"
        case AdamWSpec():
            return "AdamW"
        case NAdamSpec():
            return "NAdam"
        case RMSPropSpec():
            return "RMSProp"
        case AdagradSpec():
            return "Adagrad"
        case LionSpec():
            return "Lion"
        case LAMBSpec():
            return "LAMB"
        case MuonSpec():
            return "Muon"
        case ScheduleFreeSpec():
            return "schedule-free AdamW"
        case ProdigySpec():
            return "Prodigy"
        case _:
            assert_never(spec)


def _schedule(spec: ScheduleSpec) -> list[str]:
    match spec:
        case ConstantSchedule():
            return []
        case CosineSchedule(decay_steps, final):
            return [f"rate down a cosine to {final:g} of itself at step {decay_steps}"]
        case StepSchedule(interval, factor):
            return [f"rate times {factor:g} after every {interval} steps"]
        case InverseSquareRootSchedule(timescale):
            return [f"rate down with the inverse square root of steps (timescale {timescale})"]
        case _:
            assert_never(spec)


def _share(share: float) -> list[str]:
    return [] if share == 1 else [f"each member on {100 * share:g}% of the training examples"]


def _tuned(cohort: CohortSpec) -> list[str]:
    tuned = cohort.tuned
    if tuned is None:
        return []
    if tuned.source not in (None, cohort.name):
        return [f"rate transferred from {tuned.source}"]
    return [f"tuned with {tuned.trials} trials ({tuned.search.method.value})"]


def _initial(spec: InitialSpec) -> list[str]:
    """What of it is not the family's own."""
    parts = []
    if spec.source is not None:
        told = "from" if spec.use is Use.PRETRAINED else "with mean and variance of"
        member = (
            "" if spec.source.cohort is None else f"{spec.source.cohort} {spec.source.member} of "
        )
        fresh = f", {_listed(spec.fresh)} drawn anew" if spec.fresh else ""
        parts.append(f"weights {told} {member}{spec.source.folder}{fresh}")
    if spec.scheme is not Scheme.FAMILY:
        deviation = "" if spec.deviation is None else f" of deviation {spec.deviation:g}"
        parts.append(f"{spec.scheme.label} draws{deviation}")
    if spec.zero_branches:
        parts.append("residual branches from 0")
    if spec.zero:
        parts.append(f"{_listed(spec.zero)} from 0")
    if spec.frozen:
        parts.append(f"{_listed(spec.frozen)} frozen")
    if spec.parametrisation is Parametrisation.MUP:
        parts.append(f"muP from width {spec.base_width:g}")
    return parts


def _listed(patterns: tuple[str, ...]) -> str:
    return " and ".join(patterns)
