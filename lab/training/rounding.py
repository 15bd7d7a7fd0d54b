"""Whether training would round here as it did where a run began."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from lab.errors import UsageError
from lab.training.compilation import instructions

BITS_DEPEND_ON = ("jax", "jaxlib", "flax", "optax")
NOT_KNOWN = "a device that environment.json does not name"
FRESH = "nothing_recorded_before"
"""A session's key in environment.json: true where it began with nothing recorded."""


def other_bits(environment: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What the last digits depend on and is not here as in a session that trained, if anything.

    As (what, as it was, as it is); `what` is a package, "device" or "processor". Of the latter, on
    which a CPU's programs run, what each has and the other has not is told.
    """
    device = jax.devices()[0]
    sessions = environment.get("sessions", [])
    fresh = [index for index, session in enumerate(sessions) if session.get(FRESH)]
    for session in sessions[fresh[-1] if fresh else 0 :]:
        if session.get("throughput") == {}:  # It found nothing left to train.
            continue
        for name in BITS_DEPEND_ON:
            then, now = session.get("versions", {}).get(name), importlib.metadata.version(name)
            if then != now:
                return name, str(then), now
        for then, now in (
            (_without_number(session.get("devices", [NOT_KNOWN])[0]), _without_number(str(device))),
            (session.get("device_kind", device.device_kind), device.device_kind),
        ):
            if then != now:
                return "device", then, now
        if device.platform == "cpu" and (other := _other_instructions(session)) is not None:
            return other
    return None


def _other_instructions(session: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Sessions of older runs, and of systems that list none, are taken to be like this one."""
    then, now = session.get("instructions"), instructions()
    if then is None or len(then) < 2 or len(now) < 2 or then == now:
        return None
    gone, new = ([one for one in a if one not in b] for a, b in ((then, now), (now, then)))
    was, is_ = (
        f"a processor with {_few(mine)}" if mine else f"a processor without {_few(others)}"
        for mine, others in ((gone, new), (new, gone))
    )
    return "processor", was, is_


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def require_same_bits(environment: Mapping[str, Any]) -> None:
    """UsageError where a run that goes on would round otherwise than it did so far."""
    other = other_bits(environment)
    if other is not None:
        what, then, now = other
        there = f"with {what}=={then}" if what in BITS_DEPEND_ON else f"on {then}"
        began = f"on {then}" if what == "processor" else f"with {what} {then}"
        raise UsageError(
            f"this run began {began}, and this is {now}, which rounds otherwise: go on "
            f"{there}, or pass another --out"
        )


def _without_number(device: str) -> str:
    return device.rstrip("0123456789").rstrip("_:")
