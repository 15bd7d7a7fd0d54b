"""A digest of what a function computes: the same in every process, and blind to how it is written.

A function is traced on shapes, and its jaxpr is read: operations in their order, with their types,
parameters and constants. Names, comments, source lines, and whether a part of it is jitted do not
count. The text of a jaxpr would not do: it holds names, addresses and, of some operations, files,
and leaves out the numbers that an inner function closes over.
"""

import enum
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core
from jax.extend.core import primitives

_ADDRESS = re.compile(r"0x[0-9a-f]+")
_TOLD_ONLY = frozenset({"name", "debug_info", "name_and_src_info", "metadata", "source_info"})
"""Parameters of operations that say what somebody called them, or where they stand."""

Places = dict[core.Var, int]


def fingerprint(function: Callable[..., Any], *arguments: Any) -> str:
    """SHA-256 of what `function` computes of such arguments; nothing is compiled or computed.

    Args:
        function: what `jax.make_jaxpr` can trace. Two that differ in a derivative rule alone
            differ only once they are differentiated.
        arguments: arrays, or `jax.ShapeDtypeStruct`s, in trees.

    Returns:
        64 hexadecimal digits. They depend on the versions of JAX and of what the function calls.
    """
    closed, shapes = jax.make_jaxpr(lambda *given: function(*given), return_shape=True)(*arguments)
    found = hashlib.sha256()
    for tree in (arguments, shapes):
        found.update(f"{jax.tree.structure(tree)}\n".encode())
    for line in _lines(closed, None, itertools.count()):
        found.update(f"{line}\n".encode())
    return found.hexdigest()


def _lines(
    closed: core.ClosedJaxpr | core.Jaxpr, inputs: Sequence[str] | None, numbers: Iterator[int]
) -> Iterator[str]:
    """A line an operation; functions that are only called are written out in place."""
    outputs = yield from _body(closed, inputs, numbers)
    yield f"return {' '.join(outputs)}"


def _body(
    closed: core.ClosedJaxpr | core.Jaxpr, inputs: Sequence[str] | None, numbers: Iterator[int]
) -> Any:
    """Yields the lines; returns what the outputs are called. No `inputs` are new ones."""
    jaxpr, constants = (
        (closed.jaxpr, closed.consts) if isinstance(closed, core.ClosedJaxpr) else (closed, ())
    )
    names: dict[Any, str] = {}

    def new(variable: Any) -> str:
        names[variable] = f"v{next(numbers)}"
        return f"{names[variable]}:{_type(variable.aval)}"

    def used(atom: Any) -> str:
        return _value(atom.val) if isinstance(atom, core.Literal) else names[atom]

    if inputs is None:
        yield f"takes {' '.join(map(new, jaxpr.invars))}"
    else:
        names.update(zip(jaxpr.invars, inputs, strict=True))
    if isinstance(closed, core.ClosedJaxpr):
        names.update(zip(jaxpr.constvars, map(_value, constants), strict=True))
    else:
        yield f"closes over {' '.join(map(new, jaxpr.constvars))}"
    for equation in jaxpr.eqns:
        given = [used(atom) for atom in equation.invars]
        if equation.primitive is primitives.jit_p:
            inner = yield from _body(equation.params["jaxpr"], given, numbers)
            names.update(zip(equation.outvars, inner, strict=True))
            continue
        made = " ".join(map(new, equation.outvars))
        yield f"{made} = {equation.primitive.name}{_parameters(equation.params)} {' '.join(given)}"
    return [used(atom) for atom in jaxpr.outvars]


def _parameters(params: Mapping[str, Any]) -> str:
    told = [f"{key}={_told(params[key])}" for key in sorted(params) if key not in _TOLD_ONLY]
    return f"[{' '.join(told)}]"


def _told(value: Any) -> str:
    """A parameter, without what differs from one process to another."""
    if isinstance(value, core.ClosedJaxpr | core.Jaxpr):
        return "{" + "; ".join(_lines(value, None, itertools.count())) + "}"
    if isinstance(value, np.ndarray | jax.Array):
        return _value(value)
    if isinstance(value, Mapping):
        items = sorted((str(key), _told(one)) for key, one in value.items())
        return "{" + ", ".join(f"{key}: {one}" for key, one in items) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_told, value))) + "}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_told, value))})"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    # Rules of differentiation, and callbacks: what they compute is seen where they are called.
    if callable(value) and not isinstance(value, type | np.dtype):
        return type(value).__name__
    return _ADDRESS.sub("", repr(value))


def _type(aval: Any) -> str:
    return f"{getattr(aval, 'dtype', type(aval).__name__)}{list(getattr(aval, 'shape', ()))}"


def _value(value: Any) -> str:
    """A constant: its type, and a digest of its bytes."""
    if jax.dtypes.issubdtype(getattr(value, "dtype", None), jax.dtypes.prng_key):
        return f"key of {_value(jax.random.key_data(value))}"
    array = np.asarray(value)
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
    return f"{array.dtype}{list(array.shape)}#{digest}"
