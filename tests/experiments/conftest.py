"""The command line as a user meets it: streams, exit status, and the files it leaves."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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


Launch = Callable[..., Ended]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An empty TFDS folder, and one place for compiled programs, so that each compiles once."""
    folder = tmp_path_factory.mktemp("home")
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TFDS_DATA_DIR": str(folder / "tfds"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


@pytest.fixture(scope="session")
def launch(environment: dict[str, str]) -> Iterator[Launch]:
    """`launch("width_race", "--flag=...")`: one process each, see launcher.py."""
    servers: dict[str, subprocess.Popen[str]] = {}

    def server(experiment: str) -> subprocess.Popen[str]:
        if experiment not in servers:
            servers[experiment] = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("launcher.py")), experiment],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                cwd=ROOT,
                text=True,
            )
        return servers[experiment]

    def once(
        experiment: str,
        *arguments: str,
        kill: tuple[str, int] | None = None,
        extra: dict[str, str] | None = None,
    ) -> Ended:
        process = server(f"experiments.{experiment}")
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"arguments": arguments, "kill": kill, "environment": extra or {}}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return Ended(**json.loads(process.stdout.readline()))

    yield once
    for process in servers.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
