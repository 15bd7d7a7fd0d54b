"""A user's own class or function by its path: the one place where their code is imported."""

import contextlib
import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from lab.errors import UsageError

T = TypeVar("T")

_LONGEST = 300
_NOT_THE_USERS = ("parent", "name", "rngs")
"""What Flax itself gives a module."""


def load(path: str) -> Any:
    """What `package.module:Name` names.

    Modules are found as Python finds them, and then in the folder that the user stands in, as
    `python -m` does; last, so that a numpy.py there is not ours. `__main__:Name` is what a notebook
    or a script defines itself.

    Raises:
        UsageError: there is no such module or name, or importing it fails.
    """
    module_name, _, name = path.partition(":")
    search_here()
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name != missing and not module_name.startswith(missing + "."):
            raise UsageError(
                f"importing {module_name} failed, for it imports {missing}, which is not there: "
                f"install {missing.partition('.')[0]} beside the lab"
            ) from error
        raise UsageError(
            f"there is no module {missing} for {path}; modules are looked for on PYTHONPATH and in "
            f"the folder you stand in, {os.getcwd()}: stand in the folder that holds "
            f"{module_name.partition('.')[0]}, or put that folder on PYTHONPATH"
        ) from error
    # A module may raise whatever it likes, and a script without a guard may even end the process.
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"importing {module_name} failed with {told(error)}; it must import without an error: "
            f"mend what python -c 'import {module_name}' shows"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"{module_name} has no {name}; it defines {_defined(found, name)}: name what it has"
            )
        found = getattr(found, part)
    return found


def bound(
    path: str, function: Callable[..., T], kwargs: Mapping[str, Any], flag: str, **given: Any
) -> Callable[[], T]:
    """The call of `function` with what the user wrote and what the lab gives; lists become tuples
    where it asks for tuples. UsageError where the arguments do not fit.
    """
    signature = signature_of(function)
    try:
        signature.bind(**kwargs, **given)
    except TypeError as error:
        taken = [name for name in signature.parameters if name not in _NOT_THE_USERS]
        raise UsageError(
            f"{path}: {error}; it takes {', '.join(taken) or 'nothing'}: pass a --{flag} that fits"
        ) from error
    fitting = {
        name: _tuples(value) if _wants_tuple(signature.parameters.get(name)) else value
        for name, value in kwargs.items()
    }
    return functools.partial(function, **fitting, **given)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Of a class that of its `__init__`: the metaclass of nnx hides it."""
    if not inspect.isclass(function):
        return inspect.signature(function)
    whole = inspect.signature(function.__init__)  # type: ignore[misc]
    return whole.replace(parameters=tuple(whole.parameters.values())[1:])


@contextlib.contextmanager
def explained(what: str, remedy: Callable[[Exception], str]) -> Iterator[None]:
    """Within it whatever a user's code raises becomes one line: `what` failed with it, the remedy.

    `remedy` gives the rule and what to do.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # Somebody else's code raises whatever it likes.
        raise UsageError(f"{what} failed with {told(error)}; {remedy(error)}") from error


def told(error: BaseException) -> str:
    """An exception in a line: its type, and how its message begins."""
    message = " ".join(str(error).strip().partition("\n\n")[0].split())
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}..."
    return f"{type(error).__name__} ({message.rstrip('.')})" if message else type(error).__name__


def search_here() -> None:
    """Lets modules be found in the folder that the user stands in, after all other places."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()


def _defined(module: Any, name: str) -> str:
    """What a module has of the same kind as what was asked for: classes, or functions."""
    classes = name.rpartition(".")[2][:1].isupper()
    wanted = inspect.isclass if classes else inspect.isfunction
    own = [key for key, value in vars(module).items() if wanted(value) and key[0] != "_"]
    return ", ".join(sorted(own)[:12]) or f"no {'class' if classes else 'function'}"


def _wants_tuple(parameter: inspect.Parameter | None) -> bool:
    """By its annotation, which may be a string, or by its default."""
    if parameter is None:
        return False
    return isinstance(parameter.default, tuple) or "tuple" in str(parameter.annotation).lower()


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
