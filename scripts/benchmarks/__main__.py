"""How many member-steps a second does the lab do, and how many the ways a user has without it?

    scripts/bench --seconds=1.5 --limit=15          # 9 minutes on 2 CPU cores
    scripts/bench --json=FILE --workloads=cnn16-8x8 --engines='lanes,jax vmap'

Engines: lanes (the lab's own program), jax loop (a jitted step of one member on Flax's own layers),
jax vmap (plain jax.vmap of that step), torch loop and torch vmap (eager; if PyTorch is installed).
With --ablation "lanes on xla" is the lab's program with XLA's convolutions in place of lab/ops.
All start from the same weights and see the same batches. A step that is not done in --limit seconds
is reported as slower than that, never as a number.
"""

import difflib
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks import results
from benchmarks.cells import Cell, Limits, measure, worker_command
from benchmarks.work import read_facts
from benchmarks.workloads import (
    ENGINES,
    JAX_LOOP,
    JAX_VMAP,
    LANES,
    LANES_ON_XLA,
    STEPS_ON_XLA,
    TORCH_ENGINES,
    TORCH_LOOP,
    WORKLOADS,
    Workload,
)
from experiments._door import enter
from lab.errors import UsageError
from lab.records.files import given_file, write_whole

INSTALL_TORCH = ".venv/bin/pip install -e '.[bench]'"
BUSY = 0.5

_JSON = flags.DEFINE_string("json", None, "File for the results, one object a measurement.")
_WORKLOADS = flags.DEFINE_list("workloads", None, "Names, by commas; all by default.")
_ENGINES = flags.DEFINE_list("engines", None, "Names, by commas; all that are installed.")
_LANES = flags.DEFINE_integer("lanes", 16, "Members trained at once, in every engine.")
_SECONDS = flags.DEFINE_float("seconds", 3.0, "Measuring time of each engine on each workload.")
_LIMIT = flags.DEFINE_float("limit", 20.0, "Seconds that an engine's first step may take.")
_TUNE = flags.DEFINE_bool("tune", False, "Measure widths of lanes first, as long studies do.")
_ABLATION = flags.DEFINE_bool("ablation", False, "Measure lanes on XLA's convolutions too.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "TFDS data folder; by default $TFDS_DATA_DIR or ~/tensorflow_datasets."
)


def main() -> int:
    """Measures and prints; status 1 if an engine failed, slowness apart."""
    names = _chosen("workloads", _WORKLOADS.value, [workload.name for workload in WORKLOADS])
    workloads = [workload for workload in WORKLOADS if workload.name in names]
    engines = _engines()
    _require_positive("lanes", _LANES.value)
    _require_positive("seconds", _SECONDS.value)
    _require_positive("limit", _LIMIT.value)
    file = _json_file()
    load = os.getloadavg()[0]
    if load > BUSY:
        _note(f"other programs use this machine (load {load:.1f}); expect noisy timings")

    measured: list[tuple[Workload, list[Cell]]] = []
    records: list[dict[str, Any]] = []
    for workload in workloads:
        facts, cells = _measured(workload, engines)
        measured.append((workload, cells))
        records += results.records(workload.name, facts, cells)
        print("\n" + results.table(workload.name, facts, cells), flush=True)
        if file is not None:
            write_whole(file, json.dumps(records, indent=2) + "\n")
    if lines := _closing_lines(measured):
        print("\n" + lines)
    return int(any(cell.failed for _, cells in measured for cell in cells))


def _measured(workload: Workload, engines: Sequence[str]) -> tuple[dict[str, Any], list[Cell]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _note(f"{workload.name}: preparing")
        _prepare(workload, folder)
        cells = []
        for engine in _with_ablation(workload, engines):
            _note(f"{workload.name}: {engine}")
            command = worker_command(engine, _SECONDS.value, folder)
            limits = Limits(seconds=_SECONDS.value, first_step=_LIMIT.value)
            cells.append(measure(engine, command, _unit_member_steps(engine, workload), limits))
        return read_facts(folder), cells


def _with_ablation(workload: Workload, engines: Sequence[str]) -> list[str]:
    """With --ablation the lab's program is measured without its own convolutions too."""
    shown = list(engines)
    if _ABLATION.value and workload.convolutional and LANES in engines:
        shown.insert(shown.index(LANES) + 1, LANES_ON_XLA)
    return shown


def _prepare(workload: Workload, folder: Path) -> None:
    """In a process of its own, so that this one holds neither memory nor devices of JAX."""
    tune = "tune" if _TUNE.value else "by rule"
    arguments = [workload.name, str(_LANES.value), tune, str(folder)]
    arguments += [] if _DATA_DIR.value is None else [_DATA_DIR.value]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "benchmarks.preparation", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 2:
        raise UsageError(done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise SystemExit(1)


def _unit_member_steps(engine: str, workload: Workload) -> int:
    """What an engine's first call trains: see `Engine.advance`."""
    if engine in (JAX_LOOP, TORCH_LOOP):
        return 1
    steps = {LANES: workload.eval_every, LANES_ON_XLA: min(workload.eval_every, STEPS_ON_XLA)}
    return _LANES.value * steps.get(engine, 1)


def _closing_lines(measured: Sequence[tuple[Workload, Sequence[Cell]]]) -> str:
    """The ratios that the lab's convolutions are for."""
    lines = []
    for reference in (LANES_ON_XLA, JAX_VMAP):
        ratios = []
        for workload, cells in measured:
            by_engine = {cell.engine: cell for cell in cells}
            ratio = results.ratio(by_engine.get(LANES), by_engine.get(reference))
            if workload.convolutional and ratio:
                ratios.append(f"{workload.name} {ratio}")
        if ratios:
            lines.append(f"lanes / {reference} on convolutions: {', '.join(ratios)}")
    return "\n".join(lines)


def _engines() -> list[str]:
    """Those asked for; by default all, with a line if PyTorch's are left out."""
    engines = _chosen("engines", _ENGINES.value, ENGINES)
    if importlib.util.find_spec("torch") is not None:
        return engines
    missing = [engine for engine in engines if engine in TORCH_ENGINES]
    if missing and _ENGINES.value is not None:
        raise UsageError(
            f"engine {missing[0]!r} needs PyTorch, which is not installed: {INSTALL_TORCH}"
        )
    if missing:
        _note(f"{', '.join(missing)}: left out, for PyTorch is not installed: {INSTALL_TORCH}")
    return [engine for engine in engines if engine not in TORCH_ENGINES]


def _chosen(flag: str, asked: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The names asked for, in the order in which they are known."""
    if asked is None:
        return list(known)
    names = [name.strip() for name in asked]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"pass --{flag}={known[0]!r}"
            raise UsageError(f"{flag} has {name!r}; there are: {', '.join(known)}: {hint}")
    if not names:
        raise UsageError(f"{flag} names none; there are: {', '.join(known)}: pass at least one")
    return [name for name in known if name in names]


def _require_positive(flag: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise UsageError(
            f"{flag} is {value:g}; it must be positive and finite: pass a larger --{flag}"
        )


def _json_file() -> Path | None:
    """Seen to be writable before anything is measured."""
    if _JSON.value is None:
        return None
    return given_file("json", _JSON.value).absolute()


def _note(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _terminable(_: Sequence[str]) -> int:
    # Ended by an exception, so that the engine which is running is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return main()


if __name__ == "__main__":
    enter(_terminable, arguments=False)
