"""What a step costs."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core import primitives

from lab.data.arrays import Split
from lab.training.member import Member
from lab.training.resident import Examples


class StepCost(NamedTuple):
    """Of one training step of one member, from shapes alone: nothing compiled, nothing computed."""

    flops: float
    moved_bytes: float  # all arrays of the step, before XLA fuses operations
    state_bytes: int  # what a member holds from step to step


def step_cost(member: Member, train: Split, batch_size: int) -> StepCost:
    """The cost as XLA counts it on the program before optimisation, on any device the same.

    Forward and backward pass, normalisation, loss and optimizer; evaluation is left out, and so is
    the drawing of the batch, which XLA would count though it is all integers. What a scan repeats
    is counted as often as it is done, where XLA counts it once.
    """
    state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
    batch = jax.tree.map(
        lambda one: jax.ShapeDtypeStruct((batch_size, *one.shape[1:]), one.dtype),
        jax.eval_shape(Examples, train.inputs[:1], train.targets[:1]),
    )
    flops, moved_bytes = _cost(jax.make_jaxpr(member.learn)(state, batch))
    leaves = jax.tree.leaves(state)
    return StepCost(
        flops=flops,
        moved_bytes=moved_bytes,
        state_bytes=sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves),
    )


def _cost(program: core.ClosedJaxpr) -> tuple[float, float]:
    """FLOPs and bytes of a program with all its repetitions."""
    flops, moved_bytes = _counted(program)
    for equation in _scans(program.jaxpr):
        body, length = equation.params["jaxpr"], equation.params["length"]
        once, whole = _counted(body), _cost(body)
        seen = _seen(length, equation.params["unroll"])
        flops += length * whole[0] - seen * once[0]
        moved_bytes += length * whole[1] - seen * once[1]
    return flops, moved_bytes


def _counted(program: core.ClosedJaxpr) -> tuple[float, float]:
    """As XLA does, each loop's body once."""
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in program.in_avals]
    analysis: Any = jax.jit(core.jaxpr_as_fun(program)).lower(*shapes).cost_analysis()
    return float(analysis.get("flops", 0.0)), float(analysis.get("bytes accessed", 0.0))


def _seen(length: int, unroll: int) -> int:
    """How many copies of a scan's body XLA is shown: those of one trip, and what is left over."""
    trips, left = divmod(length, unroll)
    return unroll + left if trips > 1 else length


def _scans(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """Those that are in no other scan."""
    for equation in jaxpr.eqns:
        if equation.primitive is primitives.scan_p:
            yield equation
        else:
            for inner in core.jaxprs_in_params(equation.params):
                yield from _scans(inner)
