"""What training cost: counted, timed alone, and in the ensemble; compilation in and out."""

import dataclasses
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.quantities import flops, seconds, size
from lab.records.costs import SoloSeconds
from lab.reports import formatting
from lab.reports.tables import Table, csv_text

WIDTH = 96
Environment = Mapping[str, Any]

ABREAST = 3
"""Cohorts side by side on a terminal."""


@dataclasses.dataclass(frozen=True, slots=True)
class CohortCost:
    """One cohort's; None is not known, as of runs that began before it was kept.

    Bytes are those of all arrays of a step, before XLA fuses operations, and those that a member
    holds from step to step. Device-seconds are of the ensemble, for each member that ended: its
    devices' wall seconds, those of members that did not end among them.
    """

    name: str
    parameters: int
    flops_per_step: float
    moved_bytes_per_step: float | None
    state_bytes: int | None
    solo: SoloSeconds | None
    device_seconds_per_member: float | None
    device_seconds_per_member_with_compilation: float | None


def cohort_costs(environment: Environment) -> tuple[CohortCost, ...]:
    """From environment.json; the ensemble's over all sessions that came to their end."""
    sessions = [one.get("throughput", {}) for one in environment.get("sessions", ())]
    return tuple(
        CohortCost(
            name=name,
            parameters=facts["parameters"],
            flops_per_step=facts["flops_per_step"],
            moved_bytes_per_step=facts.get("moved_bytes_per_step"),
            state_bytes=facts.get("state_bytes"),
            solo=SoloSeconds.of_facts(facts.get("solo_seconds")),
            device_seconds_per_member=_per_member(sessions, name, ("device_seconds",)),
            device_seconds_per_member_with_compilation=_per_member(
                sessions, name, ("device_seconds", "compile_device_seconds")
            ),
        )
        for name, facts in environment.get("cohorts", {}).items()
    )


def _per_member(
    sessions: Sequence[Mapping[str, Any]], name: str, parts: Sequence[str]
) -> float | None:
    known = [one[name] for one in sessions if "device_seconds" in one.get(name, {})]
    ended = sum(one["members_ended"] for one in known)
    return sum(one[part] for one in known for part in parts) / ended if ended else None


def costs_table(costs: Sequence[CohortCost]) -> Table:
    """A column a cohort."""
    rows: dict[str, Callable[[CohortCost], str]] = {
        "parameters": lambda one: formatting.count(one.parameters),
        "FLOPs a step": lambda one: flops(one.flops_per_step),
        "bytes moved a step": lambda one: formatting.told(one.moved_bytes_per_step, size),
        "bytes of state": lambda one: formatting.told(one.state_bytes, size),
        "a step alone": lambda one: _alone(one.solo),
        "  its compilation": lambda one: formatting.told(_compilation(one), seconds),
        "a member in the ensemble": lambda one: formatting.told(
            one.device_seconds_per_member, seconds
        ),
        "  with compilation": lambda one: formatting.told(
            one.device_seconds_per_member_with_compilation, seconds
        ),
    }
    return Table(
        ("", *(one.name for one in costs)),
        tuple((label, *map(told, costs)) for label, told in rows.items()),
        frozenset(range(1, len(costs) + 1)),
    )


def _compilation(cost: CohortCost) -> float | None:
    return None if cost.solo is None else cost.solo.compile_seconds


def _alone(solo: SoloSeconds | None) -> str:
    if solo is None:
        return formatting.NONE
    return f"{seconds(solo.estimate)} ({seconds(solo.lower)} to {seconds(solo.upper)})"


def reading(costs: Sequence[CohortCost]) -> str:
    """What the rows mean."""
    told = (
        "FLOPs and bytes moved are XLA's count before it fuses operations; the state is what a "
        "member holds from step to step."
    )
    timed = [one.solo for one in costs if one.solo is not None]
    if timed:
        told += (
            f" A step alone is the wall time of a training step of one member that has one device "
            f"({timed[0].device}) to itself: the median of {timed[0].repeats} repeats, in turn "
            f"over the cohorts, with its {100 * timed[0].level:g}% interval; another hour of the "
            "same machine is not in it. Its compilation is that of this program, all cohorts' side "
            "by side, or loading it where it was kept."
        )
    return told + (
        " A member in the ensemble is the time of all devices that its cohort's lanes ran on, "
        "evaluation included, for each member that ended; then with compiling the lanes."
    )


def text(environment: Environment) -> str:
    """For a terminal."""
    costs = cohort_costs(environment)
    groups = [costs[start : start + ABREAST] for start in range(0, len(costs), ABREAST)]
    tables = [costs_table(group).text("  ") for group in groups]
    return "\n\n".join([*tables, textwrap.fill(reading(costs), WIDTH)])


def costs_csv(costs: Sequence[CohortCost]) -> str:
    """Unrounded; empty where there is no number."""
    plain = [field.name for field in dataclasses.fields(CohortCost) if field.name != "solo"]
    timed = [field.name for field in dataclasses.fields(SoloSeconds)]
    rows = (
        [getattr(one, name) for name in plain]
        + [None if one.solo is None else getattr(one.solo, name) for name in timed]
        for one in costs
    )
    return csv_text([*plain, *(f"solo_{name}" for name in timed)], rows)
