"""What environment.json says a session was started by can be given again."""

import sys
import types
from pathlib import Path

import pytest

from experiments import _flags

ROOT = Path(__file__).resolve().parents[2]
TRAIN = [
    file.stem
    for file in (ROOT / "experiments").glob("*.py")
    if "run_main(main)" in file.read_text()
]


@pytest.mark.parametrize("name", TRAIN)
def test_the_recorded_command_can_be_run(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    module = types.SimpleNamespace(__spec__=types.SimpleNamespace(name=f"experiments.{name}"))
    monkeypatch.setitem(sys.modules, "__main__", module)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--members=4", "--names=a b"])
    program, *rest = _flags.command().split()
    file = ROOT / program
    assert file.is_file()
    assert file.stat().st_mode & 0o100
    said = f"experiments.{name}" if name.startswith("_") else 'f"experiments.{name}"'
    assert said in file.read_text()
    wanted = [] if name.startswith("_") else [name]
    assert rest == [*wanted, "--members=4", "'--names=a", "b'"]
