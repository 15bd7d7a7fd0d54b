"""Lanes on disk, so that an interrupted study goes on where it stood."""

import contextlib
import errno
import functools
import logging
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from lab.errors import UsageError
from lab.training.lanes import LaneProgram, Lanes

Warn = Callable[[str], None]


class Checkpoints:
    """A cohort's checkpoints, numbered by how many dispatches are recorded when they are taken.

    Orbax writes under a temporary name and renames, so that a killed save leaves the one before.
    What a disk does to a checkpoint later is found by the sums kept beside the lanes; Orbax itself
    reads changed numbers without a word.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder."""
        quiet_orbax()
        self.folder = folder
        self._saved: int | None = None
        with self._explained("read"):
            self._manager = ocp.CheckpointManager(
                folder.absolute(),
                options=ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True),
                item_names=("lanes", "sums"),
            )

    def save(self, dispatches: int, lanes: Lanes) -> None:
        """Copies the lanes off the device and returns; writing goes on in the background."""
        if dispatches == self._saved:
            return
        with self._explained("write"):
            self._manager.save(
                dispatches,
                args=ocp.args.Composite(
                    lanes=ocp.args.StandardSave(lanes), sums=ocp.args.JsonSave(_sums(lanes))
                ),
            )
        self._saved = dispatches

    def restore(self, program: LaneProgram, warn: Warn) -> tuple[int, Lanes] | None:
        """The latest sound checkpoint as (dispatches, lanes), or None.

        One that cannot be read, or holds other numbers than were saved, is named to `warn` and
        set aside. UsageError where the machine, not the checkpoint, is at fault. Without any the
        cohort starts over: records only ever say the same again.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for index, dispatches in enumerate(steps):
            try:
                lanes = self._read(dispatches, program)
            except jax.errors.JaxRuntimeError:
                raise  # The device's memory, say: nothing is wrong with the disk.
            except Exception as error:  # Orbax raises what its storage raised, of whatever kind.
                if _is_machines(error):
                    raise UsageError(
                        f"cannot read checkpoint {self.folder / str(dispatches)} "
                        f"({_reason(error)}); it is kept: mend that, and give the same command "
                        "again"
                    ) from error
                aside = self._set_aside(dispatches)
                then = (
                    f"going on from the one before it, {steps[index + 1]}"
                    if index + 1 < len(steps)
                    else "no other is left, so its members are trained from the start again, to "
                    "the same records"
                )
                warn(
                    f"checkpoint {self.folder / str(dispatches)} is damaged ({_reason(error)}) "
                    f"and now {aside.name}: {then}"
                )
            else:
                self._saved = dispatches
                return dispatches, lanes
        return None

    def close(self) -> None:
        """Waits for what is being written."""
        with self._explained("write"):
            self._manager.close()

    def _read(self, dispatches: int, program: LaneProgram) -> Lanes:
        target = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=program.sharding),
            jax.eval_shape(program.empty),
        )
        found = self._manager.restore(
            dispatches,
            args=ocp.args.Composite(
                lanes=ocp.args.StandardRestore(target), sums=ocp.args.JsonRestore()
            ),
        )
        changed = [name for name, one in _sums(found.lanes).items() if found.sums.get(name) != one]
        if changed:
            raise ValueError(f"{changed[0]} does not hold what was saved")
        return found.lanes

    def _set_aside(self, dispatches: int) -> Path:
        """Under a name that Orbax does not list: it may be sound, and the code have changed."""
        there = self.folder / str(dispatches)
        names = (f"damaged-{dispatches}{more}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
        aside = next(self.folder / name for name in names if not (self.folder / name).exists())
        try:
            there.rename(aside)
        except OSError as error:
            raise UsageError(
                f"cannot set the damaged checkpoint {there} aside ({_reason(error)}): move it "
                "away, and give the same command again"
            ) from error
        self._manager.reload()
        return aside

    @contextlib.contextmanager
    def _explained(self, deed: str) -> Iterator[None]:
        """Orbax raises what its storage raised, of whatever kind, at this call or a later one."""
        try:
            yield
        except Exception as error:
            raise UsageError(
                f"cannot {deed} the checkpoints in {self.folder} ({_reason(error)}); all records "
                "are kept: make room, or delete that folder, and give the same command again"
            ) from error


def _sums(lanes: Lanes) -> dict[str, int]:
    """A CRC-32 of each leaf's bytes, by its path."""
    paths, _ = jax.tree_util.tree_flatten_with_path(lanes)
    return {
        jax.tree_util.keystr(path): zlib.crc32(np.ascontiguousarray(jax.device_get(leaf)).tobytes())
        for path, leaf in paths
    }


MACHINES = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EACCES, errno.ESTALE)
"""Errors that Orbax's storage tells by their words alone."""


def _is_machines(error: BaseException) -> bool:
    """Memory, open files, rights or the disk itself: they say nothing about a checkpoint."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError)
    told = any(os.strerror(number) in str(error) for number in MACHINES)
    return told or (error.__cause__ is not None and _is_machines(error.__cause__))


def _reason(error: Exception) -> str:
    full = os.strerror(errno.ENOSPC)
    if full in str(error):
        return full
    return str(error).strip().partition("\n")[0] or type(error).__name__


@functools.cache
def quiet_orbax() -> None:
    """Keeps Orbax's errors off the screen, tracebacks of its threads: all are raised too."""
    logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname)
    hook = sys.unraisablehook

    def shown(unraisable: Any) -> None:
        """After a failed save its storage calls an event loop that is closed, a hundred times."""
        if "Event loop is closed" not in str(unraisable.exc_value):
            hook(unraisable)

    sys.unraisablehook = shown
