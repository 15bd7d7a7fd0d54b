"""Whether training would round here as it did where a run began."""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import jax

from lab.errors import UsageError

BITS_DEPEND_ON = ("jax", "jaxlib", "flax", "optax")
NOT_KNOWN = "a device that environment.json does not name"
FRESH = "nothing_recorded_before"
"""A session's key in environment.json: true where it began with nothing recorded."""


def other_bits(environment: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What the last digits depend on and is not here as in a session that trained, if anything.

    As (what, as it was, as it is); `what` is a package, or "device".
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
    return None


def require_same_bits(environment: Mapping[str, Any]) -> None:
    """UsageError where a run that goes on would round otherwise than it did so far."""
    other = other_bits(environment)
    if other is not None:
        what, then, now = other
        there = f"on {then}" if what == "device" else f"with {what}=={then}"
        raise UsageError(
            f"this run began with {what} {then}, and this is {now}, which rounds otherwise: go on "
            f"{there}, or pass another --out"
        )


def _without_number(device: str) -> str:
    return device.rstrip("0123456789").rstrip("_:")
