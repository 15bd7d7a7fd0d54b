"""Every optimizer descends; traced numbers of a member's own change nothing but themselves."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from made_up import cohort
from optax import contrib

from lab.errors import UsageError
from lab.models import Signature, build_module
from lab.specs import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    CNNSpec,
    DeepLinearSpec,
    LAMBSpec,
    LionSpec,
    MLPSpec,
    ModelSpec,
    MuonSpec,
    NAdamSpec,
    OptimizerSpec,
    ProdigySpec,
    RecipeSpec,
    ResNetSpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    SGDSpec,
    StepSchedule,
    TransformerSpec,
    UNetSpec,
)
from lab.training.hyperparameters import Hyperparameters
from lab.training.optimizers import Optimizer, averaged, build_optimizer
from lab.training.schedules import learning_rate

STEPS = 300
KERNELS = functools.partial(jax.tree.map, lambda leaf: leaf.ndim > 1)
CENTRE = {
    "kernel": jnp.array([[1.0, 0.5], [0.2, 2.0], [-1.0, 0.3]]),
    "bias": jnp.array([1.0, -1.0]),
}
START = jax.tree.map(jnp.zeros_like, CENTRE)


def loss(params: Any) -> jax.Array:
    """Half the squared distance to CENTRE."""
    return sum((0.5 * (params[name] - CENTRE[name]) ** 2).sum() for name in CENTRE)


def numbers(**values: float) -> Hyperparameters:
    return Hyperparameters(**{name: jnp.float32(value) for name, value in values.items()})


# Each with its hyperparameters and, as the oracle, Optax's own at constants.
CASES: dict[str, tuple[OptimizerSpec, dict[str, float], optax.GradientTransformation]] = {
    "sgd": (SGDSpec(0.1, 0.0), {"learning_rate": 0.1}, optax.sgd(0.1)),
    "momentum": (
        SGDSpec(0.1),
        {"learning_rate": 0.1, "momentum": 0.9},
        optax.sgd(0.1, momentum=0.9),
    ),
    "nesterov, decay": (
        SGDSpec(0.1, 0.9, nesterov=True),
        {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        optax.chain(
            optax.add_decayed_weights(0.01, KERNELS), optax.sgd(0.1, momentum=0.9, nesterov=True)
        ),
    ),
    "adam": (AdamSpec(0.1), {"learning_rate": 0.1}, optax.adam(0.1)),
    "adamw": (
        AdamWSpec(0.1),
        {"learning_rate": 0.1, "weight_decay": 0.01},
        optax.adamw(0.1, weight_decay=0.01, mask=KERNELS),
    ),
    "nadam": (NAdamSpec(0.1), {"learning_rate": 0.1}, optax.nadam(0.1)),
    "rmsprop": (RMSPropSpec(0.01), {"learning_rate": 0.01}, optax.rmsprop(0.01)),
    "rmsprop, momentum": (
        RMSPropSpec(0.01, 0.5),
        {"learning_rate": 0.01, "momentum": 0.5},
        optax.rmsprop(0.01, momentum=0.5),
    ),
    "adagrad": (AdagradSpec(0.5), {"learning_rate": 0.5}, optax.adagrad(0.5)),
    "lion": (
        LionSpec(0.02),
        {"learning_rate": 0.02, "weight_decay": 0.01},
        optax.lion(0.02, weight_decay=0.01, mask=KERNELS),
    ),
    "lamb": (LAMBSpec(0.02), {"learning_rate": 0.02}, optax.lamb(0.02)),
    "muon": (
        MuonSpec(0.02),
        {"learning_rate": 0.02, "momentum": 0.95},
        # Of a matrix this is what Muon's default does. 1 - 0.95 is another number in float64.
        contrib.muon(0.02, beta=np.float32(0.95)),
    ),
    "schedule-free": (
        ScheduleFreeSpec(0.1),
        {"learning_rate": 0.1},
        contrib.schedule_free(optax.adamw(0.1, b1=0.0, weight_decay=0.0), learning_rate=0.1),
    ),
    "prodigy": (ProdigySpec(1.0), {"learning_rate": 1.0}, contrib.prodigy(1.0)),
}


def as_lab(transformation: optax.GradientTransformation) -> Optimizer:
    """Optax's own in the lab's terms; it knows no hyperparameters but its constants."""

    def update(gradients: Any, state: Any, params: Any, hyper: Any, step: jax.Array) -> Any:
        del hyper, step
        with jax.numpy_dtype_promotion("standard"):
            updates, state = transformation.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    def init(params: Any, hyper: Any) -> Any:
        del hyper
        with jax.numpy_dtype_promotion("standard"):
            return transformation.init(params)

    return Optimizer(init, update, lambda params, state: params)


def descent(optimizer: Optimizer, hyper: Hyperparameters, steps: int = STEPS) -> tuple[Any, Any]:
    """Parameters after so many steps, and those to be evaluated."""

    def once(carried: tuple[Any, Any], step: jax.Array) -> tuple[tuple[Any, Any], None]:
        params, state = carried
        return optimizer.update(jax.grad(loss)(params), state, params, hyper, step), None

    start = (START, optimizer.init(START, hyper))
    (params, state), _ = jax.lax.scan(once, start, jnp.arange(steps, dtype=jnp.int32))
    return params, optimizer.evaluated(params, state)


@functools.cache
def lab_descent(name: str, steps: int = STEPS):
    spec, values, _ = CASES[name]
    optimizer = build_optimizer(spec, RecipeSpec())
    return jax.jit(lambda hyper: descent(optimizer, hyper, steps)), numbers(**values)


@pytest.mark.parametrize("name", CASES)
def test_every_optimizer_descends(name: str) -> None:
    run, hyper = lab_descent(name)
    _, evaluated = run(hyper)
    assert float(loss(evaluated)) < 0.01 * float(loss(START))


@pytest.mark.parametrize("name", CASES)
def test_a_traced_rate_gives_the_bits_of_a_constant_one(name: str) -> None:
    """Compiled alike but for the rate, which is an argument here and a constant there."""
    run, hyper = lab_descent(name)
    params, _ = run(hyper)
    oracle = as_lab(CASES[name][2])
    constant, _ = jax.jit(lambda: descent(oracle, hyper))()
    jax.tree.map(np.testing.assert_array_equal, params, constant)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon", "schedule-free", "prodigy"])
def test_mapped_over_hyperparameters_is_one_at_a_time(name: str) -> None:
    run, hyper = lab_descent(name, 10)
    factors = jnp.array([0.5, 1.0, 2.0], jnp.float32)
    many = hyper._replace(learning_rate=hyper.learning_rate * factors)
    axes = Hyperparameters(
        **{field: 0 if field == "learning_rate" else None for field in hyper._fields}
    )
    together, _ = jax.jit(jax.vmap(run, (axes,)))(many)
    for index in range(3):
        alone, _ = run(hyper._replace(learning_rate=many.learning_rate[index]))
        jax.tree.map(
            lambda all_, one, index=index: np.testing.assert_allclose(
                all_[index], one, rtol=0, atol=1e-5
            ),
            together,
            alone,
        )
    spread = jnp.ptp(together["kernel"], axis=0).max()
    assert float(spread) > 1e-4, "else rates make no difference, and nothing was tested"


def test_schedule_free_is_evaluated_at_its_average() -> None:
    run, hyper = lab_descent("schedule-free")
    params, evaluated = run(hyper)
    assert float(jnp.abs(params["kernel"] - evaluated["kernel"]).max()) > 0
    _, _, oracle = CASES["schedule-free"]

    @jax.jit
    def by_hand() -> Any:
        params, state = START, as_lab(oracle).init(START, None)
        for _ in range(4):
            params, state = as_lab(oracle).update(
                jax.grad(loss)(params), state, params, None, jnp.int32(0)
            )
        return contrib.schedule_free_eval_params(state, params)

    optimizer = build_optimizer(ScheduleFreeSpec(0.1), RecipeSpec())
    _, mine = jax.jit(lambda: descent(optimizer, numbers(learning_rate=0.1), 4))()
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), mine, by_hand())


def test_decay_leaves_biases_alone() -> None:
    """Of zero gradients decoupled decay is all there is: 1 - rate * decay a step."""
    optimizer = build_optimizer(AdamWSpec(0.1, 0.5), RecipeSpec())
    hyper = numbers(learning_rate=0.1, weight_decay=0.5)
    params, _ = jax.jit(
        lambda: optimizer.update(START, optimizer.init(CENTRE, hyper), CENTRE, hyper, jnp.int32(0))
    )()
    np.testing.assert_allclose(params["kernel"], 0.95 * CENTRE["kernel"], rtol=1e-6)
    np.testing.assert_array_equal(params["bias"], CENTRE["bias"])


def test_gradients_are_clipped_to_their_global_norm() -> None:
    optimizer = build_optimizer(SGDSpec(1.0, 0.0), RecipeSpec())

    def moved(clip_norm: float) -> float:
        hyper = numbers(learning_rate=1.0, clip_norm=clip_norm)
        gradients = jax.grad(loss)(START)
        params, _ = jax.jit(optimizer.update)(
            gradients, optimizer.init(START, hyper), START, hyper, jnp.int32(0)
        )
        return float(optax.tree.norm(params))

    whole = float(optax.tree.norm(CENTRE))
    assert moved(0.5) == pytest.approx(0.5)
    assert moved(10 * whole) == pytest.approx(whole)


def test_an_average_is_the_sum_of_its_weights() -> None:
    """After three steps: decay^3 of the start, then (1 - decay) decay^k of what came k before."""
    decay, mean = jnp.float32(0.8), {"w": jnp.float32(5)}
    for value in (1.0, 2.0, 3.0):
        mean = averaged(mean, {"w": jnp.float32(value)}, decay)
    by_hand = 0.8**3 * 5 + 0.2 * (0.64 * 1 + 0.8 * 2 + 3)
    assert float(mean["w"]) == pytest.approx(by_hand)


@pytest.mark.parametrize("warmup", [None, 3])
@pytest.mark.parametrize("interval", [41, 47, 55, 61])
def test_a_step_comes_at_its_own_update(interval: int, warmup: int | None) -> None:
    """In float32 and compiled, 41 * (1 / 41) < 1."""
    hyper = numbers(learning_rate=1.0)
    if warmup is not None:
        hyper = hyper._replace(warmup_steps=jnp.float32(warmup))
    schedule = StepSchedule(interval, 0.5)
    drops = np.arange(interval, 2001, interval)
    steps = jnp.asarray(drops + (warmup or 0), jnp.int32)
    rates = jax.jit(
        jax.vmap(lambda step, hyper: learning_rate(schedule, step, hyper), in_axes=(0, None))
    )
    before = np.log2(np.asarray(rates(steps - 1, hyper)))
    at = np.log2(np.asarray(rates(steps, hyper)))
    np.testing.assert_allclose(before, -(drops // interval - 1), atol=1e-3)
    np.testing.assert_allclose(at, -(drops // interval), atol=1e-3)


def declared_schedule_free(model: ModelSpec) -> bool:
    try:
        cohort(model=model, optimizer=ScheduleFreeSpec(0.1))
    except UsageError:
        return False
    return True


@pytest.mark.parametrize(
    "model",
    [
        UNetSpec(0.25),
        ResNetSpec(4, 1),
        MLPSpec(4),
        CNNSpec(4),
        DeepLinearSpec(4, 1),
        TransformerSpec(4, 1, 2),
    ],
    ids=str,
)
def test_schedule_free_is_refused_where_there_are_batch_statistics(model: ModelSpec) -> None:
    kind = jnp.int32 if isinstance(model, TransformerSpec) else jnp.float32
    shape = (1, 8) if isinstance(model, TransformerSpec) else (1, 32, 32, 3)
    text = Signature((8,), (8, 10), vocabulary=10)
    signature = text if isinstance(model, TransformerSpec) else Signature((32, 32, 3), (10,))
    module = build_module(model, signature)
    variables = jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros(shape, kind), train=False)
    )
    assert declared_schedule_free(model) == ("batch_stats" not in variables)
