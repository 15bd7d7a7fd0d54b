"""environment.json: what a run cost and ran with, read strictly, for a run folder may be anybody's.

What is read is plain data, so that later versions of the lab may add to it; each field that this
version knows is of its type.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import cattrs

from lab.documents import parsed_object, reasons, strict_converter
from lab.errors import UsageError
from lab.records.costs import SoloSeconds, require_cost
from lab.records.paths import RunPaths
from lab.specs.rules import require, require_positive

ENVIRONMENT_SCHEMA = 1

_CONVERTER = strict_converter(forbid_extra_keys=False)
_WAY_OUT = (
    "restore it from a copy; or, where all members have ended, remove it and give the run's "
    "command again, which counts and times a step anew; or else pass another --out"
)
_ABSENT: Any = None
"""What is not there: a run of before it was kept. A null there is refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProgramFacts:
    """Digests of the parts of a cohort's program, and the versions that they were taken under."""

    parts: dict[str, str]
    made_with: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class CohortFacts:
    """What a step of a cohort costs, and how its lanes stood."""

    parameters: int
    flops_per_step: float
    lanes: int = _ABSENT
    lane_width: int = _ABSENT
    lane_width_chosen: str = _ABSENT
    devices: int = _ABSENT
    evaluations_per_dispatch: int = _ABSENT
    operations: dict[str, str] = _ABSENT
    compiler_options: dict[str, str | bool] = _ABSENT
    data_digest: str = _ABSENT
    source_digest: str = _ABSENT
    moved_bytes_per_step: float = _ABSENT
    state_bytes: int = _ABSENT
    solo_seconds: SoloSeconds = _ABSENT
    program: ProgramFacts | None = None

    def __post_init__(self) -> None:
        require_positive(self, "parameters")
        require_cost("flops_per_step", self.flops_per_step)
        for name in ("lanes", "lane_width", "devices", "evaluations_per_dispatch"):
            if getattr(self, name) is not None:
                require_positive(self, name)
        width = self.lane_width or 1
        require(
            self.lanes is None or self.lanes % width == 0,
            f"{self.lanes} lanes cannot stand in blocks of {width}",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Throughput:
    """How fast a session trained a cohort; device-seconds are of all devices together."""

    useful_fraction: float = _ABSENT
    member_steps_per_second: float = _ABSENT
    data_wait_fraction: float = _ABSENT
    members_ended: int = _ABSENT
    device_seconds: float = _ABSENT
    compile_seconds: float = _ABSENT
    compile_device_seconds: float = _ABSENT

    def __post_init__(self) -> None:
        timed = (self.members_ended, self.device_seconds, self.compile_device_seconds)
        require(
            self.device_seconds is None or None not in timed,
            "device_seconds come with members_ended and compile_device_seconds",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """A start of the run, or a resumption."""

    started: str = _ABSENT
    command: str | list[str] = _ABSENT
    versions: dict[str, str] = _ABSENT
    platform: str = _ABSENT
    devices: list[str] = _ABSENT
    device_kind: str = _ABSENT
    deterministic: bool = _ABSENT
    instructions: list[str] = _ABSENT
    nothing_recorded_before: bool = _ABSENT
    throughput: dict[str, Throughput] = _ABSENT

    def __post_init__(self) -> None:
        require(self.devices is None or bool(self.devices), "a session has no device")


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """The whole document."""

    schema: int
    cohorts: dict[str, CohortFacts]
    sessions: list[Session]

    def __post_init__(self) -> None:
        require(
            self.schema == ENVIRONMENT_SCHEMA,
            f"its schema is {self.schema}, and this lab reads {ENVIRONMENT_SCHEMA}",
        )


def _command(value: Any, _: Any) -> str | list[str] | None:
    return (
        value if value is None or isinstance(value, str) else _CONVERTER.structure(value, list[str])
    )


def _option(value: Any, _: Any) -> str | bool:
    return value if isinstance(value, bool) else _CONVERTER.structure(value, str)


_CONVERTER.register_structure_hook(str | list[str], _command)
_CONVERTER.register_structure_hook(str | bool, _option)


def read_environment(paths: RunPaths) -> dict[str, Any]:
    """environment.json as it stands: `schema`, `cohorts` (name -> `CohortFacts`), `sessions`.

    UsageError, with a way out, for a file that cannot be read or is not what a run writes.
    """
    path = paths.environment
    try:
        document = parsed_object(path.read_text(encoding="utf-8"))
        _CONVERTER.structure(document, Environment)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}: {_WAY_OUT}") from error
    except cattrs.BaseValidationError as error:
        raise UsageError(
            f"{path} is not what a run writes: {reasons(error)}: {_WAY_OUT}"
        ) from error
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} cannot be read: {reason}: {_WAY_OUT}") from error
    return document


def cohort_facts(paths: RunPaths, environment: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What `environment` says of a cohort; UsageError, with a way out, where it says nothing."""
    facts = environment["cohorts"].get(name)
    if facts is None:
        raise UsageError(
            f"{paths.environment} does not say what a step of cohort {name!r} costs: {_WAY_OUT}"
        )
    return dict(facts)
