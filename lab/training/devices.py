"""Which devices lanes run on, and what memory there is for them."""

import os
from collections.abc import Sequence
from pathlib import Path

import jax


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


def choose_devices(blocks: int) -> list[jax.Device]:
    """As many devices as divide the blocks evenly."""
    devices = jax.devices()
    shards = next(count for count in range(len(devices), 0, -1) if blocks % count == 0)
    return devices[:shards]


def available_bytes(devices: Sequence[jax.Device]) -> int | None:
    """What these devices have left between them; None where nothing tells.

    CPU devices share the memory of the machine, or of the control group that the process is in.
    """
    stats = [device.memory_stats() or {} for device in devices]
    if all("bytes_limit" in one for one in stats):
        left = [one["bytes_limit"] - one.get("bytes_in_use", 0) for one in stats]
        return max(0, min(left)) * len(devices)
    return _host_bytes()


def _host_bytes() -> int | None:
    known = [one for one in (_machine_bytes(), *_group_bytes()) if one is not None]
    return min(known, default=None)


def _machine_bytes() -> int | None:
    """Linux counts what it can reclaim at once; elsewhere all of the memory must do."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


_GROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""A limit's file, its use, and what of the use is files that are dropped when memory is short; in
version 2 of control groups and in version 1."""


def _group_bytes(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What each limit leaves that is seen from here: none, where there is no limit."""
    left = []
    for folder in (root, root / "memory"):
        for limit, used, droppable in _GROUPS:
            try:
                most = int((folder / limit).read_text())  # "max" is no number, and no limit.
                held = int((folder / used).read_text())
                lines = (folder / "memory.stat").read_text().splitlines()
            except (OSError, ValueError):
                continue
            dropped = [int(line.split()[1]) for line in lines if line.startswith(f"{droppable} ")]
            left.append(max(0, most - held + sum(dropped)))
    return left
