"""Batches that all members of a cohort take together, sent to the devices a dispatch ahead.

Where the training split does not fit the device, the host reads the examples of the steps to come,
in the order that the one key of the cohort's data order gives: a Window for each dispatch. A member
at its step s takes batch s, so its trajectory is a function of its address as anywhere; but members
must go in step. They begin in waves: free lanes wait until those of all blocks are free, and all
begin again at step 0. What that costs is in a run's useful fraction.

In memory there are, of windows of at most WINDOW_BYTES: on every device the first, which each wave
begins with, that of the dispatch under way, and the next; on the host the one being read.
"""

import concurrent.futures
import functools
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import Source, Split
from lab.errors import UsageError
from lab.randomness import Stream, batch_indices, member_key
from lab.specs import CohortSpec
from lab.training.lanes import Lanes, replicated
from lab.training.resident import Resident, Window

WINDOW_BYTES = 2**28
"""The most that the examples of a dispatch may take."""
PORTION = 1024
"""Examples, about, that are read before it is asked again whether they are still wanted."""


def most_evaluations(cohort: CohortSpec, like: Split) -> int:
    """How many evaluations a dispatch of streamed data may hold; UsageError if not even one.

    No more than the budget: a dispatch is part of one wave.
    """
    example = like.inputs[0].nbytes + like.targets[0].nbytes
    needed = cohort.eval_every * cohort.batch_size * example
    if needed > WINDOW_BYTES:
        fitting = WINDOW_BYTES // (cohort.batch_size * example)
        remedy = f"pass --eval_every={fitting}" if fitting else "pass a smaller --batch_size"
        raise UsageError(
            f"{cohort.eval_every} steps of {cohort.batch_size} examples of {cohort.data.name}, "
            f"which is streamed, take {needed / 2**30:.3g} GiB, more than "
            f"{WINDOW_BYTES / 2**30:.3g}: {remedy}"
        )
    return min(WINDOW_BYTES // needed, cohort.evaluations)


class _Ahead(NamedTuple):
    """A window that is being read."""

    first: int
    dropped: threading.Event
    window: "concurrent.futures.Future[Window]"


class Feed:
    """What the dispatches of a streamed cohort read, each of so many steps."""

    def __init__(
        self,
        cohort: CohortSpec,
        source: Source,
        resident: Resident,
        steps: int,
        devices: Sequence[jax.Device],
    ) -> None:
        """Reads the first window. `resident` holds examples of the split, and all of validation."""
        assert cohort.seeds.order == 1, "members of an order of their own cannot share batches"
        self._cohort = cohort
        self._source = source
        self._resident = resident
        self._steps = steps
        self._sharding = replicated(devices)
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._ahead: _Ahead | None = None
        self._first = self._load(0, threading.Event())
        self.waited = 0.0
        """Seconds in which the devices could have gone on, had the data been there."""

    def take(self, lanes: Lanes) -> Resident:
        """For the dispatch after the one that gives these lanes; waits for both.

        Where no lane holds a member any more, the next wave begins.
        """
        active_L, step_L = jax.device_get((lanes.active_L, lanes.states.step))
        return self.at(int(step_L[active_L].max(initial=0)))

    def at(self, first: int) -> Resident:
        """What begins with that step; reading goes on, in the background, with what follows it."""
        started = time.monotonic()
        window = self._first if first == 0 else self._go_on_to(first).window.result()
        self.waited += time.monotonic() - started
        following = first + self._steps
        if following < self._cohort.budget_steps:
            self._go_on_to(following)
        return self._resident._replace(train=window)

    def close(self) -> None:
        """Nothing is read any more."""
        self._drop()
        self._pool.shutdown(wait=False)

    def _go_on_to(self, first: int) -> _Ahead:
        """Has that window read, and no other."""
        if self._ahead is None or self._ahead.first != first:
            self._drop()
            dropped = threading.Event()
            window = self._pool.submit(self._load, first, dropped)
            self._ahead = _Ahead(first, dropped, window)
        return self._ahead

    def _drop(self) -> None:
        if self._ahead is not None:
            self._ahead.dropped.set()
            self._ahead = None

    def _load(self, first: int, dropped: threading.Event) -> Window:
        """Steps past the budget, which no member takes, are left blank."""
        batch_size, like = self._cohort.batch_size, self._resident.train
        indices = np.zeros((self._steps, batch_size), np.int32)
        inputs = np.zeros((*indices.shape, *like.inputs.shape[1:]), like.inputs.dtype)
        targets = np.zeros((*indices.shape, *like.targets.shape[1:]), like.targets.dtype)
        portion = max(1, PORTION // batch_size)
        end = min(self._steps, self._cohort.budget_steps - first)
        for start in range(0, end, portion):
            if dropped.is_set():
                raise concurrent.futures.CancelledError
            rows = slice(start, min(start + portion, end))
            asked = _shared_order(self._cohort, len(self._source), first + start, portion)
            indices[rows] = asked[: rows.stop - start]
            read = self._source.read(indices[rows].ravel())
            inputs[rows] = read.inputs.reshape(inputs[rows].shape)
            targets[rows] = read.targets.reshape(targets[rows].shape)
        arrays = (np.int32(first), indices, inputs, targets)
        return Window(*jax.device_put(arrays, self._sharding))


def _shared_order(cohort: CohortSpec, size: int, first: int, steps: int) -> np.ndarray:
    """Which examples of a split of that size the steps from `first` on see, int32 [steps, B].

    Computed on the host: a device would come to it only after the dispatch that it is at.
    """
    with jax.default_device(_host()):
        key = member_key(cohort.seed, Stream.ORDER, jnp.int32(0))
        return np.asarray(_batches(key, jnp.int32(first), steps, cohort.batch_size, size))


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _batches(key: jax.Array, first: jax.Array, steps: int, batch_size: int, size: int) -> jax.Array:
    each = first + jnp.arange(steps, dtype=jnp.int32)
    return jax.vmap(lambda step: batch_indices(key, step, batch_size, size))(each)


def _host() -> jax.Device | None:
    """None where JAX was told to do without the host's processor."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None
