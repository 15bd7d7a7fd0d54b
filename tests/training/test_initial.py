"""Members that freeze parts of their network, or scale the rates of their tensors."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.costs import step_cost
from lab.models.paths import named
from lab.specs import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    CohortSpec,
    InitialSpec,
    LAMBSpec,
    LionSpec,
    MuonSpec,
    NAdamSpec,
    OptimizerSpec,
    ProdigySpec,
    RecipeSpec,
    ResNetSpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    SGDSpec,
)
from lab.training.hyperparameters import Hyperparameters
from lab.training.member import MemberState, make_member
from lab.training.optimizers import build_optimizer
from lab.training.resident import Examples, make_resident

FROZEN = InitialSpec(frozen=("Dense_0",))
BATCH = Examples(*(leaf[:8] for leaf in make_resident(easy_images()).train))
OPTIMIZERS: tuple[OptimizerSpec, ...] = (
    AdamSpec(0.1),
    SGDSpec(0.1, weight_decay=0.1),
    SGDSpec(0.1, nesterov=True),
    AdamWSpec(0.1, 0.1),
    NAdamSpec(0.1),
    RMSPropSpec(0.1, 0.5),
    AdagradSpec(0.1),
    LionSpec(0.1, 0.1),
    LAMBSpec(0.1, 0.1),
    MuonSpec(0.1, weight_decay=0.1),
    ScheduleFreeSpec(0.1, 0.1),
    ProdigySpec(1.0),
)


def after(cohort: CohortSpec, batch: Examples, steps: int = 3) -> tuple[MemberState, MemberState]:
    """A member's start, and where it comes from there."""
    member = make_member(cohort, TWO_CLASSES, None)
    learn = lambda state, _: (member.learn(state, batch), None)  # noqa: E731

    @jax.jit
    def run(index: jax.Array) -> tuple[MemberState, MemberState]:
        start = member.init(index)
        end = jax.lax.scan(learn, start, length=steps)[0]
        return start, end._replace(params=member.evaluated(end)[0], average=end.params)

    start, end = run(jnp.int32(2))
    return start, end


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: type(one).__name__)
def test_what_is_frozen_never_moves_and_has_no_optimizer_state(optimizer: OptimizerSpec) -> None:
    """Neither what is trained nor what is evaluated, with decay, clipping and averages."""
    averages = 0.0 if isinstance(optimizer, ScheduleFreeSpec) else 0.7
    cohort = mlp_cohort(
        optimizer=optimizer,
        initial=FROZEN,
        recipe=RecipeSpec(clip_norm=0.1, ema_decay=averages),
    )
    start, end = after(cohort, BATCH)
    for reached in (end.params, end.average):
        for path, leaf in named(reached).items():
            same = np.asarray(leaf) == np.asarray(named(start.params)[path])
            assert same.all() if path.startswith("Dense_0") else not same.all()
    state = named(end.opt_state)
    assert not any("Dense_0" in path for path in state)
    shapes = {leaf.shape for leaf in state.values()}
    assert (16, 8) not in shapes, "the frozen kernel's"


def test_a_frozen_part_s_gradient_does_not_count_for_clipping() -> None:
    """A step of the rest is that of gradient descent whose gradient alone is clipped."""
    cohort = mlp_cohort(
        optimizer=SGDSpec(1.0, 0.0), initial=FROZEN, recipe=RecipeSpec(clip_norm=1e-3)
    )
    start, end = after(cohort, BATCH, 1)
    moved = jax.tree.map(lambda new, old: jnp.sum((new - old) ** 2), end.params, start.params)
    assert np.sqrt(sum(jax.tree.leaves(moved))) == pytest.approx(1e-3, rel=1e-3)


def test_a_frozen_layer_costs_no_gradient() -> None:
    """FLOPs are of the step as it is: the first kernel's gradient is as many as its product."""
    problem, data = TWO_CLASSES, easy_images()
    plain, frozen = (
        step_cost(make_member(mlp_cohort(initial=one), problem), data.train, 8).flops
        for one in (InitialSpec(), FROZEN)
    )
    assert plain - frozen >= 2 * 8 * 16 * 8


def test_batch_statistics_follow_the_batches_whatever_is_frozen() -> None:
    initial = InitialSpec(frozen=("BatchNorm_0", "Conv_0"))
    start, end = after(mlp_cohort(model=ResNetSpec(2, 1), initial=initial), BATCH, 1)
    before, now = named(start.model_state), named(end.model_state)
    assert (before["BatchNorm_0/mean"] != now["BatchNorm_0/mean"]).all()
    weights = named(start.params), named(end.params)
    for path in ("BatchNorm_0/scale", "Conv_0/kernel"):
        np.testing.assert_array_equal(weights[0][path], weights[1][path])


RATES = {"wide": 0.25, "bias": 3.0}
PARAMS = {"wide": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5, 0.1])}
GRADIENTS = {"wide": jnp.array([[0.3, 0.2]]), "bias": jnp.array([-0.2, 0.1])}


def stepped(spec: OptimizerSpec, rates: dict[str, float], decay: float | None) -> dict[str, Any]:
    """What two steps add, the second with other gradients."""
    hyper = Hyperparameters(
        learning_rate=jnp.float32(0.1),
        momentum=jnp.float32(0.5) if isinstance(spec, SGDSpec) else None,
        weight_decay=None if decay is None else jnp.float32(decay),
    )
    optimizer = build_optimizer(spec, RecipeSpec(), rates)

    @jax.jit
    def run() -> Any:
        params, state = PARAMS, optimizer.init(PARAMS, hyper)
        for step in range(2):
            gradients = jax.tree.map(lambda leaf, step=step: leaf * (1 - step / 2), GRADIENTS)
            params, state = optimizer.update(gradients, state, params, hyper, jnp.int32(step))
        return params

    return jax.device_get(run())


@pytest.mark.parametrize(
    "spec",
    [AdamSpec(0.1), NAdamSpec(0.1), RMSPropSpec(0.1), LionSpec(0.1), SGDSpec(0.1, 0.5)],
    ids=lambda one: type(one).__name__,
)
def test_each_tensor_goes_by_its_own_rate(spec: OptimizerSpec) -> None:
    plain, scaled = stepped(spec, {}, None), stepped(spec, RATES, None)
    for path, factor in RATES.items():
        moved = plain[path] - PARAMS[path]
        assert np.abs(moved).max() > 1e-3
        np.testing.assert_allclose(scaled[path] - PARAMS[path], factor * moved, rtol=1e-4)


@pytest.mark.parametrize("spec", [AdamWSpec(0.1), LionSpec(0.1)], ids=["adamw", "lion"])
def test_decay_is_by_the_declared_rate_whatever_the_tensor_s(spec: OptimizerSpec) -> None:
    """Of decoupled decay two steps take (1 - rate * decay)^2 of a kernel that stands still."""
    still = stepped(spec, {"wide": 0.0, "bias": 0.0}, 0.4)
    np.testing.assert_allclose(still["wide"], (1 - 0.1 * 0.4) ** 2 * PARAMS["wide"], rtol=1e-6)
    np.testing.assert_array_equal(still["bias"], PARAMS["bias"])
    alike, plain = stepped(spec, {"wide": 1.0, "bias": 1.0}, 0.4), stepped(spec, {}, 0.4)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6), alike, plain)


def test_coupled_decay_is_not_scaled_either() -> None:
    """Gradient descent whose gradient is scaled to nothing follows the decay alone."""
    still = stepped(SGDSpec(0.1, 0.5), {"wide": 0.0, "bias": 0.0}, 0.4)
    first = PARAMS["wide"] * (1 - 0.04)
    second = first - 0.1 * (0.4 * first + 0.5 * 0.4 * PARAMS["wide"])
    np.testing.assert_allclose(still["wide"], second, rtol=1e-6)
