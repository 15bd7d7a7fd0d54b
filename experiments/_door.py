"""The door of every command: flags in, and whatever a user can mend out as one line, status 2.

It imports no JAX. Standard output may be a pipe that nobody reads any more, a full disk, closed, or
in an encoding of few letters; none of that is a traceback.
"""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO, TypeVar

from absl import app, flags, logging

from lab.errors import UsageError
from lab.printable import show_controls
from lab.records.parts import RecordConflict

T = TypeVar("T")
End = Callable[[int], NoReturn]


def enter(
    main: Callable[[list[str]], int | None],
    *,
    arguments: bool,
    on_conflict: str = "",
    end: End = sys.exit,
) -> None:
    """Runs a command's `main`, with the arguments that are no flags where it takes `arguments`.

    A user's mistake, and what the system refuses, end in one line on stderr and status 2, a
    conflict of records (with `on_conflict` after it) in status 1, both by `end`.
    """
    _use_utf8()
    _open_streams()
    show_controls()
    logging.set_verbosity(logging.WARNING)

    def guarded(action: Callable[[], T]) -> T:
        return _guarded(action, on_conflict, end)

    app.run(
        lambda rest: guarded(lambda: main(rest[1:])),
        flags_parser=lambda given: guarded(lambda: _parse(given, arguments)),
    )


def say(text: str, end: str = "\n") -> None:
    """Prints what can be done without: once it cannot be printed, a study goes on in silence."""
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        _silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            _tell(
                f"warning: standard output cannot be written ({error.strerror}); the run goes on, "
                "and its folder will hold the result"
            )


def warn(line: str) -> None:
    """Says on stderr what should be known; a study goes on where that cannot be written."""
    _tell(f"warning: {line}")


def _use_utf8() -> None:
    """Starts the command again where file names are ASCII: nothing could name others then.

    So it is in the C locale, if Python was kept from helping itself.
    """
    ascii_only = codecs.lookup(sys.getfilesystemencoding()).name == "ascii"
    if ascii_only and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Puts /dev/null where a stream is closed, lest a file get its number.

    Letters that the encoding of a stream lacks are escaped.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and name != "stdin":
            stream.reconfigure(errors="backslashreplace")


def _parse(given: Sequence[str], arguments: bool) -> list[str]:
    if any(argument in ("--help", "-help", "-h") for argument in given[1:]):
        print(sys.modules["__main__"].__doc__)
        print(flags.FLAGS.main_module_help(), flush=True)
        sys.exit(0)
    try:
        rest = flags.FLAGS(given)
    except flags.Error as error:
        raise UsageError(f"{' '.join(str(error).split())}; --help lists the flags") from error
    if rest[1:] and not arguments:
        raise UsageError(f"argument {rest[1]!r} is no flag; flags begin with --, see --help")
    return rest


def _guarded(action: Callable[[], T], on_conflict: str, end: End) -> T:
    try:
        result = action()
        sys.stdout.flush()
        return result
    except SystemExit:
        _flush_or_silence()  # A command's own status counts for more than who reads it.
        raise
    except BrokenPipeError:
        # Nobody reads any more, as behind `| head`: what is written to files is there already.
        _silence(sys.stdout)
        end(0)
    except KeyboardInterrupt:
        _fail("interrupted", 130, end)
    except RecordConflict as error:
        _fail(f"{error}{on_conflict}", 1, end)
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        _fail(told, 2, end)


def _told(error: Exception) -> str | None:
    """One line on what a user can mend; None for what only a programmer can."""
    match error:
        case UsageError():
            return str(error)
        case MemoryError():
            reason = f" ({error})" if str(error) else ""
            return (
                f"this machine has too little memory{reason}: ask for less, as by smaller images, "
                "fewer members or smaller networks"
            )
        case OSError(filename=None):
            if error.strerror is None:
                return None
            return f"standard output cannot be written ({error.strerror}): send it elsewhere"
        case OSError():
            where = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "a file"
            return f"{where}: {error.strerror}: pass another path, or mend that one"
    return _without_device()


def _without_device() -> str | None:
    """Where the command uses JAX, and JAX has no device, whatever that came out as."""
    jax = sys.modules.get("jax")
    if jax is None:
        return None
    try:
        jax.devices()
    except Exception as error:
        platforms = os.environ.get("JAX_PLATFORMS", "")
        reason = " ".join(str(error).split()) or "nothing more is said"
        return (
            f"JAX finds no device (JAX_PLATFORMS is {platforms!r}; {reason}): unset JAX_PLATFORMS, "
            "set it to cpu, or install the JAX of that device"
        )
    return None


def _fail(message: str, status: int, end: End) -> NoReturn:
    _tell(f"error: {' '.join(message.splitlines())}")
    _flush_or_silence()
    end(status)


def _flush_or_silence() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _silence(sys.stdout)


def _tell(line: str) -> None:
    """On stderr, which may be a full disk too."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _silence(stream: TextIO) -> None:
    """Sends what is still to come, and what is in its buffer, nowhere."""
    with contextlib.suppress(OSError):  # What stands in for a stream may have no descriptor.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
