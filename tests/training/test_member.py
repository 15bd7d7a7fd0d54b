"""A member is a plain Flax and Optax loop, written out here by hand without the lab's step."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import pytest
from toys import easy_images, easy_masks, mlp_cohort, unet_cohort

from lab.data.arrays import DataArrays
from lab.models import build_module
from lab.models.build import initial_gain
from lab.models.initial import initialise
from lab.randomness import Stream, batch_indices, member_key, step_key
from lab.specs import (
    AdamSpec,
    CohortSpec,
    CosineSchedule,
    RecipeSpec,
    SGDSpec,
    TargetSpec,
    Varied,
)
from lab.training import member as member_module
from lab.training.member import Member, MemberState, divergence_bound, make_member
from lab.training.problem import make_problem
from lab.training.resident import Examples, make_resident
from lab.words import Hyperparameter, Metric, Precision, Task

STEPS = 4
ATOL = 1e-5
CASES = {
    "mlp": (mlp_cohort(), easy_images()),
    "mlp, sgd": (mlp_cohort(optimizer=SGDSpec(0.1, 0.8)), easy_images()),
    # Adam would turn the rounding errors of a gradient that is nearly 0 into whole steps.
    "unet": (unet_cohort(optimizer=SGDSpec(0.02, 0.8)), easy_masks()),
}


def member_of(cohort: CohortSpec, data: DataArrays) -> Member:
    return make_member(cohort, make_problem(cohort.data, data))


def loss_by_hand(cohort: CohortSpec, logits: jax.Array, targets: jax.Array) -> jax.Array:
    if cohort.data.task is Task.SEGMENTATION:
        said_yes = jax.nn.log_sigmoid(logits)
        return -jnp.where(targets == 1, said_yes, said_yes - logits).mean()
    said = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(said, targets[:, None], axis=1).mean()


def optimizer_by_hand(cohort: CohortSpec) -> optax.GradientTransformation:
    rate = cohort.optimizer.learning_rate
    if isinstance(cohort.optimizer, SGDSpec):
        return optax.sgd(rate, momentum=cohort.optimizer.momentum)
    return optax.adam(rate)


@functools.cache
def by_hand(name: str, number: int) -> tuple[Any, Any, list[float]]:
    """Parameters, batch statistics and losses of a member's first steps."""
    cohort, data = CASES[name]
    module = build_module(cohort.model, make_problem(cohort.data, data).signature)
    optimizer = optimizer_by_hand(cohort)

    @jax.jit
    def start() -> tuple[Any, Any, Any]:
        key = member_key(cohort.seed, Stream.INIT, jnp.int32(number))
        gain = initial_gain(cohort.model)
        variables = initialise(
            module, key, make_problem(cohort.data, data).signature.example(), gain
        )
        params = variables["params"]
        return params, variables.get("batch_stats", {}), optimizer.init(params)

    params, stats, state = start()
    size = len(data.train.inputs)
    order = member_key(cohort.seed, Stream.ORDER, jnp.int32(number))
    examples = jax.jit(lambda step: batch_indices(order, step, cohort.batch_size, size))

    @jax.jit
    def update(params: Any, stats: Any, state: Any, x: jax.Array, y: jax.Array) -> Any:
        def loss(params: Any) -> Any:
            logits, new = module.apply(
                {"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"]
            )
            return loss_by_hand(cohort, logits, y), new.get("batch_stats", {})

        (value, stats_after), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), stats_after, state, value

    losses = []
    for step in range(STEPS):
        at = np.asarray(examples(jnp.int32(step)))
        x = data.train.inputs[at].astype(np.float32) / np.float32(255)
        params, stats, state, value = update(params, stats, state, x, data.train.targets[at])
        losses.append(float(value))
    return params, stats, losses


def trained(name: str, number: int, data: DataArrays | None = None) -> MemberState:
    own = CASES[name][1]
    init, step = compiled(name)
    state = init(jnp.int32(number))
    train = make_resident(data or own).train
    for _ in range(STEPS):
        state = step(state, train)
    return state


@functools.cache
def compiled(name: str):
    cohort, data = CASES[name]
    member = member_of(cohort, data)
    return jax.jit(member.init), jax.jit(member.step)


def close(mine: Any, true: Any) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=ATOL), mine, true)


@pytest.fixture
def smooth(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The U-Net with tanh in place of ReLU6, for rounding puts activations over its kinks."""
    monkeypatch.setattr("lab.models.activations.relu6", jnp.tanh)
    compiled.cache_clear()
    yield
    compiled.cache_clear()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("smooth")
def test_a_step_is_the_hand_written_one(name: str) -> None:
    params, stats, losses = by_hand(name, 2)
    state = trained(name, 2)
    assert int(state.step) == STEPS
    assert not bool(state.diverged)
    close(state.params, params)
    close(state.model_state, stats)
    assert len(set(losses)) == STEPS
    start = compiled(name)[0](jnp.int32(2))
    moved = jax.tree.map(lambda new, old: jnp.abs(new - old).max(), state.params, start.params)
    assert max(jax.tree.leaves(moved)) > 100 * ATOL


def test_the_comparison_tells_members_apart() -> None:
    """Else it would hold for anything: another member is not within the tolerance."""
    params, _, _ = by_hand("mlp", 2)
    with pytest.raises(AssertionError):
        close(trained("mlp", 3).params, params)


def test_the_order_of_the_data_matters() -> None:
    """The same start on the data backwards ends elsewhere: batches are looked up, not ignored."""
    _, data = CASES["mlp"]
    backwards = DataArrays(
        type(data.train)(data.train.inputs[::-1], data.train.targets[::-1]), data.validation, 2
    )
    with pytest.raises(AssertionError):
        close(trained("mlp", 2, backwards).params, by_hand("mlp", 2)[0])


def test_members_and_cohorts_of_different_seeds_start_differently() -> None:
    kernels = set()
    for seed in (3, 4):
        member = member_of(mlp_cohort(seed=seed), easy_images())
        states = jax.jit(jax.vmap(member.init))(jnp.arange(5, dtype=jnp.int32))
        kernel = np.asarray(states.params["Dense_0"]["kernel"]).reshape(5, -1)
        kernels |= {tuple(row) for row in kernel.tolist()}
    assert len(kernels) == 10


def whole_split(cohort: CohortSpec, data: DataArrays, state: MemberState) -> npt.NDArray:
    """Loss and metric of the whole validation split in one piece, in numpy from the logits on."""
    module = build_module(cohort.model, make_problem(cohort.data, data).signature)
    x = jnp.asarray(data.validation.inputs, jnp.float32) / 255
    variables = {"params": state.params, "batch_stats": state.model_state}
    logits: Any = jax.jit(functools.partial(module.apply, train=False))(variables, x)
    loss = float(loss_by_hand(cohort, logits, jnp.asarray(data.validation.targets)))
    said, true = np.asarray(logits), data.validation.targets
    if cohort.data.task is Task.SEGMENTATION:
        both, any_ = ((said > 0) & (true == 1)).sum(), ((said > 0) | (true == 1)).sum()
        return np.array([loss, both / any_, 2 * both / (both + any_)])
    return np.array([loss, (said.argmax(1) == true).mean()])


@pytest.mark.parametrize(("name", "count"), [("mlp", 37), ("mlp", 150), ("unet", 21)])
def test_an_evaluation_is_of_the_whole_validation_split(name: str, count: int) -> None:
    """Of 150 examples, which three chunks of 50 hold, and of 37 and 21, which are in one."""
    cohort, _ = CASES[name]
    data = easy_masks(validation=count) if name == "unet" else easy_images(validation=count)
    member = member_of(cohort, data)
    state = trained(name, 1)._replace(step=jnp.int32(cohort.eval_every))
    after, info = jax.jit(member.evaluate)(state, make_resident(data).validation)
    np.testing.assert_allclose(info.metrics_M, whole_split(cohort, data, state), rtol=1e-5)
    assert int(info.evaluation) == 1
    jax.tree.map(np.testing.assert_array_equal, after.params, state.params)
    jax.tree.map(np.testing.assert_array_equal, after.model_state, state.model_state)


MUCH = RecipeSpec(CosineSchedule(30), 3, clip_norm=1.0, dropout=0.25, label_smoothing=0.1)
VARIED = (
    Varied(Hyperparameter.LEARNING_RATE, (0.02, 0.01, 0.005)),
    Varied(Hyperparameter.DROPOUT, (0.25, 0.0)),
)


@functools.cache
def runner(cohort: CohortSpec, steps: int):
    data = easy_images()
    member = member_of(cohort, data)
    train = make_resident(data).train

    def live(index: jax.Array) -> MemberState:
        once = lambda state, _: (member.step(state, train), None)  # noqa: E731
        return jax.lax.scan(once, member.init(index), length=steps)[0]

    return jax.jit(jax.vmap(live))


def states_of(cohort: CohortSpec, members: tuple[int, ...], steps: int = STEPS) -> MemberState:
    """MLPs side by side after some steps, every leaf [L, ...]."""
    return jax.device_get(runner(cohort, steps)(jnp.array(members, jnp.int32)))


def kernels(state: MemberState) -> npt.NDArray[np.float32]:
    """All parameters of members side by side, a row each."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state.params)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


def flat(state: MemberState) -> npt.NDArray[np.float32]:
    """All parameters of one member."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(state.params)])


def test_a_member_with_hyperparameters_of_its_own_is_that_of_a_cohort_with_them() -> None:
    """So a search for rates is a cohort like any other."""
    varied = mlp_cohort(recipe=MUCH, vary=VARIED)
    together = kernels(states_of(varied, (0, 1, 2, 3)))
    same = mlp_cohort(recipe=dataclasses.replace(MUCH, dropout=0.0), optimizer=AdamSpec(0.01))
    alike = kernels(states_of(same, (0, 1, 2, 3)))
    np.testing.assert_allclose(together[1], alike[1], rtol=0, atol=1e-6)
    assert np.abs(together - alike)[[0, 2, 3]].max(1).min() > 1e-3


def test_dropout_draws_by_member_and_not_by_lane() -> None:
    dropping = mlp_cohort(recipe=RecipeSpec(dropout=0.5))
    dropped = kernels(states_of(dropping, (1, 2)))
    assert np.abs(dropped - kernels(states_of(mlp_cohort(), (1, 2)))).max(1).min() > 1e-3
    np.testing.assert_array_equal(dropped[::-1], kernels(states_of(dropping, (2, 1))))


def test_each_stream_changes_its_own_draws_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another key in one stream only its own move: start, batches, units dropped, part."""
    cohort, data = mlp_cohort(recipe=RecipeSpec(dropout=0.5)), easy_images()
    member = member_of(cohort, data)
    train = make_resident(data).train
    fixed = Examples(train.inputs[:8], train.targets[:8])
    ready = member.init(jnp.int32(1))
    part = mlp_cohort(train_share=0.08)  # One batch: its order alone is drawn by another stream.

    @jax.jit
    def draws(offsets_S: jax.Array) -> dict[str, jax.Array]:
        def key(seed: int, stream: Stream, *address: jax.Array) -> jax.Array:
            right = member_key if len(address) == 1 else step_key
            return jax.random.fold_in(right(seed, stream, *address), offsets_S[int(stream)])

        monkeypatch.setattr(member_module, "member_key", key)
        monkeypatch.setattr(member_module, "step_key", key)
        return {
            "INIT": member.init(jnp.int32(1)).params["Dense_0"]["kernel"],
            "ORDER": member.draw(ready, train).inputs,
            "DROPOUT": member.learn(ready, fixed).params["Dense_1"]["kernel"],
            "SPLIT": jnp.sort(member_module.batch_of(part, ready, 100)),
        }

    before = draws(jnp.zeros(len(Stream), jnp.int32))
    for stream in Stream:
        after = draws(jnp.zeros(len(Stream), jnp.int32).at[int(stream)].set(1))
        changed = {name for name in before if (before[name] != after[name]).any()}
        assert changed == {stream.name}


def test_dropout_draws_anew_at_every_step() -> None:
    """The same batch and weights at another step: other units are dropped."""
    data = easy_images()
    train = make_resident(data).train
    member = member_of(mlp_cohort(recipe=RecipeSpec(dropout=0.5)), data)
    state, learn = member.init(jnp.int32(1)), jax.jit(member.learn)
    batch = member.draw(state, train)
    first, again = learn(state, batch), learn(state, batch)
    later = learn(state._replace(step=jnp.int32(1)), batch)
    kernel = [np.asarray(one.params["Dense_1"]["kernel"]) for one in (first, again, later)]
    np.testing.assert_array_equal(kernel[0], kernel[1])
    assert (kernel[0] != kernel[2]).any()


def test_no_code_is_compiled_for_what_a_recipe_does_without() -> None:
    data = easy_images()
    train = make_resident(data).train

    def text(cohort: CohortSpec) -> str:
        member = member_of(cohort, data)
        state = member.init(jnp.int32(0))
        return str(jax.make_jaxpr(member.learn)(state, member.draw(state, train)))

    assert "random_bits" not in text(mlp_cohort())
    assert "random_bits" in text(mlp_cohort(recipe=RecipeSpec(dropout=0.1)))


def test_averaged_weights_are_what_is_evaluated() -> None:
    """With an average that keeps the start it is the start's loss; batch statistics go along."""
    data = easy_images()
    evaluate = jax.jit(member_of(mlp_cohort(), data).evaluate)
    validation = make_resident(data).validation

    def loss(state: MemberState) -> float:
        return float(evaluate(state, validation)[1].metrics_M[0])

    cohort = mlp_cohort(recipe=RecipeSpec(ema_decay=0.75))
    trained_ = jax.tree.map(lambda leaf: leaf[0], states_of(cohort, (2,), 1))
    start = compiled("mlp")[0](jnp.int32(2))
    mixed = jax.tree.map(lambda old, new: 0.75 * old + 0.25 * new, start.params, trained_.params)
    near = functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-6)
    jax.tree.map(near, trained_.average[0], mixed)
    one = trained_._replace(average=(start.params, {}))
    assert loss(one) == pytest.approx(loss(start), rel=1e-6)
    assert loss(trained_) != pytest.approx(loss(start), rel=1e-4)
    plain = trained_._replace(average=None)
    assert loss(trained_) != pytest.approx(loss(plain), rel=1e-4)
    unet = member_of(unet_cohort(recipe=RecipeSpec(ema_decay=0.5)), easy_masks())
    shape = jax.eval_shape(unet.init, jnp.int32(0))
    assert jax.tree.structure(shape.average) == jax.tree.structure(
        (shape.params, shape.model_state)
    )


@pytest.mark.parametrize("name", ["mlp, sgd", "unet"])
def test_bfloat16_computes_nearly_the_same_and_keeps_float32(name: str) -> None:
    """The first step goes the same way, to within what 8 bits of mantissa leave of a gradient.

    On a batch of four that is normalised a dozen times over, they leave less than elsewhere.
    """
    cohort, data = CASES[name]
    init, step = compiled(name)
    train, start = make_resident(data).train, init(jnp.int32(2))
    rough_cohort = dataclasses.replace(cohort, precision=Precision.BFLOAT16)
    rough = jax.jit(member_of(rough_cohort, data).step)(start, train)
    assert [leaf.dtype for leaf in jax.tree.leaves(rough)] == [
        leaf.dtype for leaf in jax.tree.leaves(start)
    ]

    def moved(after: MemberState) -> npt.NDArray[np.float32]:
        return flat(after) - flat(start)

    mine, true = moved(rough), moved(step(start, train))
    assert np.linalg.norm(mine - true) < 0.4 * np.linalg.norm(true)
    assert (mine != true).any()


def test_bfloat16_reaches_the_matrix_products() -> None:
    cohort, data = mlp_cohort(precision=Precision.BFLOAT16), easy_images()
    member = member_of(cohort, data)
    train = make_resident(data).train
    state = member.init(jnp.int32(0))
    text = str(jax.make_jaxpr(member.learn)(state, member.draw(state, train)))
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert products
    assert all("bf16[" in line.split("=")[0] for line in products)


@pytest.mark.parametrize(("factor", "diverges"), [(1.5, True), (1e6, False)])
def test_divergence_above_a_factor_of_the_first_batch(factor: float, diverges: bool) -> None:
    """The first batch's loss is kept, whatever comes after; a member far above it has diverged."""
    hard = TargetSpec(Metric.LOSS, (1e-6,), sustain=1)
    cohort = mlp_cohort(divergence_factor=factor, target=hard, optimizer=SGDSpec(3.0, 0.5))
    _, _, losses = by_hand("mlp", 0)
    assert float(states_of(cohort, (0,), 4).start_loss[0]) == pytest.approx(losses[0], rel=1e-5)
    data = easy_images()
    member = member_of(cohort, data)
    state = jax.tree.map(lambda leaf: leaf[0], states_of(cohort, (0,), 4))
    worse = state._replace(params=jax.tree.map(lambda leaf: 40 * leaf, state.params))
    after, info = jax.jit(member.evaluate)(worse, make_resident(data).validation)
    assert float(info.metrics_M[0]) > 1.5 * float(state.start_loss)
    assert (bool(info.diverged), bool(info.ended)) == (diverges, diverges)
    assert not diverges or int(after.diverged_at) == 4


@pytest.mark.parametrize("start", [2.5, 0.3, -0.3, -40.0])
@pytest.mark.parametrize("factor", [1.5, 10.0])
def test_no_member_diverges_by_improving(start: float, factor: float) -> None:
    """Whatever sign its loss has; above 0 the bound is the factor times the start, to the bit."""
    bound = divergence_bound(jnp.float32(start), factor)
    assert float(bound) > start
    assert float(bound) - start == pytest.approx((factor - 1) * abs(start), rel=1e-6)
    if start > 0:
        assert float(bound) == float(factor * jnp.float32(start))


def test_a_start_of_nothing_bounds_nothing() -> None:
    assert float(divergence_bound(jnp.float32(0), 2.0)) == math.inf


def test_divergence_of_a_loss_below_zero() -> None:
    """What counts is how far an evaluation's loss lies above the first batch's."""
    hard = TargetSpec(Metric.LOSS, (1e-6,), sustain=1)
    cohort, data = mlp_cohort(divergence_factor=1.5, target=hard), easy_images()
    problem = make_problem(cohort.data, data)
    own = problem.objective

    def score(sums: Any) -> jax.Array:
        return own.score(sums) - 100.0

    member = make_member(cohort, problem._replace(objective=own._replace(score=score)))
    state = jax.tree.map(lambda leaf: leaf[0], states_of(cohort, (0,), 4))
    evaluate, validation = jax.jit(member.evaluate), make_resident(data).validation
    seen = float(evaluate(state, validation)[1].metrics_M[0])
    assert seen < 0
    for rise, diverges in ((-5.0, False), (0.1, False), (0.6, True)):
        start = jnp.float32(seen / (1 - rise))
        _, info = evaluate(state._replace(start_loss=start), validation)
        assert bool(info.diverged) == diverges


def ended(state: MemberState, cohort: CohortSpec) -> tuple[bool, bool]:
    member = member_of(cohort, easy_images())
    validation = make_resident(CASES["mlp"][1]).validation
    _, info = jax.jit(member.evaluate)(state, validation)
    return bool(info.ended), bool(info.reached_K[-1])


def test_a_member_ends_when_it_has_reached_diverged_or_spent() -> None:
    easy = TargetSpec(Metric.LOSS, (100.0,), sustain=1)
    hard = TargetSpec(Metric.LOSS, (1e-6,), sustain=1)
    state = trained("mlp", 0)._replace(step=jnp.int32(4))

    def fresh(target: TargetSpec, **changes: Any) -> tuple[bool, bool]:
        cohort = mlp_cohort(target=target)
        shape = member_of(cohort, easy_images()).init(jnp.int32(0))
        return ended(state._replace(detection=shape.detection, **changes), cohort)

    budget = jnp.int32(mlp_cohort().budget_steps)
    assert fresh(hard) == (False, False)
    assert fresh(easy) == (True, True)
    assert fresh(hard, diverged=jnp.array(True)) == (True, False)
    assert fresh(hard, step=budget) == (True, False)


def test_divergence_is_at_the_first_loss_that_is_no_number() -> None:
    """The loss of the step that sees NaN, not of a later one."""
    state = trained("mlp", 0)
    train = make_resident(CASES["mlp"][1]).train
    _, step = compiled("mlp")
    broken = state._replace(params=jax.tree.map(lambda leaf: leaf * jnp.nan, state.params))
    for _ in range(3):
        broken = step(broken, train)
    assert bool(broken.diverged)
    assert int(broken.diverged_at) == STEPS + 1
    assert math.isnan(float(broken.params["Dense_0"]["bias"][0]))
    recovered = step(state._replace(diverged=jnp.array(True), diverged_at=jnp.int32(2)), train)
    assert (bool(recovered.diverged), int(recovered.diverged_at)) == (True, 2)
