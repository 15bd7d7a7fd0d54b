"""Tensors by the names that a user sees and writes: `Dense_0/kernel`."""

from collections.abc import Collection, Iterable
from typing import Any

import jax

from lab.errors import UsageError
from lab.specs.initial import matches

_SHOWN = 4


def named(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their "/"-joined paths, in its order."""
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def renamed(tree: Any, leaves: dict[str, Any]) -> Any:
    """The tree with those of its leaves replaced that are among `leaves`."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaves.get(_name(path), leaf), tree)


def chosen(paths: Collection[str], patterns: Iterable[str], flag: str) -> frozenset[str]:
    """The paths that a pattern matches; UsageError for a pattern that matches none."""
    found: set[str] = set()
    for pattern in patterns:
        own = {path for path in paths if matches(pattern, path)}
        if not own:
            raise UsageError(
                f"{flag} has {pattern!r}, which is no path of a tensor here; there are "
                f"{some(paths)}: pass one of them, or the module before its last /"
            )
        found |= own
    return frozenset(found)


def some(paths: Collection[str]) -> str:
    """A few of them, and how many there are besides."""
    shown = ", ".join(sorted(paths)[:_SHOWN])
    more = len(paths) - _SHOWN
    return shown if more <= 0 else f"{shown} and {more} more"


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
