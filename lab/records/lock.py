"""One writer a folder, also across processes."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from lab.errors import UsageError
from lab.records.files import cannot_write

_HELD = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL, errno.EBADF})
"""What a mounted cloud drive answers: it has no locks, and one user."""


@contextlib.contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Waits its turn to write into `folder`, which is made if need be: for what takes moments.

    The folder itself is locked, so that nothing but results is left in it; where folders cannot be
    locked, as on some mounted drives, nothing is. UsageError when it cannot be made or opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise cannot_write(folder, error) from error
        yield
    finally:
        os.close(descriptor)


def take_lock(path: Path) -> int:
    """Locks the file at `path` (made if need be) and returns its descriptor; closing it unlocks.

    The system drops the lock when the process dies, however it dies. UsageError when another
    process holds it, or when the file cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return descriptor
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        if error.errno in _HELD:
            raise UsageError(
                f"{path.parent} is being written by another process ({holder}): wait until it "
                "ends, or pass another --out"
            ) from error
        raise cannot_write(path, error) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
