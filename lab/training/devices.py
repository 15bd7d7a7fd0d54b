"""Which devices lanes run on, and how many lanes."""

import os

import jax

from lab.errors import UsageError
from lab.specs import CohortSpec

LANES_PER_CPU_DEVICE = 8
"""More gain nothing on a CPU: a member-step costs the same from four lanes on, and long queues
keep lanes full to the end."""


def use_all_cores() -> None:
    """Gives JAX one CPU device a core; call before anything touches a device.

    XLA runs small operations on one thread, so lanes sharded over devices use the cores that a
    single device leaves idle. It changes nothing on accelerators, and leaves a number of host
    devices that XLA_FLAGS forces alone.
    """
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", _cores())


def _cores() -> int:
    """Cores this process may use; not every system tells them from those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_lanes(asked: int | None, members: int) -> int:
    """The lane width: `asked`, or by rule; never more than `members` by rule."""
    if asked is not None:
        if asked <= 0:
            raise UsageError(
                f"lanes is {asked}; it must be positive: pass --lanes=auto or a number"
            )
        return asked
    if jax.default_backend() != "cpu":
        return members
    return min(members, LANES_PER_CPU_DEVICE * jax.device_count())


def choose_devices(lanes: int) -> list[jax.Device]:
    """As many devices as divide the lanes evenly."""
    devices = jax.devices()
    shards = next(count for count in range(len(devices), 0, -1) if lanes % count == 0)
    return devices[:shards]


def evaluations_per_dispatch(cohort: CohortSpec, lanes: int, flops_per_step: float) -> int:
    """So many that a dispatch takes about a second or two: short for the eye, long for the host."""
    flops_per_dispatch = 4e10 if jax.default_backend() == "cpu" else 4e12
    per_evaluation = lanes * cohort.eval_every * max(flops_per_step, 1.0)
    return max(1, min(cohort.evaluations, round(flops_per_dispatch / per_evaluation)))
