"""One writer a folder, also across processes."""

import errno
import fcntl
import os
from pathlib import Path

from lab.errors import UsageError
from lab.records.files import cannot_write

_HELD = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL})
"""What a mounted cloud drive answers: it has no locks, and one user."""


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
