"""From cells to the contract's JSON and to tables."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.cells import Cell
from benchmarks.workloads import JAX_VMAP, LANES, LANES_ON_XLA


def limit_of(facts: Mapping[str, Any]) -> tuple[float, str]:
    """The most member-steps per second that this machine could do, and what binds."""
    seconds = {
        "flops": facts["flops_per_step"] / facts["matmul_flops_per_second"],
        "bytes": facts["bytes_per_step"] / facts["copy_bytes_per_second"],
    }
    binding = max(seconds, key=seconds.__getitem__)
    return 1 / seconds[binding], binding


def records(workload: str, facts: Mapping[str, Any], cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The JSON's objects. What `lanes` does without lab/ops is told in its own object."""
    objects = {cell.engine: record(workload, facts, cell) for cell in cells}
    ablation = objects.pop(LANES_ON_XLA, None)
    if ablation is not None:
        kept = (
            "member_steps_per_second",
            "member_steps_per_second_below",
            "compile_seconds",
            "peak_bytes",
            "fraction_of_peak",
            "trouble",
        )
        objects[LANES][LANES_ON_XLA] = {name: ablation[name] for name in kept}
    return list(objects.values())


def record(workload: str, facts: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """One object of the JSON: the contract's keys first. What was not measured is null."""
    limit, binding = limit_of(facts)
    return {
        "workload": workload,
        "engine": cell.engine,
        "member_steps_per_second": cell.rate,
        "compile_seconds": cell.compile_seconds,
        "peak_bytes": cell.peak_bytes,
        "fraction_of_peak": None if cell.rate is None else cell.rate / limit,
        "device": device_name(cell.details),
        "member_steps_per_second_below": cell.below,
        "trouble": cell.trouble,
        "limit": binding,
        **{name: value for name, value in facts.items() if name not in ("classes", "vocabulary")},
        **cell.details,
    }


def device_name(details: Mapping[str, Any]) -> str:
    """The accelerator, or this machine's processor and the cores that may be used."""
    if details.get("platform", "cpu") != "cpu":
        return f"{details['device_kind']} x{details['devices']}"
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else 'CPU'}, {len(os.sched_getaffinity(0))} cores"


def table(workload: str, facts: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    """One workload's table, in plain text."""
    limit, binding = limit_of(facts)
    by_engine = {cell.engine: cell for cell in cells}
    lines = Table(box=box.SIMPLE, pad_edge=False)
    lines.add_column("engine", no_wrap=True)
    for heading in (
        "member-steps/s",
        "spread",
        "/ jax vmap",
        "/ lanes",
        "compile s",
        "peak MB",
        "of limit",
    ):
        lines.add_column(heading, justify="right", no_wrap=True)
    for cell in cells:
        lines.add_row(
            cell.engine,
            _rate(cell),
            _spread(cell),
            ratio(cell, by_engine.get(JAX_VMAP)),
            ratio(cell, by_engine.get(LANES)),
            "" if cell.compile_seconds is None else f"{cell.compile_seconds:.1f}",
            "" if cell.peak_bytes is None else f"{cell.peak_bytes / 1e6:.0f}",
            "" if cell.rate is None else f"{cell.rate / limit:.2%}",
        )
    console = Console(width=110, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(lines, end="")
    limits = (
        f"limit {_figures(limit)} member-steps/s, set by "
        f"{'matrix products' if binding == 'flops' else 'copying'}: a step takes "
        f"{facts['flops_per_step'] / 1e6:.2f} MFLOP at "
        f"{facts['matmul_flops_per_second'] / 1e9:.0f} GFLOP/s, and moves "
        f"{facts['bytes_per_step'] / 1e6:.2f} MB at {facts['copy_bytes_per_second'] / 1e9:.0f} GB/s"
    )
    troubles = [f"{cell.engine}: {cell.trouble}" for cell in cells if cell.trouble]
    head = (
        f"{workload}: {facts['parameters']:,} parameters, {facts['lanes']} members, "
        f"batch {facts['batch_size']}"
    )
    rows = [line.rstrip() for line in capture.get().splitlines() if line.strip()]
    return "\n".join([head, *rows, *troubles, limits])


def ratio(cell: Cell | None, reference: Cell | None) -> str:
    """How many times the reference's rate; a bound where one of the two is only bounded."""
    if cell is None or reference is None:
        return ""
    if cell.rate is not None and reference.rate is not None:
        return f"{_figures(cell.rate / reference.rate)}x"
    if cell.rate is not None and reference.below is not None:
        return f"> {_figures(cell.rate / reference.below)}x"
    if cell.below is not None and reference.rate is not None:
        return f"< {_figures(cell.below / reference.rate)}x"
    return ""


def _rate(cell: Cell) -> str:
    if cell.rate is not None:
        return _figures(cell.rate)
    return "" if cell.below is None else f"< {_figures(cell.below)}"


def _spread(cell: Cell) -> str:
    """From the slowest repeat to the fastest."""
    if cell.rate is None:
        return ""
    if cell.details["repeats"] == 1:
        return "once"
    return f"{_figures(cell.details['slowest'])} to {_figures(cell.details['fastest'])}"


def _figures(value: float) -> str:
    """Three significant figures, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{float(f'{value:.3g}'):g}"
