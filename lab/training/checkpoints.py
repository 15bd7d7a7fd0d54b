"""Lanes on disk, so that an interrupted study goes on where it stood."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from lab.errors import UsageError
from lab.training.lanes import LaneProgram, Lanes


class Checkpoints:
    """A cohort's checkpoints, numbered by how many dispatches are recorded when they are taken.

    Orbax writes under a temporary name and renames, so that a killed save leaves the one before.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder."""
        self.folder = folder
        self._manager = ocp.CheckpointManager(
            folder.absolute(),
            options=ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True),
        )

    def save(self, dispatches: int, lanes: Lanes) -> None:
        """Copies the lanes off the device and returns; writing goes on in the background."""
        with self._explained("write"):
            self._manager.save(dispatches, args=ocp.args.StandardSave(lanes))

    def restore(self, program: LaneProgram) -> tuple[int, Lanes] | None:
        """The latest checkpoint as (dispatches, lanes), or None."""
        dispatches = self._manager.latest_step()
        if dispatches is None:
            return None
        target = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=program.sharding),
            jax.eval_shape(program.empty),
        )
        with self._explained("read"):
            lanes = self._manager.restore(dispatches, args=ocp.args.StandardRestore(target))
        return dispatches, lanes

    def close(self) -> None:
        """Waits for what is being written."""
        with self._explained("write"):
            self._manager.close()

    @contextlib.contextmanager
    def _explained(self, deed: str) -> Iterator[None]:
        """Orbax raises what its storage raised, of whatever kind, at this call or a later one."""
        try:
            yield
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"cannot {deed} the checkpoints in {self.folder} ({reason}); all records are kept: "
                "make room, or delete that folder, and give the same command again"
            ) from error
