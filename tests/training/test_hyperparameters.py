"""Each member has its own numbers, and its own step by which a schedule counts."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import pytest
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.specs import (
    AdamWSpec,
    ConstantSchedule,
    CosineSchedule,
    InverseSquareRootSchedule,
    RecipeSpec,
    ScheduleSpec,
    SGDSpec,
    StepSchedule,
    TargetSpec,
    Varied,
)
from lab.training.hyperparameters import Hyperparameters, hyperparameters
from lab.training.lanes import Layout, make_lanes
from lab.training.member import MemberState, make_member
from lab.training.resident import make_resident
from lab.training.roll import roll_of
from lab.training.schedules import learning_rate
from lab.words import Hyperparameter, Metric

RATE, STEPS, TOTAL = 0.3, 40, 30


def inverse_square_root(count: jax.Array) -> jax.Array:
    return RATE * jnp.sqrt(8.0 / (8.0 + jnp.maximum(count, 0)))


def oracle(schedule: ScheduleSpec, warmup: int) -> optax.Schedule:
    """Optax's own, after a warm-up whose first update has 1 / warmup of the rate."""
    match schedule:
        case CosineSchedule(total, final):
            after = optax.cosine_decay_schedule(RATE, total - warmup, final)
        case StepSchedule(interval, factor):
            after = optax.exponential_decay(RATE, interval, factor, staircase=True)
        case InverseSquareRootSchedule():
            after = inverse_square_root
        case _:
            after = optax.constant_schedule(RATE)
    if not warmup:
        return after
    climb = optax.linear_schedule(RATE / warmup, RATE * (1 + 1 / warmup), warmup)
    return optax.join_schedules([climb, after], [warmup])


@functools.cache
def rates_of(schedule: ScheduleSpec):
    def rates(hyper: Hyperparameters) -> jax.Array:
        steps = jnp.arange(STEPS, dtype=jnp.int32)
        return jax.vmap(lambda step: learning_rate(schedule, step, hyper))(steps)

    return jax.jit(rates)


SCHEDULES = [
    ConstantSchedule(),
    CosineSchedule(TOTAL),
    CosineSchedule(TOTAL, 0.2),
    StepSchedule(7, 0.5),
    InverseSquareRootSchedule(8),
]


@pytest.mark.parametrize("warmup", [0, 1, 5])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_schedules_are_those_of_optax(schedule: ScheduleSpec, warmup: int) -> None:
    hyper = Hyperparameters(jnp.float32(RATE), warmup_steps=jnp.float32(warmup) if warmup else None)
    with jax.numpy_dtype_promotion("standard"):
        theirs = [float(oracle(schedule, warmup)(step)) for step in range(STEPS)]
    np.testing.assert_allclose(rates_of(schedule)(hyper), theirs, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_warm_ups_of_different_length_side_by_side(schedule: ScheduleSpec) -> None:
    """One without among them: none is not a division by 0."""
    lengths = jnp.array([0.0, 1.0, 5.0, 20.0], jnp.float32)
    hyper = Hyperparameters(jnp.float32(RATE), warmup_steps=lengths)
    axes = Hyperparameters(None, warmup_steps=0)
    together = np.asarray(jax.vmap(rates_of(schedule), (axes,))(hyper))
    for row, length in zip(together, (0, 1, 5, 20), strict=True):
        with jax.numpy_dtype_promotion("standard"):
            theirs = [float(oracle(schedule, length)(step)) for step in range(STEPS)]
        np.testing.assert_allclose(row, theirs, rtol=2e-6, atol=1e-8)
    assert together[2, 0] == pytest.approx(RATE / 5)
    assert together[2, 4] == pytest.approx(RATE)


def looked_up(cohort, count: int) -> Hyperparameters:
    members = jnp.arange(count, dtype=jnp.int32)
    return jax.jit(jax.vmap(functools.partial(hyperparameters, roll_of(cohort))))(members)


def column(values: jax.Array | None) -> npt.NDArray[np.float32]:
    assert values is not None
    return np.asarray(values)


def test_members_take_values_in_turn() -> None:
    cohort = mlp_cohort(
        optimizer=SGDSpec(0.1),
        vary=(
            Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.2, 0.3)),
            Varied(Hyperparameter.DROPOUT, (0.0, 0.5)),
        ),
    )
    found = looked_up(cohort, 7)
    np.testing.assert_allclose(column(found.learning_rate), [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1])
    np.testing.assert_allclose(column(found.dropout), [0, 0.5, 0, 0.5, 0, 0.5, 0])
    np.testing.assert_allclose(column(found.momentum), [0.9] * 7)


def test_a_value_for_each_member() -> None:
    rates = tuple(10.0 ** -(1 + i / 4) for i in range(13))
    cohort = mlp_cohort(vary=(Varied(Hyperparameter.LEARNING_RATE, rates),))
    np.testing.assert_array_equal(
        column(looked_up(cohort, 13).learning_rate), np.array(rates, np.float32)
    )


def test_what_a_cohort_does_without_is_not_there() -> None:
    """So that nothing is compiled for it."""
    plain = hyperparameters(roll_of(mlp_cohort()), jnp.int32(0))
    assert [name for name in plain._fields if getattr(plain, name) is not None] == ["learning_rate"]
    recipe = RecipeSpec(warmup_steps=3, clip_norm=1.0, ema_decay=0.9, label_smoothing=0.1)
    rich = hyperparameters(
        roll_of(mlp_cohort(optimizer=AdamWSpec(0.1), recipe=recipe)), jnp.int32(0)
    )
    missing = [name for name in rich._fields if getattr(rich, name) is None]
    assert missing == ["momentum", "dropout"]
    assert math.isclose(float(rich.weight_decay), 0.01, rel_tol=1e-6)  # type: ignore[arg-type]


def test_a_schedule_counts_the_member_s_own_steps_after_a_refill() -> None:
    """Three members one after another in one lane, and each with a state of its own."""
    cohort = mlp_cohort(
        members=3,
        target=TargetSpec(Metric.LOSS, (1e-6,), sustain=1),
        budget_steps=8,
        recipe=RecipeSpec(StepSchedule(2, 0.1), warmup_steps=3),
    )
    data = make_resident(easy_images())
    member = make_member(cohort, TWO_CLASSES)
    program = make_lanes(member, cohort, Layout(1, 1), 6, jax.devices()[:1])
    _, trace = program.advance(program.empty(), data)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=0)
    def alone(index: jax.Array) -> jax.Array:
        def live(state: MemberState, _: None) -> tuple[MemberState, jax.Array]:
            for _ in range(cohort.eval_every):
                state = member.step(state, data.train)
            state, info = member.evaluate(state, data.validation)
            return state, info.metrics_M

        return jax.lax.scan(live, member.init(index), length=2)[1]

    expected = np.asarray(alone(jnp.arange(3, dtype=jnp.int32))).reshape(6, 2)
    np.testing.assert_array_equal(np.asarray(trace.info.member)[:, 0], [0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(np.asarray(trace.info.metrics_M)[:, 0], expected, rtol=1e-5)
