"""Files that are there whole or not at all."""

import contextlib
import errno
import os
from pathlib import Path

from lab.errors import UsageError

TEMPORARY_SUFFIX = ".tmp"
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What a network or user-space file system answers when it cannot sync a folder."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces `path` by `content` in one act that outlives a crash; makes the folder if need be.

    UsageError when the system refuses (no permission, full disk); what was there is then intact.
    """
    data = content.encode() if isinstance(content, str) else content
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
    for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        _forget(leftover)


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
