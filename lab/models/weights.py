"""Trained weights, and whether a network can start from them."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from lab.errors import UsageError
from lab.models.paths import named, some


class Weights(NamedTuple):
    """NumPy arrays by their "/"-joined paths; `model_state` are batch statistics, if any."""

    params: dict[str, np.ndarray]
    model_state: dict[str, np.ndarray]


def taken(source: Weights, params: Any, model_state: Any, fresh: Collection[str]) -> Weights:
    """What a network of such variables takes: all but the `fresh` paths, in the network's types.

    Nothing is left out or left over in silence: UsageError for a tensor that is missing, of
    another shape, not finite, or that the network has not, unless its path is fresh.
    """
    own = named(params) | named(model_state)
    there = source.params | source.model_state
    for path in sorted(own.keys() - there.keys() - set(fresh)):
        raise UsageError(
            f"the trained weights have no {path}; they have {some(there)}: pass "
            f"--fresh={path}, or other weights"
        )
    for path in sorted(there.keys() - own.keys() - set(fresh)):
        raise UsageError(
            f"the trained weights have {path}, which the network has not: pass --fresh={path} to "
            "leave it, or other weights"
        )
    for path, leaf in own.items():
        if path in fresh:
            continue
        if there[path].shape != tuple(leaf.shape):
            raise UsageError(
                f"{path} is {_sides(there[path].shape)} in the trained weights and "
                f"{_sides(leaf.shape)} in the network: pass --fresh={path} to draw it anew, or "
                "other weights"
            )
        if not np.isfinite(there[path]).all():
            raise UsageError(
                f"{path} holds numbers that are not finite in the trained weights: pass others"
            )
    return Weights(
        *(
            {
                path: there[path].astype(leaf.dtype)
                for path, leaf in named(tree).items()
                if path not in fresh
            }
            for tree in (params, model_state)
        )
    )


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
