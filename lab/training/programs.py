"""What one session compiles: each program once, however many cohorts have it."""

import concurrent.futures
import hashlib
import os
import threading
from collections.abc import Hashable

import jax

from lab.training.compilation import CompilerOptions


class Programs:
    """Compiled programs by what they compute, on which device.

    Cohorts that differ in their roll alone have one program. JAX would find it in its cache on disk
    once it is there, but threads that ask side by side would each compile it. No more are compiled
    at once than there are cores: more would take as long, and several times the memory.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cores = threading.Semaphore(os.cpu_count() or 1)
        self._found: dict[Hashable, concurrent.futures.Future[jax.stages.Compiled]] = {}

    def compiled(
        self, lowered: jax.stages.Lowered, device: jax.Device, options: CompilerOptions
    ) -> jax.stages.Compiled:
        """Compiles it for that device, or waits for whoever is at the same; `options` are XLA's."""
        text = hashlib.sha256(lowered.as_text().encode()).digest()
        key = text, lowered.in_tree, lowered.out_tree, device, tuple(sorted(options.items()))
        with self._lock:
            first = key not in self._found
            found = self._found.setdefault(key, concurrent.futures.Future())
        if first:
            try:
                with self._cores:
                    found.set_result(lowered.compile())
            except BaseException as error:
                found.set_exception(error)
        return found.result()
