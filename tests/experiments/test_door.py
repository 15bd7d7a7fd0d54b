"""Streams, places and devices that a command cannot use: one line and status 2, or silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up import cohort, realistic, study, tables

from lab.records.lock import take_lock
from lab.records.store import RunFolder

ROOT = Path(__file__).resolve().parents[2]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LONG = "a" * 300


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("door") / "run"
    specs = [cohort(name, members=12, budget_steps=300) for name in ("small", "large")]
    costs = {
        one.name: {"parameters": 9 + i, "flops_per_step": 1.0 + i} for i, one in enumerate(specs)
    }
    with RunFolder.open(root, study(*specs)) as folder:
        folder.write_environment({"command": "none", "cohorts": costs})
        for spec, speed in zip(specs, (190, 120), strict=True):
            folder.append(spec.name, 0, *tables(spec, realistic(spec, speed, 0.8)))
    return root


def shell(line: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, in which $LAB is Python with the lab's modules."""
    lab = f"{sys.executable} -m"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.replace('$LAB', lab)}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **extra},
        capture_output=True,
        check=False,
    )


def luck(run: Path, rest: str, **extra: str) -> subprocess.CompletedProcess[bytes]:
    return shell(f"$LAB experiments._luck {run} --cohort=small {rest}", run.parent, **extra)


def refusal(done: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = done.stderr.decode(errors="replace").splitlines()
    assert done.returncode == 2, line
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    "line",
    [
        "$LAB experiments._luck --help | head -1",
        f"{sys.executable} {ROOT}/scripts/run --help | true",
    ],
)
def test_help_that_is_not_read_to_its_end(tmp_path: Path, line: str) -> None:
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_standard_output_on_a_full_disk(run: Path) -> None:
    assert "standard output cannot be written (No space left" in refusal(luck(run, ">/dev/full"))


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&-"])
def test_closed_streams_are_none_to_write_to(run: Path, closed: str) -> None:
    """A file opened while 1 is free would get that number, and what is printed."""
    file = run.parent / "luck.json"
    done = luck(run, f"--json={file} {closed}")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert file.read_text().startswith("{")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_of_few_letters(run: Path, encoding: str) -> None:
    done = luck(run, "", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding).startswith("small: steps to IoU 0.6")


def test_a_file_with_an_umlaut_where_names_are_ascii(run: Path) -> None:
    done = luck(run, "--json=größer.json", **ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (run.parent / "größer.json").is_file()


PLACES = {
    "nobody's home": ("--out=~nouser/x", "nobody of that name has a home folder"),
    "too long": (f"--out={LONG}", "File name too long"),
    "a device": ("--out=/dev/null", "which is a file"),
    "no UTF-8": ("--out=$'\\xff'", "not UTF-8"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_cannot_be_is_one_line(run: Path, place: str) -> None:
    flag, words = PLACES[place]
    done = shell(f"$LAB experiments._compare {run} {flag}", run.parent)
    assert words in refusal(done)


@pytest.mark.parametrize(
    ("command", "argument"),
    [("_compare", LONG), ("answer", "~nouser/x"), ("_luck", "/dev/null"), ("_luck", LONG)],
)
def test_a_run_that_cannot_be_is_one_line(tmp_path: Path, command: str, argument: str) -> None:
    refusal(shell(f"$LAB experiments.{command} '{argument}'", tmp_path))


def test_a_device_is_no_file_to_write(run: Path) -> None:
    assert "is a device" in refusal(luck(run, "--json=/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_two_comparisons_in_one_folder_take_turns_or_are_told(run: Path) -> None:
    folder = run.parent / "both"
    folder.mkdir()
    lock = take_lock(folder / ".lock")
    try:
        done = shell(f"$LAB experiments._compare {run} --out=both", run.parent)
    finally:
        os.close(lock)
    assert "being written by another process" in refusal(done)
    assert [one.name for one in folder.iterdir()] == [".lock"]


def test_costs_beyond_all_numbers(tmp_path: Path) -> None:
    rows = [f"{c},{r},{s},{s / 100}" for c in ("s", "l") for r in range(3) for s in (10, 50, 100)]
    (tmp_path / "c.csv").write_text("\n".join(["cohort,run,step,accuracy", *rows]))
    done = shell(
        "$LAB experiments._compare c.csv --metric=accuracy --target=0.4 --smaller=s --sustain=1 "
        "--flops_per_step=s:1e-300,l:1e300 --out=o",
        tmp_path,
    )
    assert "flops_per_step has 's:1e-300'" in refusal(done)


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_device_that_is_not_there(tmp_path: Path, platform: str) -> None:
    source = (
        "import sys; from experiments import _door; import jax.numpy as jnp; "
        "from absl import flags; _door.enter(lambda _: jnp.ones(3) and 0, arguments=False)"
    )
    done = shell(f"{sys.executable} -c '{source}'", tmp_path, JAX_PLATFORMS=platform)
    if platform == "cuda" and done.returncode != 2:
        pytest.skip("there is such a device")
    assert f"JAX_PLATFORMS is '{platform}'" in refusal(done)
