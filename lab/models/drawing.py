"""All random bits that a function draws hashed at once, and to the bit the same.

XLA's CPU compiler takes 7 seconds for the hash that draws one kernel [3, 3, 8, 9], and 0.3 for as
many bits in a row; a module has a draw a layer, in its initialisers and in its dropout.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.extend import core, random
from jax.extend.core import primitives

P = ParamSpec("P")
T = TypeVar("T")


class _Step(NamedTuple):
    """An equation; a place is the number of a value."""

    equation: core.JaxprEqn
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Program(NamedTuple):
    """A jaxpr whose inner functions are written out; values stand in their places."""

    steps: list[_Step]
    values: dict[int, Any]
    numbers: Iterator[int]

    def put(self, value: Any) -> int:
        """The place that a value has got."""
        place = next(self.numbers)
        self.values[place] = value
        return place


def drawn_at_once(function: Callable[P, T]) -> Callable[P, T]:
    """The function of arrays, with the bits of all its draws computed in one.

    Draws within loops, and by keys of another kind than Threefry's partitionable ones, are left as
    they are; and all are, where a key depends on another draw.
    """

    def drawn(*arguments: P.args, **options: P.kwargs) -> T:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments, **options)
        program = _Program([], {}, itertools.count())
        inputs = [program.put(leaf) for leaf in jax.tree.leaves((arguments, options))]
        outputs = _write_out(program, closed, inputs)
        draws = [step for step in program.steps if _is_draw(step.equation)]
        keys = [step.inputs[0] for step in draws]
        needed = _needed(program.steps, keys)
        if draws and not any(_is_draw(step.equation) for step in needed):
            _run(program, needed)
            shaped = [step.equation.params["shape"] for step in draws]
            bits = _hashed([program.values[key] for key in keys], shaped)
            program.values.update(zip((step.outputs[0] for step in draws), bits, strict=True))
        _run(program, _needed(program.steps, outputs, effects=True))
        result: T = jax.tree.unflatten(
            jax.tree.structure(shapes), [program.values[place] for place in outputs]
        )
        return result

    return drawn


def _is_draw(equation: core.JaxprEqn) -> bool:
    """Of 32 bits, by one key of Threefry's, each of which depends on its place alone."""
    if equation.primitive is not primitives.random_bits_p:
        return False
    partitionable: bool = jax.config.jax_threefry_partitionable  # type: ignore[attr-defined]
    key: Any = equation.invars[0].aval
    plain = key.shape == () and str(key.dtype) == "key<fry>"
    return partitionable and plain and equation.params["bit_width"] == 32


def _hashed(keys: Sequence[jax.Array], shapes: Sequence[Sequence[int]]) -> list[jax.Array]:
    """The uint32 bits of each draw: Threefry of its key and the place of each number in it."""
    sizes = [math.prod(shape) for shape in shapes]
    halves = [jax.random.key_data(key) for key in keys]
    first, second = (
        jnp.concatenate(
            [jnp.full(size, key[half]) for key, size in zip(halves, sizes, strict=True)]
        )
        for half in (0, 1)
    )
    places = jnp.concatenate([jnp.arange(size, dtype=jnp.uint32) for size in sizes])
    high, low = random.threefry2x32_p.bind(first, second, jnp.zeros_like(places), places)
    bits, start, found = high ^ low, 0, []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(bits[start : start + size].reshape(tuple(shape)))
        start += size
    return found


def _write_out(program: _Program, closed: core.ClosedJaxpr, inputs: Sequence[int]) -> list[int]:
    """Adds the jaxpr's steps, and those of the functions that it calls; gives its outputs."""
    jaxpr, constants = closed.jaxpr, [program.put(const) for const in closed.consts]
    places = dict(zip([*jaxpr.invars, *jaxpr.constvars], [*inputs, *constants], strict=True))

    def place(atom: core.Var | core.Literal) -> int:
        return program.put(atom.val) if isinstance(atom, core.Literal) else places[atom]

    for equation in jaxpr.eqns:
        given = tuple(map(place, equation.invars))
        if equation.primitive is primitives.jit_p:
            outputs = tuple(_write_out(program, equation.params["jaxpr"], given))
        else:
            outputs = tuple(next(program.numbers) for _ in equation.outvars)
            program.steps.append(_Step(equation, given, outputs))
        places.update(zip(equation.outvars, outputs, strict=True))
    return list(map(place, jaxpr.outvars))


def _needed(steps: Sequence[_Step], places: Iterable[int], effects: bool = False) -> list[_Step]:
    """The steps that these places depend on, in their order; and those with effects, if asked."""
    wanted, kept = set(places), []
    for step in reversed(steps):
        if wanted.intersection(step.outputs) or (effects and step.equation.effects):
            kept.append(step)
            wanted.update(step.inputs)
    return kept[::-1]


def _run(program: _Program, steps: Iterable[_Step]) -> None:
    """Those whose outputs are not there yet."""
    for step in steps:
        if step.outputs and all(place in program.values for place in step.outputs):
            continue
        primitive = step.equation.primitive
        inputs = [program.values[place] for place in step.inputs]
        with step.equation.ctx.manager:
            outputs: Any = primitive.bind(
                *inputs, **primitive.get_bind_params(step.equation.params)
            )
        found = outputs if primitive.multiple_results else [outputs]
        program.values.update(zip(step.outputs, found, strict=True))
