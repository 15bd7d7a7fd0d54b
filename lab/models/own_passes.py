"""The passes of a user's module, in whichever framework, before they are fitted to a task."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from lab.errors import UsageError

TRAINING: Mapping[str, bool] = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "eval": False,
    "use_running_average": False,
}
"""By which words a module is told that it trains, and what they then are."""


class Passes(NamedTuple):
    """As `Network`, but every pass takes a key, and outputs are what the module gives."""

    init: Callable[[jax.Array], tuple[Any, Any]]
    train: Callable[[Any, Any, jax.Array, jax.Array], tuple[Any, Any]]
    evaluate: Callable[[Any, Any, jax.Array, jax.Array], Any]
    activations: Callable[[Any, Any, jax.Array, jax.Array], Any]


def mode_options(call: Callable[..., Any], training: bool) -> dict[str, bool]:
    """How `call` is told that it trains, or that it does not; nothing where it does not ask."""
    asked = inspect.signature(call).parameters
    return {
        name: value if training else not value for name, value in TRAINING.items() if name in asked
    }


def require_called_with_inputs(path: str, found: type) -> None:
    """UsageError where `__call__` needs more than inputs, and how it is told that it trains."""
    if not any("__call__" in vars(base) for base in found.__mro__):
        raise UsageError(
            f"{path} has no __call__; a model is called with a batch of inputs: name its forward "
            "pass __call__"
        )
    _, *parameters = inspect.signature(found.__call__).parameters.values()  # type: ignore[operator]
    needed = [
        one.name
        for one in parameters[1:]
        if one.default is inspect.Parameter.empty
        and one.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        and one.name not in TRAINING
    ]
    if needed:
        raise UsageError(
            f"the __call__ of {path} needs {', '.join(needed)} besides its inputs; a model is "
            "called with a batch of inputs and whether it trains: give the others a default"
        )
