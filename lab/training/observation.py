"""What one training step of a member computes on the way, for the eye."""

import enum
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lab.ops import Choose, chosen_here
from lab.specs import CohortSpec
from lab.training.forward import make_forward
from lab.training.initial import network_of
from lab.training.member import Member, MemberState, batch_of, noise_of
from lab.training.problem import Problem
from lab.training.resident import Examples, Window, to_inputs


class Value(enum.Enum):
    """What can be asked of a step, all of it at the parameters before the step."""

    LOSS = "loss"  # of the batch
    BATCH = "batch"  # indices into the training split
    PARAMS = "params"
    GRADIENTS = "gradients"  # before any clipping
    UPDATES = "updates"  # what the step adds to the parameters
    ACTIVATIONS = "activations"  # the output of every layer on the batch
    OPTIMIZER = "optimizer"


Observe = Callable[[MemberState, Examples | Window], dict[str, Any]]


def make_observe(
    cohort: CohortSpec,
    member: Member,
    problem: Problem,
    values: Collection[Value],
    choose: Choose = chosen_here,
) -> Observe:
    """`observe(state, train)` gives a tree of arrays for each value's name; no member axis.

    Loss and gradients are computed as `make_member` does, beside it; a test holds them together.
    """
    task = problem.objective
    network = make_forward(network_of(cohort, problem.signature), cohort.precision, choose)

    def loss(params: Any, state: MemberState, batch: Examples) -> jax.Array:
        inputs, noise = to_inputs(batch.inputs), noise_of(cohort, network, state)
        outputs, _ = network.train(params, state.model_state, inputs, noise)
        value = task.loss(outputs, batch.targets)
        smoothing = state.hyperparameters.label_smoothing
        if smoothing is not None:
            assert task.smoothing is not None
            value += smoothing * task.smoothing(outputs, batch.targets)
        return value

    def activations(state: MemberState, batch: Examples) -> Any:
        inputs, noise = to_inputs(batch.inputs), noise_of(cohort, network, state)
        return network.activations(state.params, state.model_state, inputs, noise)

    def drawn(state: MemberState, train: Examples | Window) -> jax.Array:
        if isinstance(train, Window):
            return train.indices[state.step - train.first]
        return batch_of(cohort, state, len(train.inputs))

    def observe(state: MemberState, train: Examples | Window) -> dict[str, Any]:
        batch = member.draw(state, train)
        found: dict[str, Any] = {}
        if {Value.LOSS, Value.GRADIENTS} & set(values):
            found["loss"], found["gradients"] = jax.value_and_grad(loss)(state.params, state, batch)
        if Value.BATCH in values:
            found["batch"] = drawn(state, train)
        if Value.PARAMS in values:
            found["params"] = state.params
        if Value.UPDATES in values:
            after = member.learn(state, batch).params
            found["updates"] = jax.tree.map(jnp.subtract, after, state.params)
        if Value.ACTIVATIONS in values:
            found["activations"] = activations(state, batch)
        if Value.OPTIMIZER in values:
            found["optimizer"] = state.opt_state
        return {value.value: found[value.value] for value in values}

    return observe


def named(step: int, observed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by names as `step-000100/gradients/head/kernel`; bfloat16 becomes float32."""
    names = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(dict(observed)):
        where = jax.tree_util.keystr(path, simple=True, separator="/")
        if where == "activations/__call__/0":
            where = "activations/logits"
        array = np.asarray(leaf.astype(jnp.float32) if leaf.dtype == jnp.bfloat16 else leaf)
        names[f"step-{step:06d}/{where.removesuffix('/__call__/0')}"] = array
    return names
