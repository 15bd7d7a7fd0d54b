"""Do the lab's intervals cover, its tests keep their level, its verdicts tell the truth?

    scripts/calibrate                        # the whole programme
    scripts/calibrate --fraction=0.1         # a tenth of the replicates, as in the tests
    scripts/calibrate --only=type,sequence   # checks whose names hold one of these
    scripts/calibrate --markdown=docs/calibration.md   # the page's tables, anew

Simulates every cell of the programme from known laws, and prints the figure obtained beside the
band that it must lie in: the band of the full number of replicates, wider for fewer by three
Monte-Carlo standard errors' growth. Each cell's figure is kept in the folder --out as soon as it is
there, so that an interrupted call goes on where it stood. Exit status 1 if any lies outside.
"""

import concurrent.futures
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import flags

from calibration.cell import Cell
from calibration.programme import PROGRAMME
from experiments._door import enter
from lab.documents import parsed_object
from lab.errors import UsageError
from lab.records.files import given_path, write_whole

_FRACTION = flags.DEFINE_float(
    "fraction", 1.0, "Share of each cell's replicates.", lower_bound=0.001, upper_bound=1.0
)
_ONLY = flags.DEFINE_list("only", [], "Parts of names; by default every cell.")
_OUT = flags.DEFINE_string("out", "calibration", "Folder of the figures.", allow_override=True)
_MARKDOWN = flags.DEFINE_string(
    "markdown", None, "Page whose tables of cells, after its marker line, are written anew."
)
_JOBS = flags.DEFINE_integer("jobs", os.cpu_count(), "Cells at once.", lower_bound=1)


MARKER = "<!-- From here on scripts/calibrate --markdown writes. -->"


def main(_: list[str]) -> int:
    """A line a cell as it ends, then the table."""
    chosen = [
        cell
        for cell in PROGRAMME
        if not _ONLY.value or any(part in cell.name for part in _ONLY.value)
    ]
    if not chosen:
        raise UsageError(f"no cell is named like {','.join(_ONLY.value)}: drop --only")
    folder = given_path("out", _OUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(_JOBS.value) as pool:
        ahead = {
            sample: pool.submit(_figures, indices, _FRACTION.value, folder)
            for sample, indices in _samples(chosen).items()
        }
        outside, found = 0, {}
        for cell in chosen:
            figure, seconds = ahead[cell.sample or cell.name].result()[cell.name]
            found[cell] = figure
            inside, line = told(cell, figure, _FRACTION.value)
            outside += not inside
            print(f"{line} {seconds:7.1f} s", flush=True)
    if _MARKDOWN.value is not None:
        page = Path(_MARKDOWN.value)
        write_whole(page, with_tables(page.read_text("utf-8"), found, _FRACTION.value))
    minutes = (time.monotonic() - started) / 60
    print(f"{len(chosen)} cells, {outside} outside their bands; {minutes:.1f} minutes")
    return 1 if outside else 0


def used(cell: Cell, fraction: float) -> int:
    """How many replicates."""
    return max(round(cell.replicates * fraction), 1)


def told(cell: Cell, figure: float, fraction: float) -> tuple[bool, str]:
    """Whether the figure lies in its band, and the cell's row of the table."""
    lower, upper = cell.band.at(cell.replicates, used(cell, fraction))
    inside = lower <= figure <= upper
    ends = [
        "    –" if end in (float("inf"), float("-inf")) else f"{end:.4f}" for end in (lower, upper)
    ]
    mark = "ok     " if inside else "OUTSIDE"
    return inside, (
        f"{mark} {figure:.4f} in [{ends[0]}, {ends[1]}]  R = {used(cell, fraction):6,}  {cell.name}"
    )


def with_tables(page: str, figures: Mapping[Cell, float], fraction: float) -> str:
    """The page with a table of figures and bands for each check, after its marker line."""
    parts = [page.partition(MARKER)[0] + MARKER]
    checks = dict.fromkeys(cell.check for cell in figures)
    for check in checks:
        parts.append(f"\n## {check[0].upper()}{check[1:]}\n")
        parts.append("| scenario | figure | from | to | R |\n|---|---:|---:|---:|---:|")
        for cell, figure in figures.items():
            if cell.check == check:
                count = used(cell, fraction)
                ends = [
                    "–" if np.isinf(end) else f"{end:.4f}"
                    for end in cell.band.at(cell.replicates, count)
                ]
                parts.append(
                    f"| {cell.scenario} | {figure:.4f} | {ends[0]} | {ends[1]} | {count:,} |"
                )
    return "\n".join(parts) + "\n"


def _samples(cells: Sequence[Cell]) -> dict[str, list[int]]:
    """The places in the programme of those that look at one sample."""
    found: dict[str, list[int]] = {}
    for cell in cells:
        found.setdefault(cell.sample or cell.name, []).append(PROGRAMME.index(cell))
    return found


def _figures(
    indices: Sequence[int], fraction: float, folder: Path
) -> dict[str, tuple[float, float]]:
    return {PROGRAMME[index].name: _figure(index, fraction, folder) for index in indices}


def _figure(index: int, fraction: float, folder: Path) -> tuple[float, float]:
    """The cell's figure and the seconds it took, from its file where there is one."""
    cell = PROGRAMME[index]
    replicates = used(cell, fraction)
    key = hashlib.sha256(f"{cell.name} {replicates}".encode()).hexdigest()[:16]
    file = folder / f"{key}.json"
    if file.exists():
        known = _known(file)
        return known["figure"], known["seconds"]
    started = time.monotonic()
    figure = cell.run(replicates)
    seconds = time.monotonic() - started
    record = {
        "cell": cell.name,
        "replicates": replicates,
        "figure": figure,
        "seconds": round(seconds, 1),
    }
    write_whole(file, json.dumps(record, indent=2) + "\n")
    return figure, seconds


def _known(file: Path) -> dict[str, float]:
    """UsageError for a file that is not one of this programme's."""
    try:
        found = parsed_object(file.read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in ("figure", "seconds")}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} holds no figure of a cell ({error}): remove it, and it is simulated again"
        ) from error


if __name__ == "__main__":
    enter(main, arguments=False)
