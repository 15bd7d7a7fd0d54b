"""What a user's model must keep to, found out by shapes alone."""

import math
from typing import Any

import flax.errors
import jax
import jax.numpy as jnp
from jax.extend import core

from lab.errors import UsageError
from lab.models.own_passes import TRAINING, Passes
from lab.models.signature import Signature
from lab.user_code import explained

PURE = "a model must be a pure function of its variables and random streams"

_BATCH = 2
"""Of the inputs that a model is tried with."""


def require_rules(path: str, passes: Passes, signature: Signature) -> bool:
    """UsageError unless the model keeps to the rules; whether its training passes draw."""
    inputs = signature.example(_BATCH)
    key = jax.eval_shape(lambda: jax.random.key(0))
    shown = f"{inputs.dtype.name}{list(inputs.shape)}"
    with explained(f"initialising {path} on {shown}", remedy):
        params, state = jax.eval_shape(passes.init, key)
    _require_float_parameters(path, params)
    with explained(f"calling {path} on {shown} in training", remedy):
        trained, (outputs, updated) = jax.make_jaxpr(passes.train, return_shape=True)(
            params, state, inputs, key
        )
    _require_outputs(path, "training", outputs, signature)
    _require_same_state(path, state, updated)
    with explained(f"calling {path} on {shown} in evaluation", remedy):
        evaluated, outputs = jax.make_jaxpr(passes.evaluate, return_shape=True)(
            params, state, inputs, key
        )
    _require_outputs(path, "evaluation", outputs, signature)
    if _uses_last(evaluated.jaxpr):
        raise UsageError(_drawn_in_evaluation(path))
    return _uses_last(trained.jaxpr)


def remedy(error: Exception) -> str:
    """The rule that an exception of a user's code points to."""
    by_value = (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
        jax.errors.NonConcreteBooleanIndexError,
    )
    impure = (
        jax.errors.UnexpectedTracerError,
        flax.errors.SetAttributeFrozenModuleError,
        flax.errors.ModifyScopeVariableError,
        flax.errors.TraceContextError,
    )
    if isinstance(error, by_value):
        return (
            "Python's branches and the shapes of arrays may depend on shapes, never on values: use "
            "jnp.where, or a mask"
        )
    if isinstance(error, impure):
        return f"{PURE}: keep what changes in a variable of Flax"
    if isinstance(error, flax.errors.InvalidRngError):
        return (
            "nothing may be drawn in evaluation: let the model draw only where it is told that it "
            f"trains, by an argument that is called {', '.join(TRAINING)}"
        )
    return "it must take a batch of such inputs: mend it, or pass other --model_kwargs"


def fits(got: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether outputs of one shape are those of another, up to axes of length 1 at the end."""
    return _without_ones(got) == _without_ones(wanted)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape[-1:] == (1,):
        shape = shape[:-1]
    return shape


def _require_float_parameters(path: str, params: Any) -> None:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not sum(math.prod(leaf.shape) for _, leaf in leaves):
        raise UsageError(f"{path} has no parameters; there is nothing to train: name another class")
    for where, leaf in leaves:
        if leaf.dtype != jnp.float32:
            floating = jnp.issubdtype(leaf.dtype, jnp.floating)
            raise UsageError(
                f"parameter {_named(where)} of {path} is {leaf.dtype.name}; parameters are "
                "trained, and float32 always: "
                + (
                    "leave param_dtype alone, and pass --precision=bfloat16 to compute in it"
                    if floating
                    else "keep what is not trained in a collection or a Variable of another kind"
                )
            )


def _require_outputs(path: str, when: str, outputs: Any, signature: Signature) -> None:
    if not isinstance(outputs, jax.ShapeDtypeStruct):
        raise UsageError(
            f"{path} gives {_kind(outputs)} in {when}; a model gives one array, a row an example: "
            "return the one that the loss takes"
        )
    if not jnp.issubdtype(outputs.dtype, jnp.floating):
        raise UsageError(
            f"{path} gives {outputs.dtype.name} in {when}; outputs are floats, for the loss is "
            "differentiated: return logits"
        )
    wanted = signature.outputs
    if outputs.shape[:1] != (_BATCH,):
        raise UsageError(
            f"{path} gives {list(outputs.shape)} for {_BATCH} inputs in {when}; the first axis is "
            "that of the examples: keep it"
        )
    if wanted is not None and not fits(outputs.shape[1:], wanted):
        raise UsageError(
            f"{path} gives {_shape(outputs.shape[1:])} for an input of {_shape(signature.inputs)} "
            f"in {when}; the task asks for {_shape(wanted)} an example: let the model's last layer "
            "give that, or the task ask for other outputs"
        )


def _require_same_state(path: str, before: Any, after: Any) -> None:
    old, new = (
        {_named(where): (leaf.shape, leaf.dtype) for where, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (before, after))
    )
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if changed:
        raise UsageError(
            f"a training pass of {path} changes the shape or type of {changed[0]}; what a model "
            "carries from step to step keeps its shape and type: do not sow into it, or leave it "
            "out of the model"
        )


def _uses_last(jaxpr: core.Jaxpr) -> bool:
    """Whether any output depends on the last argument, the key; an equation counts as a whole."""
    reached = {jaxpr.invars[-1]}
    for equation in jaxpr.eqns:
        inputs = {one for one in equation.invars if isinstance(one, core.Var)}
        if reached & inputs:
            reached.update(equation.outvars)
    return any(isinstance(one, core.Var) and one in reached for one in jaxpr.outvars)


def _drawn_in_evaluation(path: str) -> str:
    return (
        f"{path} draws random numbers in evaluation; an evaluation must give the same each time: "
        "draw in training only"
    )


def _named(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _kind(outputs: Any) -> str:
    return f"a {type(outputs).__name__} of {len(jax.tree.leaves(outputs))} arrays"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
