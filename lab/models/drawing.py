"""All random bits of a module's initialisation hashed at once, and to the bit the same.

XLA takes seconds to compile the hash for each array that an initialiser draws, of which a module
has one a layer; one draw of as many bits compiles like a single one.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.extend import core, random
from jax.extend.core import primitives

T = TypeVar("T")


class _Held(NamedTuple):
    """A value, and whether it was computed from bits that are not drawn yet."""

    value: Any
    pending: bool


class _Draw(NamedTuple):
    key: _Held
    shape: tuple[int, ...]


Give = Callable[[_Draw], _Held]
"""The bits of a draw, or zeros in their place."""


def drawn_at_once(function: Callable[[jax.Array], T]) -> Callable[[jax.Array], T]:
    """The function of a key, with the bits of all its draws computed in one.

    Where that cannot be, for a key that depends on another draw or is of another kind than
    Threefry's partitionable ones, the function is left as it is.
    """

    def drawn(key: jax.Array) -> T:
        if not _is_threefry(key):
            return function(key)
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(key)
        draws: list[_Draw] = []

        def noted(draw: _Draw) -> _Held:
            draws.append(draw)
            return _Held(jnp.zeros(draw.shape, jnp.uint32), True)

        _evaluate(closed, [_Held(key, False)], noted)
        if not draws or any(draw.key.pending for draw in draws):
            return function(key)
        bits = iter(_hashed(draws))
        outputs = _evaluate(closed, [_Held(key, False)], lambda _: _Held(next(bits), False))
        result: T = jax.tree.unflatten(
            jax.tree.structure(shapes), [output.value for output in outputs]
        )
        return result

    return drawn


def _is_threefry(key: jax.Array) -> bool:
    partitionable: bool = jax.config.jax_threefry_partitionable  # type: ignore[attr-defined]
    return partitionable and str(jax.random.key_impl(key)) == "threefry2x32"


def _hashed(draws: Sequence[_Draw]) -> list[jax.Array]:
    """The uint32 bits of each: Threefry of its key and the place of each number in it."""
    sizes = [math.prod(draw.shape) for draw in draws]
    keys = [jax.random.key_data(draw.key.value) for draw in draws]

    def flat(parts: Sequence[jax.Array]) -> jax.Array:
        return jnp.concatenate(parts)

    first, second = (
        flat([jnp.full(size, key[half]) for key, size in zip(keys, sizes, strict=True)])
        for half in (0, 1)
    )
    places = flat([jnp.arange(size, dtype=jnp.uint32) for size in sizes])
    high, low = random.threefry2x32_p.bind(first, second, jnp.zeros_like(places), places)
    bits, start, found = high ^ low, 0, []
    for draw, size in zip(draws, sizes, strict=True):
        found.append(bits[start : start + size].reshape(draw.shape))
        start += size
    return found


def _evaluate(closed: core.ClosedJaxpr, arguments: Sequence[_Held], give: Give) -> list[_Held]:
    """As the jaxpr says, but for the bits; what no output needs is left out."""
    jaxpr = closed.jaxpr
    held: dict[core.Var, _Held] = dict(
        zip(jaxpr.constvars, (_Held(const, False) for const in closed.consts), strict=True)
    )
    held.update(zip(jaxpr.invars, arguments, strict=True))

    def value(atom: core.Var | core.Literal) -> _Held:
        return _Held(atom.val, False) if isinstance(atom, core.Literal) else held[atom]

    for equation in _needed(jaxpr):
        inputs = [value(atom) for atom in equation.invars]
        with equation.ctx.manager:
            outputs = _outputs(equation, inputs, give)
        held.update(zip(equation.outvars, outputs, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _outputs(equation: core.JaxprEqn, inputs: Sequence[_Held], give: Give) -> list[_Held]:
    primitive, params = equation.primitive, equation.params
    if primitive is primitives.jit_p:
        return _evaluate(params["jaxpr"], inputs, give)
    if primitive is primitives.random_bits_p and params["bit_width"] == 32:
        (key,) = inputs
        if not jnp.shape(key.value):
            return [give(_Draw(key, tuple(params["shape"])))]
    values: Any = primitive.bind(
        *(one.value for one in inputs), **primitive.get_bind_params(params)
    )
    pending = any(one.pending for one in inputs)
    return [_Held(one, pending) for one in (values if primitive.multiple_results else [values])]


def _needed(jaxpr: core.Jaxpr) -> list[core.JaxprEqn]:
    """The equations that some output depends on, in their order."""
    wanted = {one for one in jaxpr.outvars if isinstance(one, core.Var)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if wanted.intersection(equation.outvars):
            kept.append(equation)
            wanted.update(one for one in equation.invars if isinstance(one, core.Var))
    return kept[::-1]
