"""What is looked at before a user's model or task is trained a thousand times."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.models import Network, build_network
from lab.models.own_rules import PURE, remedy
from lab.specs import CohortSpec, InitialSpec, OwnModelSpec, OwnTaskSpec, ScheduleFreeSpec
from lab.training.forward import make_forward
from lab.training.member import Member, MemberState, batch_of, make_member, noise_of
from lab.training.objectives import Objective
from lab.training.problem import Problem, make_problem
from lab.training.resident import Examples, to_inputs
from lab.user_code import explained

_ADDRESS = re.compile(r"0x[0-9a-f]+")
"""Where in memory something lies, which a jaxpr tells of some functions."""

_RUN_ONCE: dict[str, int | bool] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
"""What runs but once is compiled in a hurry: a U-Net's step in 2 seconds of a CPU's, not in 6."""


def check_own(cohort: CohortSpec, data: DataArrays) -> None:
    """Refuses a model or a task of a user's own that cannot be trained, before it is planned.

    Member 0's first step is computed, on the data; all else is found from shapes. A cohort of the
    lab's own model on a data set passes as it is.

    Raises:
        UsageError: a rule is broken; the line says which, and what to do.
    """
    own_model = isinstance(cohort.model, OwnModelSpec)
    own_task = isinstance(cohort.data, OwnTaskSpec)
    if not own_model and not own_task:
        return
    # As the model draws itself: where members start from is checked, by shapes, as it is planned.
    cohort = dataclasses.replace(cohort, initial=InitialSpec())
    problem = make_problem(cohort.data, data)
    network = make_forward(build_network(cohort.model, problem.signature), cohort.precision, None)
    state = jax.eval_shape(make_member(cohort, problem, None).init, _index())
    _require_a_recipe_that_fits(cohort, network, problem.objective, state)
    batch = _first_batch(cohort, data.train, state)
    _require_a_measurable_task(cohort, network, problem, state, batch)
    _require_pure(cohort, network, problem, state, batch)
    _require_steps_that_keep_their_types(cohort, problem, state, batch)
    _require_a_sound_start(cohort, network, problem, batch)


def _require_a_recipe_that_fits(
    cohort: CohortSpec, network: Network, objective: Objective, state: MemberState
) -> None:
    """What a spec cannot know of code that it only names."""
    if isinstance(cohort.optimizer, ScheduleFreeSpec) and jax.tree.leaves(state.model_state):
        raise UsageError(
            "schedule_free evaluates an average of the weights, but this model gathers its batch "
            "statistics at others: pass --optimizer=adamw"
        )
    if cohort.seeds.dropout is not None and not network.draws:
        raise UsageError(
            "dropout is crossed, but this model draws nothing in training: drop it from --cross"
        )
    if state.hyperparameters.label_smoothing is not None and objective.smoothing is None:
        raise UsageError(
            f"label_smoothing is given, but the loss of {cohort.data.name} is none whose labels "
            "the lab can smooth: drop --label_smoothing, and smooth them in the loss"
        )


def _require_a_measurable_task(
    cohort: CohortSpec, network: Network, problem: Problem, state: MemberState, batch: Examples
) -> None:
    outputs, _ = jax.eval_shape(*_training(cohort, network, state, batch))
    shown = " and ".join(
        f"{name} {one.dtype.name}{list(one.shape)}"
        for name, one in (("outputs", outputs), ("targets", batch.targets))
    )
    weights = jax.ShapeDtypeStruct(outputs.shape[:1], jnp.float32)

    def measured(outputs: jax.Array, targets: jax.Array, weights_B: jax.Array) -> Any:
        return problem.objective.score(problem.objective.tally(outputs, targets, weights_B))

    with explained(f"the loss of {cohort.data.name} on {shown}", _task_remedy):
        jax.eval_shape(jax.grad(problem.objective.loss), outputs, batch.targets)
    with explained(f"the metrics of {cohort.data.name} on {shown}", _task_remedy):
        jax.eval_shape(measured, outputs, batch.targets, weights)


def _task_remedy(error: Exception) -> str:
    """The rules are the model's but for the last."""
    found = remedy(error)
    if "--model_kwargs" not in found:
        return found
    return "it must take what the model gives and what the data hold: mend it, or choose others"


def _require_pure(
    cohort: CohortSpec, network: Network, problem: Problem, state: MemberState, batch: Examples
) -> None:
    """Traced twice, all must come to the same program, and keep hold of no tracer."""
    outputs, _ = jax.eval_shape(*_training(cohort, network, state, batch))
    model = cohort.model.path if isinstance(cohort.model, OwnModelSpec) else "the model"
    inputs = jax.eval_shape(to_inputs, batch.inputs)
    weights = jax.ShapeDtypeStruct(outputs.shape[:1], jnp.float32)
    objective = problem.objective
    for what, function, *arguments in (
        (model, *_training(cohort, network, state, batch)),
        (model, network.evaluate, state.params, state.model_state, inputs),
        (f"the loss of {cohort.data.name}", objective.loss, outputs, batch.targets),
        (f"a metric of {cohort.data.name}", objective.tally, outputs, batch.targets, weights),
    ):
        rule = (
            f"{PURE}"
            if what == model
            else "losses and metrics must be pure functions of their two arguments"
        )
        once, again = (_program(function, *arguments) for _ in range(2))
        if once != again:
            raise UsageError(
                f"{what} comes out otherwise each time it is traced, as a counter, a list that "
                f"grows or a draw of numpy.random makes it; {rule}: draw with jax.random and keys "
                "of make_rng or nnx.Rngs, and keep what changes in a variable of Flax"
            )
        if _leaks(function, *arguments):
            raise UsageError(
                f"{what} puts an array away in Python, in a list or an attribute, which is none "
                f"once the program is compiled; {rule}: return it, or sow it"
            )


def _program(function: Callable[..., Any], *arguments: Any) -> tuple[str, list[bytes]]:
    """A function's jaxpr and the constants that it closes over."""
    closed = jax.make_jaxpr(lambda *given: function(*given))(*arguments)
    return _ADDRESS.sub("", str(closed.jaxpr)), [np.asarray(one).tobytes() for one in closed.consts]


def _leaks(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        with jax.checking_leaks():
            jax.make_jaxpr(lambda *given: function(*given))(*arguments)
    except Exception as error:  # JAX raises a bare one.
        if str(error).startswith("Leaked"):
            return True
        raise
    return False


def _require_steps_that_keep_their_types(
    cohort: CohortSpec, problem: Problem, state: MemberState, batch: Examples
) -> None:
    """A step's result is the next one's argument, in one compiled loop."""
    member = make_member(cohort, problem, None)
    with explained("tracing a training step", _task_remedy):
        after = jax.eval_shape(member.learn, state, batch)
    for (where, before), now in zip(
        jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(after), strict=True
    ):
        if (before.shape, before.dtype) != (now.shape, now.dtype):
            name = jax.tree_util.keystr(where, simple=True, separator="/")
            raise UsageError(
                f"a training step makes {now.dtype.name}{list(now.shape)} of {name}, which was "
                f"{before.dtype.name}{list(before.shape)}; a member keeps its types from step to "
                "step: cast it back in the model"
            )


def _require_a_sound_start(
    cohort: CohortSpec, network: Network, problem: Problem, batch: Examples
) -> None:
    """Member 0's first loss and gradients are finite; else says where they first are not."""
    member: Member = make_member(cohort, problem, None)
    state = jax.jit(member.init, compiler_options=_RUN_ONCE)(jnp.int32(0))
    inputs, noise = to_inputs(batch.inputs), noise_of(cohort, network, state)

    def loss(params: Any) -> jax.Array:
        outputs, _ = network.train(params, state.model_state, inputs, noise)
        return problem.objective.loss(outputs, batch.targets)

    value, gradients = jax.jit(jax.value_and_grad(loss), compiler_options=_RUN_ONCE)(state.params)
    if not np.isfinite(value):
        seen = network.activations(state.params, state.model_state, inputs, noise)
        layers = [name for name, one in _in_order(seen) if not _finite(one)]
        source = (
            f"the output of {', '.join(layers[:3])} is not: scale the inputs or the initial weights"
            if layers
            else "the model's outputs are, so the loss is at fault: keep it from log(0) and 0/0"
        )
        raise UsageError(
            f"the loss is {float(value):g} at step 0, for member 0 on its first batch; it must be "
            f"finite before training starts; {source}"
        )
    if cohort.divergence_factor is not None and value == 0:
        raise UsageError(
            f"divergence_factor is {cohort.divergence_factor:g}, but the loss is 0 at step 0, for "
            "member 0 on its first batch; no rise can be counted in a start of 0: drop "
            "--divergence_factor"
        )
    for where, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        if not _finite(gradient):
            name = jax.tree_util.keystr(where, simple=True, separator="/")
            raise UsageError(
                f"the gradient of {name} is not finite at step 0, though the loss is {value:g}; "
                "both must be before training starts: keep sqrt, norms and divisions away from 0, "
                "in the branch that jnp.where does not take too"
            )


def _in_order(seen: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Layers by name in the order in which they were called, where nothing has sorted them."""
    if isinstance(seen, dict):
        for name, inner in seen.items():
            yield from _in_order(inner, path if name == "__call__" else f"{path}/{name}")
    else:
        yield path.strip("/") or "the whole model", seen


def _finite(tree: Any) -> bool:
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


def _first_batch(cohort: CohortSpec, train: Split, shapes: MemberState) -> Examples:
    """What member 0 sees at its first step, drawn as it will draw it."""

    def drawn(zero: jax.Array) -> jax.Array:
        return batch_of(
            cohort,
            shapes._replace(member=zero, seed=jnp.uint32(cohort.seed), step=zero),
            len(train.inputs),
        )

    chosen = np.asarray(jax.jit(drawn, compiler_options=_RUN_ONCE)(jnp.int32(0)))
    return Examples(jnp.asarray(train.inputs[chosen]), jnp.asarray(train.targets[chosen]))


def _training(
    cohort: CohortSpec, network: Network, state: MemberState, batch: Examples
) -> tuple[Any, ...]:
    """A training pass as a function of arrays alone, and the shapes of these."""

    def train(member: MemberState, stored: jax.Array) -> Any:
        noise = noise_of(cohort, network, member)
        return network.train(member.params, member.model_state, to_inputs(stored), noise)

    return train, state, batch.inputs


def _index() -> Any:
    return jax.ShapeDtypeStruct((), jnp.int32)
