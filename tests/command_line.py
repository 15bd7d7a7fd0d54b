"""What the tests of the command line speak of."""

import dataclasses
from pathlib import Path
from typing import Protocol

import numpy as np

from lab.records.reader import read_records

RACE = (
    "--tune=none",
    "--budget_clock=steps",
    "--widths=4,16",
    "--members=22",
    "--lanes=4",
    "--budget_steps=80",
    "--eval_every=10",
    "--learning_rate=0.02",
    "--target=0.3,0.6",
)
# XLA compiles twice as fast without its optimisations: for tests of the way through, not of speed.
QUICK = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended; `status` is negative when a signal ended it."""

    status: int
    stdout: str
    stderr: str

    @property
    def refusal(self) -> str:
        """The one line that a user's mistake is answered with; fails where it is anything else."""
        assert self.status == 2, (self.status, self.stderr, self.stdout)
        assert "Traceback" not in self.stderr + self.stdout
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")


class Launch(Protocol):
    """Runs an experiment in a process of its own; see experiments/launcher.py for `kill`."""

    def __call__(
        self,
        experiment: str,
        *arguments: str,
        kill: tuple[str, int] | None = None,
        extra: dict[str, str] | None = None,
    ) -> Ended: ...


@dataclasses.dataclass(frozen=True)
class Race:
    """A finished run of two widths, and the command that gave it."""

    flags: tuple[str, ...]
    members: int
    folder: Path
    ended: Ended


def require_same_records(one: Path, other: Path) -> None:
    """To the last bit, in members and in curves, and the same verdict."""
    left, right = read_records(one), read_records(other)
    assert left.keys() == right.keys()
    for name, mine in left.items():
        theirs = right[name]
        assert mine.outcome == theirs.outcome
        for field in ("member", "hit", "reached", "ended"):
            np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))
        np.testing.assert_array_equal(mine.curves.member, theirs.curves.member)
        np.testing.assert_array_equal(mine.curves.evaluation, theirs.curves.evaluation)
        for metric, values in mine.curves.metrics.items():
            np.testing.assert_array_equal(values, theirs.curves.metrics[metric])
    assert (one / "verdict.json").read_text() == (other / "verdict.json").read_text()
