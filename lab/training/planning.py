"""From a study and its data to what will be compiled, and at which width."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from lab.costs import step_cost
from lab.data.arrays import DataArrays
from lab.models import count_parameters
from lab.models.weights import Weights
from lab.ops import Form, Operation, chosen_here, recorded
from lab.records.costs import SoloSeconds
from lab.specs import AnyDataSpec, CohortSpec, StudySpec
from lab.training.compilation import compiler_options, widths_file
from lab.training.devices import choose_devices
from lab.training.identity import Identity
from lab.training.lanes import Layout
from lab.training.member import Member, make_member
from lab.training.problem import make_problem
from lab.training.resident import chunk_shapes
from lab.training.resuming import require_as_before, require_source_as_before
from lab.training.streaming import most_evaluations
from lab.training.tuning import choose_layout
from lab.training.weights import digest

FLOPS_PER_SECOND = {"cpu": 3e10}
"""A guess good enough to choose how long a dispatch is; other backends get FLOPS_ELSEWHERE."""
FLOPS_ELSEWHERE = 3e12
SHORT_DISPATCH = 1.5
LONG_DISPATCH = 30.0
"""Seconds. Short ones keep progress live; in runs of hours they grow, for each writes a file."""
PARTS = 1000
"""Dispatches that a cohort may take, where LONG_DISPATCH allows."""
ROWS_PER_PART = 1_000_000
NO_SOURCES: Mapping[str, Weights] = {}
AS_THEY_ARE: Mapping[str, int] = {}


@dataclasses.dataclass(frozen=True)
class CohortPlan:
    """One cohort, ready to be compiled."""

    cohort: CohortSpec
    member: Member
    devices: tuple[jax.Device, ...]
    layout: Layout
    lane_width_chosen: str
    evaluations_per_dispatch: int
    operations: Mapping[str, str]
    compiler_options: Mapping[str, str | bool]
    parameters: int
    flops_per_step: float
    data_digest: str
    source_digest: str | None = None  # of the trained weights that members start from
    moved_bytes_per_step: float | None = None  # unknown of runs that began before these were kept
    state_bytes: int | None = None
    solo_seconds: SoloSeconds | None = None  # once it is timed
    identity: Identity | None = None  # of its program, once it is traced

    def facts(self) -> dict[str, Any]:
        """What environment.json keeps of the plan, and `plan_study` takes back on resuming."""
        return {
            "parameters": self.parameters,
            "flops_per_step": self.flops_per_step,
            "lanes": self.layout.lanes,
            "lane_width": self.layout.width,
            "lane_width_chosen": self.lane_width_chosen,
            "devices": len(self.devices),
            "evaluations_per_dispatch": self.evaluations_per_dispatch,
            "operations": dict(self.operations),
            "compiler_options": dict(self.compiler_options),
            "data_digest": self.data_digest,
            **{name: value for name, value in self._known_or_not().items() if value is not None},
        }

    def _known_or_not(self) -> dict[str, Any]:
        return {
            "source_digest": self.source_digest,
            "moved_bytes_per_step": self.moved_bytes_per_step,
            "state_bytes": self.state_bytes,
            "solo_seconds": None if self.solo_seconds is None else self.solo_seconds.facts(),
            "program": None if self.identity is None else self.identity.facts(),
        }


def plan_study(
    study: StudySpec,
    data: Mapping[AnyDataSpec, DataArrays],
    lanes: int | None,
    width: int | None,
    before: Mapping[str, Mapping[str, Any]],
    sources: Mapping[str, Weights] = NO_SOURCES,
    laid_out_for: Mapping[str, int] = AS_THEY_ARE,
) -> tuple[CohortPlan, ...]:
    """A plan for each cohort; `lanes` and `width` None mean auto.

    `before` holds the facts of cohorts that are gone on with (`with_records`), or nothing.
    Another width, another form of an operation round differently, and training enlarges the
    difference, so a run keeps what it began with; UsageError when another is asked. Devices may be
    others of the same kind: they change no bit. `sources` are the trained weights of those cohorts
    that start from some, by name. Lanes stand as for the numbers of members in `laid_out_for`,
    where it has a cohort: in a search as in what is measured after it, so that one program does.
    """
    digests = {spec: _data_digest(arrays) for spec, arrays in data.items()}
    for cohort in study.cohorts:
        if cohort.name in before:
            require_as_before(cohort, digests[cohort.data], lanes, width, before[cohort.name])
            require_source_as_before(cohort, sources.get(cohort.name), before[cohort.name])
    return tuple(
        _plan_cohort(
            cohort,
            data[cohort.data],
            digests[cohort.data],
            before.get(cohort.name)
            or _first_facts(
                _with_members(cohort, laid_out_for.get(cohort.name)),
                data[cohort.data],
                lanes,
                width,
                len(study.cohorts),
                sources.get(cohort.name),
            ),
            sources.get(cohort.name),
        )
        for cohort in study.cohorts
    )


def _with_members(cohort: CohortSpec, members: int | None) -> CohortSpec:
    """As if it had so many, who vary in nothing: fewer than it has values are no fault here."""
    return cohort if members is None else dataclasses.replace(cohort, members=members, vary=())


def _first_facts(
    cohort: CohortSpec,
    data: DataArrays,
    lanes: int | None,
    width: int | None,
    cohorts: int,
    source: Weights | None,
) -> dict[str, Any]:
    """What a run that begins decides: by rule, or by measurement."""
    operations: dict[str, str] = {}

    def noted(operation: Operation) -> Form:
        form = chosen_here(operation)
        operations[str(operation)] = form.value
        return form

    member = make_member(cohort, make_problem(cohort.data, data), noted, source)
    cost = step_cost(member, data.train, cohort.batch_size)
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    jax.eval_shape(member.evaluate, state, chunk_shapes(data.validation))
    options = compiler_options(operations)
    choice = choose_layout(
        member,
        cohort,
        data,
        cost,
        lanes,
        width,
        widths_file(),
        options,
        operations=operations,
        cohorts=cohorts,
    )
    layout = choice.layout
    evaluations = evaluations_per_dispatch(cohort, layout.lanes, cost.flops)
    if data.source is not None:
        evaluations = min(evaluations, most_evaluations(cohort, data.train))
    return {
        "flops_per_step": cost.flops,
        "moved_bytes_per_step": cost.moved_bytes,
        "state_bytes": cost.state_bytes,
        "lanes": layout.lanes,
        "lane_width": layout.width,
        "lane_width_chosen": choice.reason.value,
        "evaluations_per_dispatch": evaluations,
        "operations": operations,
        "compiler_options": options,
    }


def _plan_cohort(
    cohort: CohortSpec,
    data: DataArrays,
    data_digest: str,
    facts: Mapping[str, Any],
    source: Weights | None,
) -> CohortPlan:
    problem = make_problem(cohort.data, data)
    layout = Layout(facts["lanes"] // facts["lane_width"], facts["lane_width"])
    choose = recorded(facts["operations"], chosen_here)
    return CohortPlan(
        cohort=cohort,
        member=make_member(cohort, problem, choose, source),
        devices=tuple(choose_devices(layout.blocks)),
        layout=layout,
        lane_width_chosen=facts["lane_width_chosen"],
        evaluations_per_dispatch=facts["evaluations_per_dispatch"],
        operations=facts["operations"],
        compiler_options=facts["compiler_options"],
        parameters=count_parameters(cohort.model, problem.signature),
        flops_per_step=facts["flops_per_step"],
        data_digest=data_digest,
        source_digest=None if source is None else digest(source),
        moved_bytes_per_step=facts.get("moved_bytes_per_step"),
        state_bytes=facts.get("state_bytes"),
        solo_seconds=SoloSeconds.of_facts(facts.get("solo_seconds")),
    )


def guessed_seconds(flops_per_step: float) -> float:
    """About what a step takes on one device."""
    speed = FLOPS_PER_SECOND.get(jax.default_backend(), FLOPS_ELSEWHERE)
    return max(flops_per_step, 1.0) / speed


def evaluations_per_dispatch(cohort: CohortSpec, lanes: int, flops_per_step: float) -> int:
    """How many evaluations of every lane a dispatch holds, and so a part file.

    About SHORT_DISPATCH seconds; more, up to LONG_DISPATCH, where the cohort would else write more
    than PARTS; and no more than the host holds with ease.
    """
    seconds = lanes * cohort.eval_every * guessed_seconds(flops_per_step)
    rounds = math.ceil(cohort.members / lanes) * cohort.evaluations
    bounded = math.ceil(rounds / PARTS)
    asked = max(SHORT_DISPATCH / seconds, min(bounded, LONG_DISPATCH / seconds))
    most = min(max(cohort.evaluations, bounded), ROWS_PER_PART // lanes)
    return max(1, round(min(asked, most)))


def _data_digest(data: DataArrays) -> str:
    found = hashlib.sha256()
    for split in (data.train, data.validation):
        found.update(split.inputs.tobytes())
        found.update(split.targets.tobytes())
    if data.source is not None:
        found.update(data.source.digest.encode())
    return found.hexdigest()
