"""Starts engines in processes of their own, and stops those that do not come to an end."""

import dataclasses
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

START_SECONDS = 120.0
COMPILE_SECONDS = 180.0
GRACE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Cell:
    """What came of one engine on one workload.

    `rate` is in member-steps per second, and None where none could be measured. Then `below` bounds
    it, if the first step was begun and did not end in its time, and `trouble` says what happened.
    """

    engine: str
    rate: float | None = None
    below: float | None = None
    trouble: str | None = None
    failed: bool = False
    compile_seconds: float | None = None
    peak_bytes: int | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Seconds that a process may take to its next event, by the event it reported last."""

    seconds: float  # measuring, as asked for
    first_step: float
    start: float = START_SECONDS
    compile: float = COMPILE_SECONDS


def worker_command(engine: str, seconds: float, folder: Path) -> list[str]:
    """What measures an engine on the work in a folder."""
    return [sys.executable, "-P", "-m", "benchmarks.worker", engine, str(seconds), str(folder)]


def measure(engine: str, command: Sequence[str], unit_member_steps: int, limits: Limits) -> Cell:
    """Runs an engine's process to its end or to its limit.

    `unit_member_steps` is what the engine's first call trains, by which a limit becomes a bound.
    """
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            return _followed(engine, process, unit_member_steps, limits)
        finally:
            process.kill()


def _followed(
    engine: str, process: subprocess.Popen[str], unit_member_steps: int, limits: Limits
) -> Cell:
    lines, errors = _Lines(process.stdout), _Lines(process.stderr)
    cell = Cell(engine)
    compiled = lines.next_event(limits.start + limits.compile)
    if compiled is None:
        return _unfinished(
            cell, process, errors, f"not compiled after {limits.start + limits.compile:.0f} s"
        )
    cell = dataclasses.replace(cell, compile_seconds=compiled["compile_seconds"])
    if lines.next_event(limits.first_step) is None:
        slow = _unfinished(
            cell, process, errors, f"first step not done after {limits.first_step:g} s"
        )
        below = None if slow.failed else unit_member_steps / limits.first_step
        return dataclasses.replace(slow, below=below)
    measured = lines.next_event(GRACE_SECONDS + 10 * limits.seconds)
    if measured is None:
        return _unfinished(cell, process, errors, "not measured in time")
    return dataclasses.replace(
        cell,
        rate=measured.pop("member_steps_per_second"),
        peak_bytes=measured.pop("peak_bytes"),
        details={name: value for name, value in measured.items() if name != "event"},
    )


def _unfinished(cell: Cell, process: subprocess.Popen[str], errors: "_Lines", limit: str) -> Cell:
    """A process that reported no more has either ended, in failure, or reached its limit."""
    try:
        status = process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return dataclasses.replace(cell, trouble=limit)
    said = errors.rest()
    last = said[-1].strip() if said else f"status {status}"
    return dataclasses.replace(cell, trouble=f"failed: {last}", failed=True)


class _Lines:
    """Lines of a pipe, which a thread reads so that waiting for them can end."""

    def __init__(self, pipe: IO[str] | None) -> None:
        assert pipe is not None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._lines.put(line)
        self._lines.put(None)

    def next_event(self, seconds: float) -> dict[str, Any] | None:
        """The next line that is a JSON object; None at the end, or after so many seconds."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        return None if line is None else json.loads(line)

    def rest(self) -> list[str]:
        """All lines to the end, which must be near."""
        self._reader.join()
        lines = []
        while (line := self._lines.get()) is not None:
            lines.append(line)
        return lines
