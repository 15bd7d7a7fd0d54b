"""What this machine can do at most, measured: float32 matrix products, and copies.

On all cores, or on the accelerator that JAX computes on.
"""

import os
import threading
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

_SIDES = (512, 1024)
_ACCELERATOR_SIDES = (4096, 8192)
_SECONDS = 0.4
_LEAST_COPY_BYTES = 2**20
_COPIED_AT_ONCE = 2**26


def matmul_flops_per_second() -> float:
    """The best rate of square float32 products in JAX on one device, which uses all its cores.

    In JAX's default precision, which on an accelerator is below float32's own.
    """
    product = jax.jit(lambda x: x @ x)
    rates = []
    for side in _SIDES if jax.default_backend() == "cpu" else _ACCELERATOR_SIDES:
        x = jnp.ones((side, side))
        spent = _least_seconds(lambda x=x: jax.block_until_ready(product(x)))  # type: ignore[misc]
        rates.append(2 * side**3 / spent)
    return max(rates)


def copy_bytes_per_second(size: int, members: int) -> float:
    """The best rate, bytes read plus bytes written, at which the machine copies.

    `size` is what a member's step works on: where that fits a cache, the cache's rate is the limit.
    A CPU has one member's to a core in its caches; an accelerator trains all `members` together.
    """
    if jax.default_backend() == "cpu":
        return _copied_by_cores(size, len(os.sched_getaffinity(0)))
    return _copied_by_accelerator(size * members)


def _copied_by_accelerator(size: int) -> float:
    size = max(_COPIED_AT_ONCE, size)  # More than caches hold, as all members together are.
    # A sum, so that the compiler cannot hand the input back.
    copy = jax.jit(lambda x: x + jnp.uint8(1))
    source = jnp.ones(size, jnp.uint8)
    return 2 * size / _least_seconds(lambda: jax.block_until_ready(copy(source)))


def _copied_by_cores(size: int, cores: int) -> float:
    size = max(_LEAST_COPY_BYTES, size)
    times = max(1, _COPIED_AT_ONCE // size)
    sources = [np.ones(size, np.uint8) for _ in range(cores)]
    copies = [np.ones(size, np.uint8) for _ in range(cores)]

    def copy(core: int) -> None:
        for _ in range(times):
            np.copyto(copies[core], sources[core])  # Lets go of the interpreter's lock.

    def copy_on_all() -> None:
        threads = [threading.Thread(target=copy, args=(core,)) for core in range(cores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return 2 * size * times * cores / _least_seconds(copy_on_all)


def _least_seconds(work: Callable[[], object]) -> float:
    work()
    least, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - started)
    return least
