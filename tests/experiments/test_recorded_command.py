"""What environment.json says a session was started by can be given again."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRAIN = [
    file.stem
    for file in (ROOT / "experiments").glob("*.py")
    if "run_main(main)" in file.read_text()
]
# In a process of its own: two programs' flags cannot be defined in one.
COMMANDS = """
import json, sys, types
from experiments import _flags
found = {}
for name in sys.argv[1:]:
    spec = types.SimpleNamespace(name=f"experiments.{name}")
    sys.modules["__main__"] = types.SimpleNamespace(__spec__=spec)
    sys.argv = [f"{name}.py", "--members=4", "--names=a b"]
    found[name] = _flags.command()
print(json.dumps(found))
"""


def test_the_recorded_command_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *TRAIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert set(found) == set(TRAIN)
    for name, command in found.items():
        program, *rest = command.split()
        file = ROOT / program
        assert file.is_file()
        assert file.stat().st_mode & 0o100
        said = f"experiments.{name}" if name.startswith("_") else 'f"experiments.{name}"'
        assert said in file.read_text()
        wanted = [] if name.startswith("_") else [name]
        assert rest == [*wanted, "--members=4", "'--names=a", "b'"]
