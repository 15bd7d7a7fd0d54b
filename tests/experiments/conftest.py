"""The command line as a user meets it: streams, exit status, and the files it leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import QUICK, RACE, Ended, Launch, Race

ROOT = Path(__file__).resolve().parents[2]


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
    """`launch("width", "--flag=...")`: one process each, see launcher.py."""
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


@pytest.fixture(scope="session")
def race(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Race:
    """Run once for all tests, which leave its records as they are."""
    folder = tmp_path_factory.mktemp("race") / "run"
    return Race(RACE, 22, folder, launch("width", *RACE, f"--out={folder}"))


@pytest.fixture(scope="session")
def quick() -> dict[str, str]:
    return QUICK
