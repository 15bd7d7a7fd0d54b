"""How programs are compiled: kept between processes, and with the same operations every time.

Both functions change the process's JAX: call them before anything touches a device.
"""

import functools
import hashlib
import os
import platform
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jaxlib

WIDTHS_FILE = "lane-widths.json"
CompilerOptions = Mapping[str, str | bool]
ONE_THREAD: tuple[str, str | bool] = ("xla_cpu_multi_thread_eigen", False)
SUMS_ALONE: tuple[str, str | bool] = (
    "xla_cpu_experimental_ynn_fusion_type",
    "LIBRARY_FUSION_TYPE_REDUCE",
)
_DETERMINISTIC = "xla_gpu_deterministic_ops"
_ROUNDS = re.compile(
    r"(sse|ssse|avx|fma|f16c|amx|asimd|neon|sve|bf16|i8mm|fcma)[a-z0-9_.]*|pni|fp|fphp|sme([2bfi].*)?"
)
"""Instructions on numbers, as Linux calls them (x86 and ARM); XLA compiles for those that it finds,
so that sums are cut into other vectors, and products rounded or not before they are added."""


def use_compilation_cache() -> str | None:
    """Has JAX keep compiled programs on disk; where that cannot be, says why in one line.

    The folder is JAX's own ($JAX_COMPILATION_CACHE_DIR) where that is set, else one in the user's
    cache. $JAX_ENABLE_COMPILATION_CACHE=0 switches it off, as anywhere with JAX. Without it a run
    is the same, and begins later.
    """
    if not _setting("jax_enable_compilation_cache"):
        return None
    asked = _setting("jax_compilation_cache_dir")
    if asked is not None and "://" in asked:
        return None  # A bucket: JAX's own business.
    folder = Path(asked) if asked else default_folder()
    reason = _why_not_writable(folder)
    if reason is not None:
        jax.config.update("jax_enable_compilation_cache", False)
        return (
            f"compiled programs are not kept, for {folder} cannot be written ({reason}): set "
            "JAX_COMPILATION_CACHE_DIR to a folder that can"
        )
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # A disk that fills up later costs time, and JAX would say so once for each program.
    warnings.filterwarnings("ignore", message="Error writing persistent compilation cache")
    return None


def default_folder() -> Path:
    """A folder for this jaxlib on this processor.

    Mixing either is unsafe: jaxlib 0.10.2 was seen to run, after a line of warning, a CPU program
    that was compiled for instructions which the processor lacks. A home may be shared by machines.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    kind = hashlib.sha256(_processor().encode()).hexdigest()[:8]
    return Path(base) / "convergence-lab" / f"jax-{jaxlib.__version__}-{kind}"


def widths_file() -> Path | None:
    """Where measured lane widths are remembered: in the cache's folder, if there is one."""
    folder = _setting("jax_compilation_cache_dir")
    if not _setting("jax_enable_compilation_cache") or folder is None or "://" in folder:
        return None
    return Path(folder) / WIDTHS_FILE


def use_deterministic_operations() -> str | None:
    """Has XLA choose, on a GPU, only operations that give the same bits every time.

    It also ends autotuning, which picks kernels by a race and so may pick others after a restart.
    XLA_FLAGS that speak of it themselves are left alone. Elsewhere than on a GPU nothing changes.
    XLA reads its flags once, when JAX first asks for a device: a process in which it has is left
    alone, and where that matters the line says so that is given back.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISTIC in flags:
        return None
    if not _has_begun():
        os.environ["XLA_FLAGS"] = f"{flags} --{_DETERMINISTIC}=true".strip()
        return None
    if jax.default_backend() != "gpu":
        return None
    return (
        "operations may give other bits each time, for JAX has begun without being told "
        f"otherwise: start anew, with XLA_FLAGS=--{_DETERMINISTIC}=true"
    )


def operations_are_deterministic() -> bool:
    """Whether XLA was told so, by `use_deterministic_operations` or by the user's XLA_FLAGS.

    A user who sets them once JAX has begun is believed, for XLA does not tell what it has read.
    """
    flags = os.environ.get("XLA_FLAGS", "").split()
    return any(flag in flags for flag in (f"--{_DETERMINISTIC}=true", f"--{_DETERMINISTIC}"))


def compiler_options(operations: Mapping[str, str]) -> CompilerOptions:
    """Options of XLA for a program with these operations; they are part of a run's record.

    On a CPU each device has a core's worth of lanes to itself, so that no operation is cut up for
    several threads, which would then wait for each other: two programs of a 5k U-Net side by side
    on two cores did 740 member-steps per second so, and 360 otherwise, with other programs running;
    with none, the two were alike.

    There XLA also hands products and sums to the YNNPACK library. Its products are the faster ones
    for dense layers (an MLP 64-256-256-10: 9.4 against 6.3 thousand member-steps per second on one
    core of an EPYC 9005), but not for the tall and narrow ones that convolutions become (a U-Net of
    2.9k: 611 against 758), which are left to Eigen. An option that this XLA does not know is left
    out.
    """
    if jax.default_backend() != "cpu":
        return {}
    convolves = any(operation.startswith("conv ") for operation in operations)
    wanted = [ONE_THREAD, SUMS_ALONE] if convolves else [ONE_THREAD]
    return dict(option for option in wanted if _accepted(*option))


@functools.cache
def _accepted(name: str, value: str | bool) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def instructions() -> list[str]:
    """What of this processor decides about last digits: its kind, and its instructions on numbers.

    Sorted after the kind, which stands first; alone where the system does not list the others.
    """
    flags = _processor_flags().partition(":")[2].split()
    return [platform.machine(), *sorted(flag for flag in flags if _ROUNDS.fullmatch(flag))]


def _has_begun() -> bool:
    """Whether JAX has a device: it then refuses to have another number of them."""
    known = _setting("jax_num_cpu_devices")
    try:
        jax.config.update("jax_num_cpu_devices", abs(known) + 1)
    except RuntimeError:
        return True
    jax.config.update("jax_num_cpu_devices", known)
    return False


def _processor() -> str:
    """What tells processors apart: the instructions they know, where the system lists them."""
    known = _processor_flags()
    return f"{platform.machine()} {platform.processor()} {[known] if known else []}"


def _processor_flags() -> str:
    """The line of Linux that lists what the processor knows; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _why_not_writable(folder: Path) -> str | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return None if os.access(folder, os.W_OK | os.X_OK) else "permission denied"


def _setting(name: str) -> Any:
    """JAX's configuration declares its attributes at run time, unseen by a type checker."""
    return getattr(jax.config, name)
