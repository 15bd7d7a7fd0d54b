"""Where everything lies in a run folder."""

import dataclasses
from pathlib import Path

from lab.errors import UsageError


@dataclasses.dataclass(frozen=True, slots=True)
class RunPaths:
    """The layout of the run folder `root`; nothing is read or made."""

    root: Path

    @property
    def study(self) -> Path:
        """The study, complete and runnable again."""
        return self.root / "study.json"

    @property
    def environment(self) -> Path:
        """Versions, devices, flags, lane widths, and what a step of each cohort costs."""
        return self.root / "environment.json"

    @property
    def verdict(self) -> Path:
        """The answer as a document."""
        return self.root / "verdict.json"

    @property
    def report(self) -> Path:
        """The answer as a page."""
        return self.root / "report.html"

    @property
    def figures(self) -> Path:
        """Folder of the report's pictures."""
        return self.root / "figures"

    @property
    def tables(self) -> Path:
        """Folder of the report's tables."""
        return self.root / "tables"

    @property
    def tuning(self) -> Path:
        """Folder of the searches that chose the study's hyperparameters."""
        return self.root / "tuning"

    def tuning_round(self, number: int) -> Path:
        """Run folder of one round of them, from 1 on."""
        return self.tuning / f"round-{number}"

    @property
    def lock(self) -> Path:
        """Held by the one process that writes."""
        return self.root / ".lock"

    def cohort(self, name: str) -> Path:
        """Folder of one cohort's part files; UsageError for a name that leads elsewhere."""
        if name in ("", ".", "..") or set(name) & set("/\\\0"):
            raise UsageError(
                f"cohort name {name!r} cannot name a folder; use letters, digits, - and _"
            )
        return self.root / "cohorts" / name

    def checkpoints(self, name: str) -> Path:
        """Folder of one cohort's checkpoints."""
        return self.cohort(name) / "checkpoints"

    def initial(self, name: str) -> Path:
        """The trained weights that one cohort starts from, where it does."""
        return self.cohort(name) / "initial.npz"
