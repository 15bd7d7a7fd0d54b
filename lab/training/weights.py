"""Trained weights on disk: Orbax checkpoints, and the copy that a run folder keeps of its own."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from lab.errors import UsageError
from lab.models.paths import named
from lab.models.weights import Weights
from lab.records.files import write_whole
from lab.records.lock import held_folder
from lab.training.checkpoints import quiet_orbax

_ARRAYS_OF_ORBAX = "_METADATA"
_ITEM = "default"
"""What Orbax calls the only item of a checkpoint."""


def write_checkpoint(folder: Path, weights: Weights) -> None:
    """Saves a new Orbax checkpoint as Flax lays variables out: `params`, and `batch_stats` if any.

    UsageError for a folder that is there, and where the disk refuses.
    """
    quiet_orbax()
    try:
        with held_folder(folder.absolute().parent), ocp.StandardCheckpointer() as checkpointer:
            require_new(folder)
            variables = {"params": weights.params, "batch_stats": weights.model_state}
            tree = {kind: _nested(there) for kind, there in variables.items() if there}
            checkpointer.save(folder.absolute(), tree)
    except UsageError:
        raise
    except Exception as error:  # Orbax raises what its storage raised, of whatever kind.
        raise UsageError(f"cannot write {folder} ({error}): pass another folder") from error


def require_new(folder: Path) -> None:
    """UsageError for weights that would take the place of something."""
    if folder.exists():
        raise UsageError(f"{folder} is there already: pass a folder that is new, or remove it")


def read_checkpoint(folder: Path) -> Weights:
    """The weights of an Orbax checkpoint: a tree of params, one that holds `params`, or variables.

    Read into the host's memory, so that it does not matter on which devices they were. `params`
    (with `batch_stats` beside them) may stand in a training state, the rest of which is left.
    UsageError where the folder holds no checkpoint.
    """
    quiet_orbax()
    arrays = _arrays_folder(folder)
    try:
        checkpointer = ocp.PyTreeCheckpointer()
        tree = checkpointer.metadata(arrays.absolute()).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        found = checkpointer.restore(arrays.absolute(), restore_args=as_numpy)
    except Exception as error:  # As above; a damaged file raises anything.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UsageError(f"the checkpoint {folder} cannot be read ({reason}): pass another") from (
            error
        )
    return _weights(found)


def write_copy(file: Path, weights: Weights) -> None:
    """Whole, as an archive of arrays without pickle."""
    buffer = io.BytesIO()
    arrays = {
        f"{kind}/{path}": array
        for kind, there in weights._asdict().items()
        for path, array in there.items()
    }
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(file, buffer.getvalue())


def read_copy(file: Path) -> Weights:
    """What `write_copy` wrote; UsageError where it is damaged or gone."""
    weights = Weights({}, {})
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for name in arrays.files:
                kind, _, path = name.partition("/")
                getattr(weights, kind)[path] = arrays[name]
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"the weights that this run began with cannot be read from {file} ({error}): pass "
            "another --out"
        ) from error
    return weights


def digest(weights: Weights) -> str:
    """SHA-256 of names, types, shapes and numbers."""
    found = hashlib.sha256()
    for kind, there in weights._asdict().items():
        for path, array in sorted(there.items()):
            found.update(f"{kind}/{path} {array.dtype} {array.shape}\n".encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _arrays_folder(folder: Path) -> Path:
    """Where Orbax keeps the arrays: the folder, or the only item of a manager's step."""
    for one in (folder, folder / _ITEM):
        if (one / _ARRAYS_OF_ORBAX).is_file():
            return one
    inner = sorted(one.parent.relative_to(folder) for one in folder.glob(f"*/{_ARRAYS_OF_ORBAX}"))
    inner += sorted(
        one.parent.relative_to(folder) for one in folder.glob(f"[0-9]*/*/{_ARRAYS_OF_ORBAX}")
    )
    if inner:
        raise UsageError(
            f"{folder} holds checkpoints, but is none: pass one, as {folder / inner[-1]}"
        )
    raise UsageError(
        f"{folder} is no Orbax checkpoint (it holds no {_ARRAYS_OF_ORBAX}): pass a folder that "
        "Orbax saved, or RUN:COHORT:MEMBER"
    )


def _weights(found: Any) -> Weights:
    """Out of whatever tree the arrays stood in."""
    stats: Any = {}
    while isinstance(found, dict) and "params" in found:
        stats = found.get("batch_stats", stats)
        found = found["params"]
    return Weights(_as_float32(found), _as_float32(stats))


def _nested(leaves: dict[str, np.ndarray]) -> dict[str, Any]:
    """A dictionary a module."""
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *modules, last = path.split("/")
        inner = tree
        for module in modules:
            inner = inner.setdefault(module, {})
        inner[last] = leaf
    return tree


def _as_float32(tree: Any) -> dict[str, np.ndarray]:
    """Half precision is widened, for archives know no bfloat16; what is no array is left."""
    return {
        path: np.asarray(leaf, np.float32) if leaf.dtype.itemsize < 4 else leaf
        for path, leaf in named(tree).items()
        if isinstance(leaf, np.ndarray)
    }
