import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import environment
from environment import Interpreter, Refusal, SetupFailure, Stamp

ROOT = Path(__file__).resolve().parent.parent
DIGESTS = {"3.11": "a", "3.12": "b"}
PY310 = Interpreter("3.10.13", "/ten")
PY311 = Interpreter("3.11.7", "/eleven")
PY312 = Interpreter("3.12.1", "/twelve")


@pytest.mark.parametrize("version", ["3.11", "3.11.0rc1+", "3.11.7"])
def test_series_is_the_part_that_chooses_the_lock(version):
    assert environment.series(version) == "3.11"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([PY311, PY312], PY311),
        ([PY310, None, PY312], PY312),
        ([None, PY311], PY311),
    ],
)
def test_first_supported_python_is_chosen(found, expected):
    assert environment.chosen([(f"python-{i}", it) for i, it in enumerate(found)]) == expected


def test_no_supported_python_is_refused_in_one_line_with_what_was_found():
    with pytest.raises(Refusal) as refusal:
        environment.chosen([("python3", PY310), ("python3.12", None)])
    line = str(refusal.value)
    assert "\n" not in line
    assert "python3 is 3.10.13" in line
    assert "python3.12 is missing or does not run" in line
    assert "PYTHON=" in line


@pytest.mark.parametrize(
    ("stamp", "wanted", "current"),
    [
        (None, None, False),
        (Stamp("3.11.7", "a"), None, True),
        (Stamp("3.11.7", "a"), "3.11", True),
        (Stamp("3.11.7", "a"), "3.12", False),
        (Stamp("3.12.1", "b"), None, True),
        (Stamp("3.12.1", "a"), None, False),
        (Stamp("3.13.0", "a"), None, False),
    ],
)
def test_environment_is_kept_while_its_stamp_agrees_with_the_lock(stamp, wanted, current):
    assert environment.is_current(stamp, wanted, DIGESTS) is current


@pytest.mark.parametrize("text", ["", "{", "[]", '{"python": "3.11.7"}', '{"other": 1}'])
def test_unreadable_stamp_counts_as_an_interrupted_set_up(tmp_path, monkeypatch, text):
    monkeypatch.setattr(environment, "VENV", tmp_path)
    (tmp_path / "stamp.json").write_text(text)
    assert environment.read_stamp() is None


def test_stamp_survives_the_disk_but_not_the_loss_of_its_python(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "VENV", tmp_path)
    stamp = Stamp("3.11.7", "a")
    environment.write_stamp(stamp)
    assert environment.read_stamp() is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert environment.read_stamp() == stamp


def test_lock_entry_takes_a_package_with_its_hashes_and_nothing_else():
    entry = "setup==2 \\\n    --hash=y \\\n    --hash=z\n"
    lock = f"a==1 \\\n    --hash=x\n    # via b\n{entry}    # via a\nsetuptools==3\n"
    assert environment.lock_entry(lock, "setup") == entry
    with pytest.raises(SetupFailure, match="scripts/lock"):
        environment.lock_entry(lock, "absent")


@pytest.mark.parametrize("series", environment.SUPPORTED)
def test_every_supported_python_has_a_lock_of_pins_and_hashes(series):
    text = environment.lock_file(series).read_text()
    pins = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert {"jax", "setuptools", "importlib-resources"} <= {pin.split("==")[0] for pin in pins}
    assert "://" not in text


def test_probe_sees_through_a_shim_that_does_not_run(tmp_path):
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert environment.probe(str(shim)) is None
    assert environment.probe(str(tmp_path / "absent")) is None


SHOW = """
import json, os, sys, time
print(json.dumps([sys.argv[1:], os.getcwd()]), flush=True)
if "--sleep" in sys.argv:
    time.sleep(60)
sys.exit(7)
"""


@pytest.fixture
def clone(tmp_path):
    """The doors with two experiments of their own, under a path with a space, on this .venv."""
    if not (ROOT / ".venv" / "stamp.json").exists():
        pytest.skip("needs the .venv that scripts/test makes")
    clone = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", clone / "scripts")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    experiments = clone / "experiments"
    experiments.mkdir()
    for name in ("__init__", "_helper", "unet_size", "width"):
        (experiments / f"{name}.py").write_text("" if name.startswith("_") else SHOW)
    return clone


def call(clone, *arguments, cwd=None, **variables):
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        [clone / "scripts" / "run", *arguments],
        cwd=cwd,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], []),
        (["--members=3"], ["--members=3"]),
        (["width", "--out=a b", "x"], ["--out=a b", "x"]),
        (["width", "--help"], ["--help"]),
    ],
)
def test_run_hands_flags_folder_and_exit_status_through(clone, tmp_path, arguments, flags):
    done = call(clone, *arguments, cwd=tmp_path)
    assert json.loads(done.stdout) == [flags, str(tmp_path)]
    assert done.returncode == 7
    assert done.stderr == ""


def test_run_ignores_modules_lying_in_the_users_folder(clone, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    assert call(clone, cwd=tmp_path).returncode == 7


def test_run_becomes_the_experiment_so_that_signals_reach_it(clone):
    command = [clone / "scripts" / "run", "unet_size", "--sleep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == -signal.SIGTERM


def assert_refused(done, *parts):
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts), done.stderr


def test_unknown_experiment_is_refused_with_the_known_ones(clone):
    assert_refused(
        call(clone, "widt"),
        "no experiment is called 'widt'",
        "unet_size, width",
        "did you mean width?",
    )
    assert "_helper" not in call(clone, "nonsense").stderr


def test_python_that_does_not_run_is_refused_although_an_environment_is_there(clone):
    assert_refused(call(clone, PYTHON="/no/such/python"), "PYTHON=/no/such/python is missing")


def test_help_names_the_experiments(clone):
    done = call(clone, "--help")
    assert done.returncode == 0
    assert "unet_size, width" in done.stdout
