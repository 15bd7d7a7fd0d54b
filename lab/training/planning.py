"""From a study and its data to what will be compiled, and at which width."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import jax

from lab.costs import flops_per_step
from lab.data.loading import DataArrays
from lab.errors import UsageError
from lab.models import check_image_shape, count_parameters
from lab.specs import CohortSpec, DataSpec, StudySpec
from lab.training.devices import choose_devices, choose_lanes, evaluations_per_dispatch
from lab.training.member import Member, make_member


@dataclasses.dataclass(frozen=True)
class CohortPlan:
    """One cohort, ready to be compiled."""

    cohort: CohortSpec
    member: Member
    devices: tuple[jax.Device, ...]
    lanes: int
    evaluations_per_dispatch: int
    parameters: int
    flops_per_step: float
    data_digest: str

    def facts(self) -> dict[str, Any]:
        """What environment.json keeps of the plan, and `plan_study` takes back on resuming."""
        return {
            "parameters": self.parameters,
            "flops_per_step": self.flops_per_step,
            "lanes": self.lanes,
            "devices": len(self.devices),
            "evaluations_per_dispatch": self.evaluations_per_dispatch,
            "data_digest": self.data_digest,
        }


def plan_study(
    study: StudySpec,
    data: Mapping[DataSpec, DataArrays],
    lanes: int | None,
    before: Mapping[str, Mapping[str, Any]],
) -> tuple[CohortPlan, ...]:
    """A plan for each cohort; `lanes` None means by rule.

    `before` holds the facts of the session that is gone on with, or nothing. Another number of
    lanes rounds differently, and training enlarges the difference, so a run keeps the number it
    began with; UsageError when that cannot be.
    """
    digests = {spec: _digest(arrays) for spec, arrays in data.items()}
    plans = [
        _plan_cohort(cohort, data[cohort.data], digests[cohort.data], lanes)
        for cohort in study.cohorts
    ]
    return tuple(
        _as_before(plan, lanes, before[plan.cohort.name]) if plan.cohort.name in before else plan
        for plan in plans
    )


def _plan_cohort(
    cohort: CohortSpec, data: DataArrays, digest: str, asked: int | None
) -> CohortPlan:
    height, width, depth = data.train.inputs.shape[1:]
    image_shape = (int(height), int(width), int(depth))
    check_image_shape(cohort.model, image_shape)
    member = make_member(cohort, image_shape, data.classes)
    flops = flops_per_step(member, data.train, cohort.batch_size)
    lanes = choose_lanes(asked, cohort.members)
    return CohortPlan(
        cohort=cohort,
        member=member,
        devices=tuple(choose_devices(lanes)),
        lanes=lanes,
        evaluations_per_dispatch=evaluations_per_dispatch(cohort, lanes, flops),
        parameters=count_parameters(cohort.model, image_shape, data.classes),
        flops_per_step=flops,
        data_digest=digest,
    )


def _as_before(plan: CohortPlan, asked: int | None, before: Mapping[str, Any]) -> CohortPlan:
    name = plan.cohort.name
    missing = plan.facts().keys() - before.keys()
    if missing:
        raise UsageError(
            f"environment.json lacks {', '.join(sorted(missing))} of cohort {name!r}, so this run "
            "cannot be gone on with: pass another --out"
        )
    if before["data_digest"] != plan.data_digest:
        raise UsageError(
            f"data set {plan.cohort.data.name} is not the one this run began with: pass the "
            "--data_dir that holds it, or another --out"
        )
    if asked is not None and asked != before["lanes"]:
        raise UsageError(
            f"cohort {name!r} began with {before['lanes']} lanes, and {asked} were asked: pass "
            f"--lanes={before['lanes']}, or another --out"
        )
    if before["devices"] > jax.device_count():
        raise UsageError(
            f"cohort {name!r} began on {before['devices']} devices, and {jax.device_count()} are "
            "here: go on with it where it began, or pass another --out"
        )
    return dataclasses.replace(
        plan,
        lanes=before["lanes"],
        devices=tuple(jax.devices()[: before["devices"]]),
        evaluations_per_dispatch=before["evaluations_per_dispatch"],
        flops_per_step=before["flops_per_step"],
    )


def _digest(data: DataArrays) -> str:
    digest = hashlib.sha256()
    for split in (data.train, data.validation):
        digest.update(split.inputs.tobytes())
        digest.update(split.targets.tobytes())
    return digest.hexdigest()
