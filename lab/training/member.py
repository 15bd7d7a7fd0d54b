"""One member: no member axis anywhere. `lanes` maps it, once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lab.models import Network, Noise
from lab.models.start import Start
from lab.models.weights import Weights
from lab.ops import Choose, chosen_here
from lab.randomness import Stream, batch_indices, member_key, step_key, subset_indices
from lab.specs import CohortSpec
from lab.training.detection import DetectionState, detector
from lab.training.forward import make_forward
from lab.training.hyperparameters import Hyperparameters, hyperparameters
from lab.training.initial import network_of, start_of
from lab.training.objectives import Objective, Sums
from lab.training.optimizers import averaged, build_optimizer
from lab.training.problem import Problem
from lab.training.resident import Chunks, Examples, Window, to_inputs
from lab.training.roll import Roll, roll_of
from lab.words import Factor, Metric, Outcome


class MemberState(NamedTuple):
    """A member in training."""

    # address
    member: jax.Array  # int32 []
    seed: jax.Array  # uint32 []: the root of its cohort's draws
    hyperparameters: Hyperparameters
    # evolving
    step: jax.Array  # int32 []: steps done
    params: Any
    model_state: Any
    opt_state: optax.OptState
    average: Any  # of params and model_state, if the cohort's members are evaluated at it
    # statistics
    start_loss: jax.Array | None  # float32 []: of the first batch, if divergence is relative to it
    diverged: jax.Array  # bool []: a step's or an evaluation's loss was not finite, or too large
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


def outcome_of(reached_K: np.ndarray, diverged: np.bool_) -> Outcome:
    """How a member has ended, by its last evaluation; a target that was reached counts first."""
    if reached_K[-1]:
        return Outcome.REACHED
    return Outcome.DIVERGED if diverged else Outcome.EXHAUSTED


class Member(NamedTuple):
    """A step draws a batch and learns from it; an evaluation gives the state, and what it saw.

    `start` is for a member of any roll of these networks, `init` for one of the cohort's own.
    `evaluated` are the params and the model state that evaluations are of.
    """

    roll: Roll
    start: Callable[[jax.Array, Roll], MemberState]
    draw: Callable[[MemberState, Examples | Window], Examples]
    learn: Callable[[MemberState, Examples], MemberState]
    evaluate: Callable[[MemberState, Chunks], tuple[MemberState, MemberInfo]]
    evaluated: Callable[[MemberState], tuple[Any, Any]]

    def init(self, member: jax.Array) -> MemberState:
        """The member before its first step."""
        return self.start(member, self.roll)

    def step(self, state: MemberState, train: Examples | Window) -> MemberState:
        """One training step."""
        return self.learn(state, self.draw(state, train))


def make_member(
    cohort: CohortSpec,
    problem: Problem,
    choose: Choose | None = chosen_here,
    source: Weights | None = None,
) -> Member:
    """The member of a cohort, on the problem that its data pose.

    `choose` gives each operation of the model its form; None leaves the model's own layers.
    `source` are the trained weights that the cohort starts from, if it does.
    """
    network = make_forward(network_of(cohort, problem.signature), cohort.precision, choose)
    initial = start_of(cohort, problem.signature, source)
    return member_of(cohort, problem.objective, network, initial)


def member_of(cohort: CohortSpec, task: Objective, network: Network, initial: Start) -> Member:
    """The member that trains this network from this start; see `make_member`."""
    optimizer = build_optimizer(cohort.optimizer, cohort.recipe, initial.rates)
    trained_of, whole = initial.division
    detect = detector(cohort.target)
    target_metric = cohort.metrics.index(cohort.target.metric)
    loss_metric = cohort.metrics.index(Metric.LOSS)

    def start(member: jax.Array, roll: Roll) -> MemberState:
        key = member_key(roll.seed, Stream.INIT, cohort.seeds.level(Factor.INIT, member))
        params, model_state = initial.init(key)
        hyper = hyperparameters(roll, member)
        return MemberState(
            member=member,
            seed=roll.seed,
            hyperparameters=hyper,
            step=jnp.zeros((), jnp.int32),
            params=params,
            model_state=model_state,
            opt_state=optimizer.init(trained_of(params), hyper),
            average=None if hyper.ema_decay is None else (params, model_state),
            start_loss=None if cohort.divergence_factor is None else jnp.zeros(()),
            diverged=jnp.zeros((), jnp.bool_),
            diverged_at=jnp.zeros((), jnp.int32),
            detection=detect.init(),
        )

    def loss(trained: Any, state: MemberState, batch: Examples) -> tuple[jax.Array, Any]:
        params = whole(trained, state.params)
        inputs, noise = to_inputs(batch.inputs), noise_of(cohort, network, state)
        outputs, model_state = network.train(params, state.model_state, inputs, noise)
        value = task.loss(outputs, batch.targets)
        if state.hyperparameters.label_smoothing is not None:
            assert task.smoothing is not None
            value += state.hyperparameters.label_smoothing * task.smoothing(outputs, batch.targets)
        return value, model_state

    def draw(state: MemberState, train: Examples | Window) -> Examples:
        if isinstance(train, Window):
            return train.batch(state.step)
        batch = batch_of(cohort, state, len(train.inputs))
        return Examples(train.inputs[batch], train.targets[batch])

    def learn(state: MemberState, batch: Examples) -> MemberState:
        trained = trained_of(state.params)
        (value, model_state), gradients = jax.value_and_grad(loss, has_aux=True)(
            trained, state, batch
        )
        hyper = state.hyperparameters
        trained, opt_state = optimizer.update(
            gradients, state.opt_state, trained, hyper, state.step
        )
        params = whole(trained, state.params)
        average, start_loss = state.average, state.start_loss
        if hyper.ema_decay is not None:
            average = averaged(average, (params, model_state), hyper.ema_decay)
        if start_loss is not None:
            start_loss = jnp.where(state.step == 0, value, start_loss)
        finite = jnp.isfinite(value)
        return state._replace(
            step=state.step + 1,
            params=params,
            model_state=model_state,
            opt_state=opt_state,
            average=average,
            start_loss=start_loss,
            diverged=state.diverged | ~finite,
            diverged_at=jnp.where(state.diverged | finite, state.diverged_at, state.step + 1),
        )

    def evaluated(state: MemberState) -> tuple[Any, Any]:
        if state.average is None:
            trained, model_state = trained_of(state.params), state.model_state
            trained = optimizer.evaluated(trained, state.opt_state)
        else:
            average, model_state = state.average
            trained = trained_of(average)
        return whole(trained, state.params), model_state

    def measure(state: MemberState, validation: Chunks) -> jax.Array:
        params, model_state = evaluated(state)

        def tally(chunk: Chunks) -> Sums:
            outputs = network.evaluate(params, model_state, to_inputs(chunk.inputs))
            return task.tally(outputs, chunk.targets, chunk.weights)

        return task.score(jax.tree.map(lambda sums: sums.sum(0), jax.lax.map(tally, validation)))

    def sound(state: MemberState, value: jax.Array) -> jax.Array:
        """Whether the loss of an evaluation is that of a member that has not diverged."""
        if cohort.divergence_factor is None or state.start_loss is None:
            return jnp.isfinite(value)
        bound = divergence_bound(state.start_loss, cohort.divergence_factor)
        return jnp.isfinite(value) & (value <= bound)

    def evaluate(state: MemberState, validation: Chunks) -> tuple[MemberState, MemberInfo]:
        metrics_M = measure(state, validation)
        evaluation = state.step // cohort.eval_every
        detection = detect.update(state.detection, evaluation, metrics_M[target_metric])
        fine = sound(state, metrics_M[loss_metric])
        state = state._replace(
            detection=detection,
            diverged=state.diverged | ~fine,
            diverged_at=jnp.where(state.diverged | fine, state.diverged_at, state.step),
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

    return Member(roll_of(cohort), start, draw, learn, evaluate, evaluated)


def divergence_bound(start_loss: jax.Array, factor: float) -> jax.Array:
    """The loss [] above which a member has diverged: it rose by factor - 1 times its start's size.

    That is `factor` times a start above 0. A multiple of a start below 0 would lie further below,
    and call members diverged that improve. A start of 0 has no size: there is no bound then.
    """
    below = start_loss + (factor - 1) * jnp.abs(start_loss)
    bound = jnp.where(start_loss > 0, factor * start_loss, below)
    return jnp.where(start_loss == 0, jnp.inf, bound)


def noise_of(cohort: CohortSpec, network: Network, state: MemberState) -> Noise | None:
    """What a member's next training pass draws with; None where nothing is drawn."""
    rate = state.hyperparameters.dropout
    if rate is None and not network.draws:
        return None
    level = cohort.seeds.level(Factor.DROPOUT, state.member)
    return Noise(step_key(state.seed, Stream.DROPOUT, level, state.step), rate)


def batch_of(cohort: CohortSpec, state: MemberState, size: int) -> jax.Array:
    """Which of `size` training examples a member's next step learns from: int32 [batch_size]."""
    order, split = (
        member_key(state.seed, stream, cohort.seeds.level(factor, state.member))
        for stream, factor in ((Stream.ORDER, Factor.ORDER), (Stream.SPLIT, Factor.SPLIT))
    )
    kept = max(1, round(cohort.train_share * size))
    batch = batch_indices(order, state.step, cohort.batch_size, kept)
    return batch if kept == size else subset_indices(split, batch, size)
