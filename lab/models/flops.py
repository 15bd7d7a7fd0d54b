"""Floating-point operations of a function, counted from its jaxpr equation by equation.

A multiply-add is two operations, as in the matrix products and convolutions that most networks
spend nearly all of theirs on; any other arithmetic on floats is one for each number that it gives,
or, where it sums up, for each that it takes. An exponential is one too. What moves, selects,
compares or converts numbers costs nothing here, and neither do integers.
"""

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core import primitives

_ARITHMETIC = """
    abs acos acosh add add_any asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil
    clamp cos cosh digamma div erf erf_inv erfc exp exp2 expm1 floor integer_pow lgamma log
    log1p logistic max min mul neg pow rem round rsqrt sign sin sinh sqrt square sub tan tanh
"""
ARITHMETIC = frozenset(_ARITHMETIC.split())
"""Primitives of one operation for each number that they give."""

_SUMS = """
    cumlogsumexp cummax cummin cumprod cumsum reduce_max reduce_min reduce_prod reduce_sum
"""
SUMS = frozenset(_SUMS.split())
"""Primitives of one operation for each number that they take."""

SCATTERED_SUMS = frozenset(["scatter-add", "scatter-mul", "scatter-max", "scatter-min"])
"""Primitives of one operation for each number of their last argument."""

WINDOWS = frozenset(["reduce_window_max", "reduce_window_min", "reduce_window_sum"])

_TRANSFORMATION = re.compile(r"\w+\(|\)")
"""JAX's own, which it writes around a scope's name, as in transpose(jvp(Dense_0))."""

Labels = Mapping[core.Var, frozenset[Any]]


class Placed(NamedTuple):
    """An equation, how often it is computed, and what is known of its place in the model."""

    equation: core.JaxprEqn
    times: int
    scopes: tuple[str, ...]  # of `jax.named_scope`, outermost first
    labels: frozenset[Any]  # of the parameters that it reads, not those of what it reads besides

    @property
    def flops(self) -> int:
        """Of all the times that it is computed."""
        return self.times * equation_flops(self.equation)


def count_flops(function: Callable[..., Any], *arguments: Any) -> int:
    """Of one call; arguments are arrays or their shapes, and nothing is computed."""
    return sum(placed.flops for placed in walk(jax.make_jaxpr(function)(*arguments).jaxpr, {}))


def walk(
    jaxpr: core.Jaxpr, labels: Labels, times: int = 1, scopes: tuple[str, ...] = ()
) -> Iterator[Placed]:
    """All equations in order, those within loops and functions in place of these.

    A loop of known length counts that often and another one once, of branches the costliest alone.
    Variables may have labels; what is computed from labelled ones and constants alone has theirs.
    """
    held: dict[core.Var, frozenset[Any]] = dict.fromkeys(jaxpr.constvars, frozenset())
    held.update(labels)
    for equation in jaxpr.eqns:
        place = (*scopes, *_scopes(equation))
        inputs = [one for one in equation.invars if isinstance(one, core.Var)]
        read = frozenset[Any]().union(*(held.get(one, ()) for one in inputs))
        bodies = _bodies(equation)
        if bodies:
            repeats = times * equation.params.get("length", 1)
            walked = [
                list(walk(body, _handed(equation, body, held), repeats, place)) for body in bodies
            ]
            branches = equation.primitive is primitives.cond_p
            yield from max(walked, key=_total) if branches else itertools.chain(*walked)
        else:
            yield Placed(equation, times, place, read)
        if all(one in held for one in inputs):
            held.update(dict.fromkeys(equation.outvars, read))


def equation_flops(equation: core.JaxprEqn) -> int:
    """Of an equation that holds no others, computed once."""
    name, params = equation.primitive.name, equation.params
    if not equation.outvars or not _is_float(equation.outvars[0]):
        return 0
    given = math.prod(_shape(equation.outvars[0]))
    if equation.primitive is primitives.dot_general_p:
        (contracted, _), _ = params["dimension_numbers"]
        return 2 * given * math.prod(_shape(equation.invars[0])[axis] for axis in contracted)
    if equation.primitive is primitives.conv_general_dilated_p:
        return _convolution(equation)
    if name in ARITHMETIC:
        return given
    if name in SUMS | SCATTERED_SUMS:
        return math.prod(_shape(equation.invars[0 if name in SUMS else -1]))
    return given * math.prod(params["window_dimensions"]) if name in WINDOWS else 0


def _convolution(equation: core.JaxprEqn) -> int:
    """Products with numbers of the image alone: taps on padding, and on gaps, cost nothing."""
    params = equation.params
    image, kernel = map(_shape, equation.invars)
    output = _shape(equation.outvars[0])
    numbers = params["dimension_numbers"]
    axes = zip(
        (image[axis] for axis in numbers.lhs_spec[2:]),
        (kernel[axis] for axis in numbers.rhs_spec[2:]),
        (output[axis] for axis in numbers.out_spec[2:]),
        params["window_strides"],
        (before for before, _ in params["padding"]),
        params["lhs_dilation"],
        params["rhs_dilation"],
        strict=True,
    )
    examples, features = (output[axis] for axis in numbers.out_spec[:2])
    pairs = math.prod(_meetings(*axis) for axis in axes)
    return 2 * examples * features * kernel[numbers.rhs_spec[1]] * pairs


@functools.lru_cache(maxsize=1024)
def _meetings(
    image: int, taps: int, outputs: int, stride: int, before: int, gap: int, spread: int
) -> int:
    """How many pairs of an output and a tap meet a number of the image, along one axis."""
    last = (image - 1) * gap
    places = (
        output * stride - before + tap * spread for output in range(outputs) for tap in range(taps)
    )
    return sum(0 <= place <= last and place % gap == 0 for place in places)


def _bodies(equation: core.JaxprEqn) -> Sequence[core.Jaxpr]:
    """What an equation computes that is made of others, rather than counted as it is."""
    if equation.primitive.name in SCATTERED_SUMS | WINDOWS:
        return ()
    return tuple(core.jaxprs_in_params(equation.params))


def _handed(equation: core.JaxprEqn, body: core.Jaxpr, held: Labels) -> Labels:
    """The labels of a body's arguments, which are the last ones of the equation's."""
    given = equation.invars[-len(body.invars) :]
    pairs = zip(body.invars[-len(given) :], given, strict=True)
    return {own: held[one] for own, one in pairs if isinstance(one, core.Var) and one in held}


def _scopes(equation: core.JaxprEqn) -> list[str]:
    names = _TRANSFORMATION.sub("", str(equation.source_info.name_stack))
    return [name for name in names.split("/") if name]


def _shape(atom: core.Var | core.Literal) -> tuple[int, ...]:
    aval: Any = atom.aval
    return tuple(aval.shape)


def _is_float(atom: core.Var) -> bool:
    # Some values have no type of numbers, as tokens of effects.
    return bool(jnp.issubdtype(getattr(atom.aval, "dtype", jnp.int32), jnp.inexact))


def _total(walked: list[Placed]) -> int:
    return sum(placed.flops for placed in walked)
