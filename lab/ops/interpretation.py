"""A function's jaxpr, evaluated with the lab's forms in place of some of its operations.

This is why a user's unmodified module is fast: whatever layer, of Flax linen, Flax nnx or plain
JAX, asks `lax` for a convolution or a pooling, its jaxpr says so, and no layer has to
be told. It is the interpreter of JAX's "Writing custom Jaxpr interpreters in JAX".
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import jax
from jax.extend import core
from jax.extend.core import primitives

from lab.ops import choices
from lab.ops.choices import Choose, Form, Operation, Reduction
from lab.ops.convolution import convolution_equation
from lab.ops.dense import product_equation
from lab.ops.pooling import pooling_equation

P = ParamSpec("P")
T = TypeVar("T")

Equation = Callable[[Sequence[jax.Array], Mapping[str, Any], Choose], jax.Array]

EQUATIONS: dict[core.Primitive, Equation] = {
    primitives.conv_general_dilated_p: convolution_equation,
    primitives.dot_general_p: product_equation,
    primitives.reduce_window_max_p: functools.partial(pooling_equation, Reduction.MAX),
    primitives.reduce_window_sum_p: functools.partial(pooling_equation, Reduction.SUM),
}

CONTAINERS = (
    primitives.jit_p,
    primitives.closed_call_p,
    primitives.remat_p,
    primitives.scan_p,
    primitives.while_p,
    primitives.cond_p,
)
"""What holds jaxprs that may be rewritten.

A function with a derivative of its own is not among them: its forward pass and its derivative
belong together, so it is left whole, with what is inside.
"""


def chosen_here(operation: Operation) -> Form:
    """The rule's form on the platform that JAX runs on."""
    return choices.choose(operation, jax.default_backend())


def on_lab_ops(function: Callable[P, T], choose: Choose) -> Callable[P, T]:
    """The function with each operation that has a lab form computed in the form chosen for it.

    Arguments are pytrees of arrays (close over anything else), outputs too. It may be jitted,
    mapped and differentiated in reverse; forms with derivatives of their own have no forward mode.
    """

    @functools.wraps(function)
    def interpreted(*arguments: P.args, **options: P.kwargs) -> T:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments, **options)
        leaves = jax.tree.leaves((arguments, options))
        outputs = _evaluate(closed.jaxpr, closed.consts, leaves, choose)
        result: T = jax.tree.unflatten(jax.tree.structure(shapes), outputs)
        return result

    return interpreted


def operations_of(
    function: Callable[..., Any], choose: Choose, *arguments: Any, **options: Any
) -> dict[str, str]:
    """Each operation that the function asks a form for, and the one chosen, as text for a record.

    Arguments are arrays or their shapes; nothing is computed.
    """
    forms: dict[str, str] = {}

    def noted(operation: Operation) -> Form:
        form = choose(operation)
        forms[str(operation)] = form.value
        return form

    jax.eval_shape(on_lab_ops(function, noted), *arguments, **options)
    return forms


def _evaluate(
    jaxpr: core.Jaxpr, consts: Sequence[Any], arguments: Sequence[Any], choose: Choose
) -> list[Any]:
    values: dict[core.Var, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def value(atom: core.Var | core.Literal) -> Any:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for equation in jaxpr.eqns:
        with equation.ctx.manager:
            outputs = _outputs(equation, [value(atom) for atom in equation.invars], choose)
        values.update(zip(equation.outvars, outputs, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _outputs(equation: core.JaxprEqn, inputs: list[Any], choose: Choose) -> Sequence[Any]:
    primitive, params = equation.primitive, equation.params
    if primitive in EQUATIONS:
        return [EQUATIONS[primitive](inputs, params, choose)]
    if primitive in CONTAINERS and any(map(_asks, core.jaxprs_in_params(params))):
        params = {name: _rewritten(param, choose) for name, param in params.items()}
    outputs: Any = primitive.bind(*inputs, **primitive.get_bind_params(params))
    return outputs if primitive.multiple_results else [outputs]


def _asks(jaxpr: core.Jaxpr) -> bool:
    """Whether some operation in it has a lab form."""
    return any(
        equation.primitive in EQUATIONS
        or (
            equation.primitive in CONTAINERS
            and any(map(_asks, core.jaxprs_in_params(equation.params)))
        )
        for equation in jaxpr.eqns
    )


def _rewritten(param: Any, choose: Choose) -> Any:
    """A container's parameter with the jaxprs in it rewritten."""
    if isinstance(param, tuple) and any(isinstance(part, core.ClosedJaxpr) for part in param):
        return tuple(_rewritten(part, choose) for part in param)
    if isinstance(param, core.ClosedJaxpr):
        return jax.make_jaxpr(lambda *values: _evaluate(param.jaxpr, param.consts, values, choose))(
            *(_shape(aval) for aval in param.in_avals)
        )
    if isinstance(param, core.Jaxpr):
        rewritten = _rewritten(core.ClosedJaxpr(param, ()), choose)
        return rewritten.jaxpr
    return param


def _shape(aval: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
