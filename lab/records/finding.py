"""Run folders below a folder: those that are whole, and why the others are left out."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.errors import UsageError
from lab.records.paths import RunPaths


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A run folder, and how it is called: its path below what was asked for."""

    name: str
    paths: RunPaths


def run_folders(roots: Sequence[Path]) -> list[Place]:
    """Every folder below that holds a study, or is one itself, once, sorted by name.

    Names are paths below the root, of several roots below what they have in common; a root that is
    a run is called by its own name. UsageError for a root that is no folder.
    """
    found: dict[Path, RunPaths] = {}
    for root in roots:
        if not root.is_dir():
            raise UsageError(f"{root} is no folder: pass one that holds run folders")
        for folder in _below(root):
            found.setdefault(folder.resolve(), RunPaths(folder))
    base = Path(os.path.commonpath([root.resolve() for root in roots]))
    base = base.parent if base in found else base
    places = [Place(folder.relative_to(base).as_posix(), paths) for folder, paths in found.items()]
    return sorted(places, key=lambda one: one.name)


def _below(root: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        if "study.json" in files:
            inner.clear()  # What a run holds are its cohorts, no other runs.
            yield Path(folder)


def read_verdict(paths: RunPaths) -> str:
    """The verdict's text; UsageError where there is none yet, or it cannot be read."""
    try:
        return paths.verdict.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError("not finished: it holds no verdict.json yet.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"its verdict.json cannot be read: {error}.") from error
