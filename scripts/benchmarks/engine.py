"""What every engine offers, and how it is timed."""

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REPEATS = 5
PATIENCE = 3.0
"""Repeats of a slow engine may take this many times the seconds asked for, then fewer are made."""


class Engine(NamedTuple):
    """One way to train all members of a workload from their initial weights.

    `compile()` does ahead of time what can be done then. `advance(units)` trains on, returns when
    that is done, and gives the member-steps done; a unit is the least that the engine can do: a
    step of one member, of all members, or several steps of all (`steps_per_unit`). Engines that
    train one member after another take the next one at each call. `weights()` are those of all
    members now, under Flax's names and in Flax's layout [members, ...]. `accelerator_bytes()` is
    the most memory of an accelerator that was in use; None where there is none.
    """

    compile: Callable[[], None]
    advance: Callable[[int], int]
    weights: Callable[[], Mapping[str, np.ndarray]]
    steps_per_unit: int
    facts: Mapping[str, Any]
    accelerator_bytes: Callable[[], int | None] = lambda: None


def timed(engine: Engine, seconds: float, baseline_bytes: int) -> Iterator[dict[str, Any]]:
    """Compiles and trains, yielding an event after the compilation, the first unit and the end.

    The rate is the median over `REPEATS` repeats that take about `seconds` together.
    """
    started = time.perf_counter()
    engine.compile()
    yield {"event": "compiled", "compile_seconds": time.perf_counter() - started}

    first = _timed_call(engine, 1)
    yield {"event": "first", "member_steps": first[0], "seconds": first[1]}

    # The first unit may hold warm-up; it stands for the others only where it alone is too long.
    unit_seconds = first[1] if first[1] > seconds else _timed_call(engine, 1)[1]
    units = max(1, round(seconds / REPEATS / unit_seconds))
    repeats = min(REPEATS, int(PATIENCE * seconds / (units * unit_seconds)))
    calls = [_timed_call(engine, units) for _ in range(repeats)] or [first]
    rates = sorted(steps / spent for steps, spent in calls)
    on_accelerator = engine.accelerator_bytes()
    yield {
        "event": "measured",
        "member_steps_per_second": float(np.median(rates)),
        "slowest": rates[0],
        "fastest": rates[-1],
        "repeats": len(rates),
        "peak_bytes": (
            max(0, _high_water_bytes() - baseline_bytes)
            if on_accelerator is None
            else on_accelerator
        ),
        **engine.facts,
    }


def _timed_call(engine: Engine, units: int) -> tuple[int, float]:
    started = time.perf_counter()
    return engine.advance(units), time.perf_counter() - started


def resident_bytes() -> int:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _high_water_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
