"""From a study and its data to what will be compiled, and at which width."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import jax

from lab.costs import flops_per_step
from lab.data.loading import DataArrays
from lab.errors import UsageError
from lab.models import check_image_shape, count_parameters
from lab.specs import CohortSpec, DataSpec, StudySpec
from lab.training.devices import choose_devices, choose_lanes
from lab.training.lanes import Layout
from lab.training.member import Member, make_member

WIDTH_ON_CPU = 8
"""A member-step of an MLP costs the same from four lanes of a block on; wider gains nothing."""
FLOPS_PER_SECOND = {"cpu": 3e10}
"""A guess good enough to choose how long a dispatch is; other backends get FLOPS_ELSEWHERE."""
FLOPS_ELSEWHERE = 3e12
SHORT_DISPATCH = 1.5
LONG_DISPATCH = 30.0
"""Seconds. Short ones keep progress live; in runs of hours they grow, for each writes a file."""
PARTS = 1000
"""Dispatches that a cohort may take, where LONG_DISPATCH allows."""
ROWS_PER_PART = 1_000_000


@dataclasses.dataclass(frozen=True)
class CohortPlan:
    """One cohort, ready to be compiled."""

    cohort: CohortSpec
    member: Member
    devices: tuple[jax.Device, ...]
    layout: Layout
    evaluations_per_dispatch: int
    parameters: int
    flops_per_step: float
    data_digest: str

    def facts(self) -> dict[str, Any]:
        """What environment.json keeps of the plan, and `plan_study` takes back on resuming."""
        return {
            "parameters": self.parameters,
            "flops_per_step": self.flops_per_step,
            "lanes": self.layout.lanes,
            "lane_width": self.layout.width,
            "devices": len(self.devices),
            "evaluations_per_dispatch": self.evaluations_per_dispatch,
            "data_digest": self.data_digest,
        }


def plan_study(
    study: StudySpec,
    data: Mapping[DataSpec, DataArrays],
    lanes: int | None,
    width: int | None,
    before: Mapping[str, Mapping[str, Any]],
) -> tuple[CohortPlan, ...]:
    """A plan for each cohort; `lanes` and `width` None mean by rule.

    `before` holds the facts of the session that is gone on with, or nothing. Another width rounds
    differently, and training enlarges the difference, so a run keeps the layout it began with;
    UsageError when another is asked. Devices may be others: they change no bit.
    """
    digests = {spec: _digest(arrays) for spec, arrays in data.items()}
    plans = [
        _plan_cohort(cohort, data[cohort.data], digests[cohort.data], lanes, width)
        for cohort in study.cohorts
    ]
    return tuple(
        _as_before(plan, lanes, width, before[plan.cohort.name])
        if plan.cohort.name in before
        else plan
        for plan in plans
    )


def _plan_cohort(
    cohort: CohortSpec, data: DataArrays, digest: str, lanes: int | None, width: int | None
) -> CohortPlan:
    shape = tuple(int(size) for size in data.train.inputs.shape[1:])
    check_image_shape(cohort.model, shape)
    member = make_member(cohort, shape, data.classes)
    flops = flops_per_step(member, data.train, cohort.batch_size)
    layout = layout_by_rule(choose_lanes(lanes, cohort.members), width)
    return CohortPlan(
        cohort=cohort,
        member=member,
        devices=tuple(choose_devices(layout.blocks)),
        layout=layout,
        evaluations_per_dispatch=evaluations_per_dispatch(cohort, layout.lanes, flops),
        parameters=count_parameters(cohort.model, shape, data.classes),
        flops_per_step=flops,
        data_digest=digest,
    )


def layout_by_rule(lanes: int, width: int | None) -> Layout:
    """Blocks of `width`, or by rule; UsageError when `width` does not divide the lanes.

    By rule every device gets as many lanes, in one block on accelerators.
    """
    if width is not None:
        if width <= 0 or lanes % width:
            raise UsageError(
                f"lane_width is {width}; it must divide the {lanes} lanes: pass --lane_width=auto, "
                f"or --lanes={max(width, 1) * math.ceil(lanes / max(width, 1))}"
            )
        return Layout(lanes // width, width)
    each = lanes // len(choose_devices(lanes))
    most = WIDTH_ON_CPU if jax.default_backend() == "cpu" else each
    width = max(size for size in range(1, min(most, each) + 1) if each % size == 0)
    return Layout(lanes // width, width)


def evaluations_per_dispatch(cohort: CohortSpec, lanes: int, flops_per_step: float) -> int:
    """How many evaluations of every lane a dispatch holds, and so a part file.

    About SHORT_DISPATCH seconds; more, up to LONG_DISPATCH, where the cohort would else write more
    than PARTS; and no more than the host holds with ease.
    """
    speed = FLOPS_PER_SECOND.get(jax.default_backend(), FLOPS_ELSEWHERE)
    seconds = lanes * cohort.eval_every * max(flops_per_step, 1.0) / speed
    rounds = math.ceil(cohort.members / lanes) * cohort.evaluations
    bounded = math.ceil(rounds / PARTS)
    asked = max(SHORT_DISPATCH / seconds, min(bounded, LONG_DISPATCH / seconds))
    most = min(max(cohort.evaluations, bounded), ROWS_PER_PART // lanes)
    return max(1, round(min(asked, most)))


def _as_before(
    plan: CohortPlan, lanes: int | None, width: int | None, before: Mapping[str, Any]
) -> CohortPlan:
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
    for asked, there, flag, said in (
        (lanes, before["lanes"], "lanes", "lanes"),
        (width, before["lane_width"], "lane_width", "lanes in a block"),
    ):
        if asked is not None and asked != there:
            raise UsageError(
                f"cohort {name!r} began with {there} {said}, and {asked} were asked: pass "
                f"--{flag}={there}, or another --out"
            )
    layout = Layout(before["lanes"] // before["lane_width"], before["lane_width"])
    return dataclasses.replace(
        plan,
        layout=layout,
        devices=tuple(choose_devices(layout.blocks)),
        evaluations_per_dispatch=before["evaluations_per_dispatch"],
        flops_per_step=before["flops_per_step"],
    )


def _digest(data: DataArrays) -> str:
    digest = hashlib.sha256()
    for split in (data.train, data.validation):
        digest.update(split.inputs.tobytes())
        digest.update(split.targets.tobytes())
    return digest.hexdigest()
