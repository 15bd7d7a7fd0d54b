"""Makes .venv from the lock file, and only when it is missing or the lock changed.

Nothing but the standard library, and no syntax newer than Python 3.7: the python3 that starts this
file may be one that the lab does not support, and must then live long enough to say so.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = ROOT / "scripts" / "locks"
SUPPORTED = ("3.11", "3.12")
PROBE = (
    "import json, platform, sys;"
    "base = getattr(sys, '_base_executable', sys.executable);"
    "print(json.dumps([platform.python_version(), base]))"
)
# The lab's folder as .venv/lib/pythonX.Y/site-packages sees it: relative, so a clone can be moved.
PATH_FILE_TEXT = "../../../..\n"


class Refusal(Exception):
    """A mistake of the user's, in one line: what was got, the rule, the remedy. Exit status 2."""


class SetupFailure(Exception):
    """A set-up that could not be finished through no mistake in the command. Exit status 1."""


class Interpreter(NamedTuple):
    """A Python that was executed: its full version, and the file behind any shim or .venv."""

    version: str
    path: str

    @property
    def series(self) -> str:
        return series(self.version)


class Stamp(NamedTuple):
    """What .venv was made from. Written last: a .venv without one is an interrupted set-up."""

    python: str
    lock_sha256: str


def series(version: str) -> str:
    """The part of a version that decides which lock applies: "3.11" of "3.11.7" or "3.11.0rc1+"."""
    return ".".join(version.split(".")[:2])


def chosen(candidates: List[Tuple[str, Optional[Interpreter]]]) -> Interpreter:
    """The first candidate that is supported; one that could not be executed is None."""
    for _, interpreter in candidates:
        if interpreter is not None and interpreter.series in SUPPORTED:
            return interpreter
    found = ", ".join(
        f"{name} is {python.version if python else 'missing or does not run'}"
        for name, python in candidates
    )
    raise Refusal(
        f"{found}; the lab needs Python {' or '.join(SUPPORTED)}: "
        "install one, or name one, as in PYTHON=/path/to/python3.12 scripts/run"
    )


def candidate_names() -> List[str]:
    return ["python3", *(f"python{version}" for version in reversed(SUPPORTED))]


def is_current(
    stamp: Optional[Stamp], wanted: Optional[str], lock_sha256_by_series: Dict[str, str]
) -> bool:
    """Whether .venv serves; `wanted` is the series asked for by name, None if any will do."""
    if stamp is None:
        return False
    made_for = series(stamp.python)
    return wanted in (None, made_for) and lock_sha256_by_series.get(made_for) == stamp.lock_sha256


def lock_entry(lock: str, package: str) -> str:
    """One package's lines of a lock file, hashes included."""
    lines = iter(lock.splitlines())
    for line in lines:
        if line.startswith(f"{package}=="):
            entry = [line]
            while entry[-1].endswith("\\"):
                entry.append(next(lines))
            return "\n".join(entry) + "\n"
    raise SetupFailure(f"the lock file has no entry for {package}; renew it with scripts/lock")


def probe(name: str) -> Optional[Interpreter]:
    """Runs it, since a name on the PATH may be a shim with nothing behind it."""
    try:
        answer = subprocess.run(
            [name, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        return Interpreter(*json.loads(answer.stdout)) if answer.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def lock_file(version_series: str) -> Path:
    return LOCKS / f"python{version_series}.txt"


def stamp_file() -> Path:
    return VENV / "stamp.json"


def read_stamp() -> Optional[Stamp]:
    """None also where the Python behind .venv is gone, as after an upgrade of the system's."""
    try:
        stamp = Stamp(**json.loads(stamp_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return stamp if venv_python().exists() else None


def write_stamp(stamp: Stamp) -> None:
    unfinished = VENV / "stamp.json.tmp"
    unfinished.write_text(json.dumps(stamp._asdict()) + "\n")
    os.replace(unfinished, stamp_file())


def lock_digests() -> Dict[str, str]:
    return {
        supported: hashlib.sha256(lock_file(supported).read_bytes()).hexdigest()
        for supported in SUPPORTED
    }


def venv_python() -> Path:
    return VENV / "bin" / "python"


def say(line: str) -> None:
    with contextlib.suppress(OSError):  # A full disk takes no word of itself.
        print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[int]:
    """Two commands started together take turns. The lock dies with those who hold it, never stale.

    Gives its descriptor: a pip that outlives a killed set-up must go on holding it.
    """
    try:
        handle = (ROOT / ".venv.lock").open("w")
    except OSError as error:
        raise Refusal(f"{ROOT}: {error.strerror}; .venv is made there: make it writable") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("set-up: another one is running; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def quietly(step: str, command: List[str], lock_descriptor: int) -> None:
    """Runs a step whose output matters only when it fails."""
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=quiet,
        cwd=str(ROOT),
        pass_fds=(lock_descriptor,),
    )
    if done.returncode != 0:
        say(done.stdout.decode(errors="replace").rstrip())
        raise SetupFailure(
            f"set-up: {step} failed, see above; the next call starts the set-up again"
        )


def build(interpreter: Interpreter, lock_descriptor: int) -> None:
    """Makes .venv anew: a half-made or outdated one may hold what the lock does not know."""
    lock = lock_file(interpreter.series)
    say(
        f"set-up: making .venv with Python {interpreter.version} "
        f"from {lock.relative_to(ROOT)} (once; 1.4 GB, a minute or more)"
    )
    started = time.monotonic()
    with contextlib.suppress(FileNotFoundError):
        stamp_file().unlink()
    shutil.rmtree(str(VENV), ignore_errors=True)

    quietly("python -m venv", [interpreter.path, "-m", "venv", str(VENV)], lock_descriptor)
    pip = [str(venv_python()), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]

    def install(*arguments: str) -> None:
        quietly(f"pip install {' '.join(arguments)}", [*pip, *arguments], lock_descriptor)

    # Without build isolation a source package is built with what is installed, so that comes first.
    build_tools = VENV / "build-tools.txt"
    build_tools.write_text(lock_entry(lock.read_text(), "setuptools"))
    install("-r", str(build_tools.relative_to(ROOT)))
    install("--no-build-isolation", "-r", str(lock.relative_to(ROOT)))
    packages = VENV / "lib" / f"python{interpreter.series}" / "site-packages"
    (packages / "convergence_lab.pth").write_text(PATH_FILE_TEXT)
    write_stamp(Stamp(interpreter.version, lock_digests()[interpreter.series]))
    say(f"set-up: done in {time.monotonic() - started:.0f} s")


def prepare(override: Optional[str]) -> Path:
    """The Python of a .venv that agrees with the lock; one already there costs nothing.

    Without an override any supported series will do, so that a .venv made with another is kept.
    """
    wanted = chosen([(f"PYTHON={override}", probe(override))]) if override else None

    def current() -> bool:
        return is_current(read_stamp(), wanted.series if wanted else None, lock_digests())

    if not current():
        interpreter = wanted or chosen([(name, probe(name)) for name in candidate_names()])
        with one_at_a_time() as lock_descriptor:
            if not current():
                build(interpreter, lock_descriptor)
    return venv_python()


def hand_over(arguments: List[str]) -> NoReturn:
    """Becomes the Python of .venv, so that signals and the exit status are the program's own.

    -P keeps the folder that the user stands in off the import path: a numpy.py there is not ours.
    """
    python = str(prepare(os.environ.get("PYTHON")))
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.environ["PYTHONUTF8"] = "1"  # Else nothing could name a file with other letters.
    sys.stdout.flush()
    os.execv(python, [python, "-P", *arguments])


def open_streams() -> None:
    """Puts /dev/null where a stream is closed, lest a file that is opened get its number."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def door(main: Callable[[], int]) -> NoReturn:
    """Ends a script: what the user can mend becomes one line and a status, never a traceback."""
    open_streams()
    status = 0
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # Nobody reads any more, as behind `| head`.
        silence()
    except Refusal as refusal:
        say(str(refusal))
        status = 2
    except SetupFailure as failure:
        say(str(failure))
        status = 1
    except OSError as error:
        silence()
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}: free some space, or mend that place")
        status = 2
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    sys.exit(status)


def silence() -> None:
    """Sends what is still to come, and what is in the buffer, nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> int:
    prepare(os.environ.get("PYTHON"))
    return 0


if __name__ == "__main__":
    door(main)
