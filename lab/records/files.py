"""Files that are there whole or not at all."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from lab.errors import UsageError

TEMPORARY_SUFFIX = ".tmp"
_NO_SUCH_PATH = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What a network or user-space file system answers when it cannot sync a folder."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces `path` by `content` in one act that outlives a crash; makes the folder if need be.

    Texts are UTF-8; what cannot be is escaped, as the bytes of a file name that are none.
    UsageError when the system refuses (no permission, full disk), and for what is no file, such as
    /dev/null, which a superuser could replace; what was there is then intact.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    require_replaceable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        _forget(temporary)
        raise cannot_write(path, error) from error


def require_replaceable(path: Path) -> None:
    """UsageError where something stands at `path` that is no file."""
    try:
        there = path.stat()
    except OSError:  # Nothing is there, or whoever writes will be told why not.
        return
    if not stat.S_ISREG(there.st_mode):
        kind = "a folder" if stat.S_ISDIR(there.st_mode) else "a device, a pipe or a socket"
        raise UsageError(f"{path} is {kind}, which a file cannot take the place of: pass another")


def given_path(flag: str, text: str | Path) -> Path:
    """The path that a user gave, with ~ as the home folder it stands for.

    UsageError for one that no system of files takes: it is asked before anything is computed.
    """
    path = Path(text)
    try:
        path = path.expanduser()
        os.fsencode(path)
        str(path).encode()
        path.lstat()
    except RuntimeError:
        raise UsageError(
            f"{flag} is {str(text)!r}, and nobody of that name has a home folder here: write the "
            "path out"
        ) from None
    except UnicodeEncodeError:
        raise UsageError(
            f"{flag} is {str(text)!r}, which is not UTF-8: pass another, or rename it"
        ) from None
    except ValueError as error:
        raise UsageError(f"{flag} is {str(text)!r} ({error}): pass another path") from error
    except OSError as error:
        if error.errno in _NO_SUCH_PATH:
            raise UsageError(f"{flag} is {text}: {error.strerror}: pass another path") from error
    return path


def given_file(flag: str, text: str | Path) -> Path:
    """The file to be written that a user gave; UsageError where it cannot be, before it must."""
    file = given_path(flag, text)
    require_replaceable(file)
    if not os.access(file.parent, os.W_OK) or not file.parent.is_dir():
        raise UsageError(
            f"{flag} is {file}; it must be a file in a folder that is there and can be written: "
            f"pass another --{flag}"
        )
    return file


def sync_folder(folder: Path) -> None:
    """Makes the folder's list of names durable, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes what writers that were killed left behind; only for the one who holds the lock."""
    for leftover in folder.glob("*"):
        if is_leftover(leftover):
            _forget(leftover)


def is_leftover(path: Path) -> bool:
    """Whether `write_whole` named the file so while it was being written."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)


def cannot_write(path: Path, error: OSError) -> UsageError:
    """The user's line for a refused write: what, why, and what to do."""
    remedy = (
        "free some space and start again with the same --out"
        if error.errno in (errno.ENOSPC, errno.EDQUOT)
        else "pass an --out that can be written"
    )
    reason = os.strerror(error.errno) if error.errno else str(error)
    return UsageError(f"cannot write {path}: {reason}; all written before is kept: {remedy}")


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):  # Never there, or on the disk that has just failed.
        path.unlink()
