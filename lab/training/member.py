"""One member: no member axis anywhere. `lanes` maps it, once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lab.models import build_model, example_input, initial_gain, initialise
from lab.randomness import Stream, batch_indices, member_key
from lab.specs import CohortSpec
from lab.training.detection import DetectionState, detector
from lab.training.objectives import Sums, objective
from lab.training.optimizers import build_optimizer
from lab.training.resident import Chunks, Examples, to_float
from lab.words import Metric


class MemberState(NamedTuple):
    """A member in training."""

    # address
    member: jax.Array  # int32 []
    # evolving
    step: jax.Array  # int32 []: steps done
    params: Any
    batch_stats: Any
    opt_state: optax.OptState
    # statistics
    diverged: jax.Array  # bool []: the loss of a step, or of the validation split, was not finite
    diverged_at: jax.Array  # int32 []: the first such step, where diverged
    detection: DetectionState


class MemberInfo(NamedTuple):
    """What one evaluation reports of a member."""

    member: jax.Array  # int32 []
    evaluation: jax.Array  # int32 []: counts from 1
    metrics_M: jax.Array  # float32, in the order of CohortSpec.metrics
    reached_K: jax.Array  # bool, per threshold
    hit_K: jax.Array  # int32, evaluation of the hit where reached
    diverged: jax.Array  # bool []
    diverged_at: jax.Array  # int32 []
    ended: jax.Array  # bool []: reached its hardest target, diverged, or spent its budget


class Member(NamedTuple):
    """A step draws a batch and learns from it; an evaluation gives the state, and what it saw."""

    init: Callable[[jax.Array], MemberState]
    draw: Callable[[MemberState, Examples], Examples]
    learn: Callable[[MemberState, Examples], MemberState]
    evaluate: Callable[[MemberState, Chunks], tuple[MemberState, MemberInfo]]

    def step(self, state: MemberState, train: Examples) -> MemberState:
        """One training step."""
        return self.learn(state, self.draw(state, train))


def make_member(cohort: CohortSpec, image_shape: tuple[int, int, int], classes: int) -> Member:
    """The member of a cohort on images of shape (H, W, C)."""
    module = build_model(cohort.model, classes)
    task = objective(cohort.data.task)
    optimizer = build_optimizer(cohort.optimizer)
    detect = detector(cohort.target)
    target_metric = cohort.metrics.index(cohort.target.metric)
    loss_metric = cohort.metrics.index(Metric.LOSS)
    input_shape = example_input(image_shape)

    def init(member: jax.Array) -> MemberState:
        key = member_key(cohort.seed, Stream.INIT, member)
        variables = initialise(module, key, input_shape, initial_gain(cohort.model))
        params = variables["params"]
        return MemberState(
            member=member,
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(params),
            diverged=jnp.zeros((), jnp.bool_),
            diverged_at=jnp.zeros((), jnp.int32),
            detection=detect.init(),
        )

    def loss(
        params: Any, batch_stats: Any, inputs: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, Any]:
        variables = {"params": params, "batch_stats": batch_stats}
        applied: Any = module.apply(
            variables, to_float(inputs), train=True, mutable=["batch_stats"]
        )
        logits, updated = applied
        return task.loss(logits, targets), updated.get("batch_stats", {})

    def draw(state: MemberState, train: Examples) -> Examples:
        key = member_key(cohort.seed, Stream.ORDER, state.member)
        batch = batch_indices(key, state.step, cohort.batch_size, len(train.inputs))
        return Examples(train.inputs[batch], train.targets[batch])

    def learn(state: MemberState, batch: Examples) -> MemberState:
        (value, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(
            state.params, state.batch_stats, batch.inputs, batch.targets
        )
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        finite = jnp.isfinite(value)
        return state._replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
            diverged=state.diverged | ~finite,
            diverged_at=jnp.where(state.diverged | finite, state.diverged_at, state.step + 1),
        )

    def measure(state: MemberState, validation: Chunks) -> jax.Array:
        variables = {"params": state.params, "batch_stats": state.batch_stats}

        def tally(chunk: Chunks) -> Sums:
            logits: Any = module.apply(variables, to_float(chunk.inputs), train=False)
            return task.tally(logits, chunk.targets, chunk.weights)

        return task.score(jax.tree.map(lambda sums: sums.sum(), jax.lax.map(tally, validation)))

    def evaluate(state: MemberState, validation: Chunks) -> tuple[MemberState, MemberInfo]:
        metrics_M = measure(state, validation)
        evaluation = state.step // cohort.eval_every
        detection = detect.update(state.detection, evaluation, metrics_M[target_metric])
        finite = jnp.isfinite(metrics_M[loss_metric])
        state = state._replace(
            detection=detection,
            diverged=state.diverged | ~finite,
            diverged_at=jnp.where(state.diverged | finite, state.diverged_at, state.step),
        )
        converged = detection.reached_K[-1]
        spent = state.step >= cohort.budget_steps
        info = MemberInfo(
            member=state.member,
            evaluation=evaluation,
            metrics_M=metrics_M,
            reached_K=detection.reached_K,
            hit_K=detection.hit_K,
            diverged=state.diverged,
            diverged_at=state.diverged_at,
            ended=converged | state.diverged | spent,
        )
        return state, info

    return Member(init, draw, learn, evaluate)
