"""What this machine can do at most, measured: float32 matrix products and copies, on all cores."""

import threading
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

_SIDES = (512, 1024)
_SECONDS = 0.4
_LEAST_COPY_BYTES = 2**20
_COPIED_AT_ONCE = 2**26


def matmul_flops_per_second() -> float:
    """The best rate of square float32 products in JAX on one device, which uses all its cores."""
    product = jax.jit(lambda x: x @ x)
    rates = []
    for side in _SIDES:
        x = jnp.ones((side, side))
        spent = _least_seconds(lambda x=x: jax.block_until_ready(product(x)))  # type: ignore[misc]
        rates.append(2 * side**3 / spent)
    return max(rates)


def copy_bytes_per_second(size: int, cores: int) -> float:
    """The best rate, bytes read plus bytes written, at which all cores copy `size` bytes each.

    `size` is what a member's step works on: where that fits a cache, the cache's rate is the limit.
    """
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
