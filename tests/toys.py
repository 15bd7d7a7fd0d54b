"""Members and data small enough to compile in a moment, and one whose times are known on paper."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import DataArrays, Split
from lab.specs import (
    AdamSpec,
    CohortSpec,
    DataSpec,
    MLPSpec,
    TargetSpec,
    UNetSpec,
)
from lab.training.detection import detector
from lab.training.hyperparameters import Hyperparameters
from lab.training.lanes import Layout
from lab.training.member import Member, MemberInfo, MemberState
from lab.training.planning import CohortPlan
from lab.training.problem import make_problem
from lab.training.resident import Examples
from lab.training.roll import Roll, roll_of
from lab.words import Metric, Outcome, Task

DIGITS = DataSpec("sklearn_digits", Task.CLASSIFICATION)
PICTURES = DataSpec("digits_on_photographs", Task.SEGMENTATION)


def mlp_cohort(**changes) -> CohortSpec:
    """An MLP of width 8 on `easy_images`: some members reach 0.85, some never do."""
    plain = CohortSpec(
        name="mlp",
        data=DIGITS,
        model=MLPSpec(width=8, depth=1),
        optimizer=AdamSpec(1e-2),
        target=TargetSpec(Metric.ACCURACY, (0.6, 0.85), sustain=2),
        batch_size=8,
        budget_steps=40,
        eval_every=4,
        members=13,
        seed=3,
    )
    return dataclasses.replace(plain, **changes)


def unet_cohort(**changes) -> CohortSpec:
    """A U-Net of width 0.3 for `easy_masks`."""
    plain = CohortSpec(
        name="unet",
        data=PICTURES,
        model=UNetSpec(width=0.3),
        optimizer=AdamSpec(1e-2),
        target=TargetSpec(Metric.IOU, (0.5,), sustain=1),
        batch_size=4,
        budget_steps=6,
        eval_every=2,
        members=3,
        seed=5,
    )
    return dataclasses.replace(plain, **changes)


def easy_images(train: int = 100, validation: int = 37) -> DataArrays:
    """4x4 images of two classes: brighter on the left, or on the right."""
    rng = np.random.default_rng(1)

    def split(count: int) -> Split:
        labels = rng.integers(0, 2, count).astype(np.int32)
        images = rng.integers(0, 160, (count, 4, 4, 1), dtype=np.uint8)
        images[labels == 0, :, :2] += 60
        images[labels == 1, :, 2:] += 60
        return Split(images, labels)

    return DataArrays(split(train), split(validation), classes=2)


def easy_masks(train: int = 200, validation: int = 21, side: int = 8) -> DataArrays:
    """Noisy colour images with a bright square, which is the foreground."""
    rng = np.random.default_rng(2)

    def split(count: int) -> Split:
        images = rng.integers(0, 120, (count, side, side, 3), dtype=np.uint8)
        masks = np.zeros((count, side, side), np.uint8)
        for image, mask, (top, left) in zip(
            images, masks, rng.integers(0, side // 2, (count, 2)), strict=True
        ):
            mask[top : top + side // 2, left : left + side // 2] = 1
            image[mask == 1] += 120
        return Split(images, masks)

    return DataArrays(split(train), split(validation), classes=2)


TWO_CLASSES = make_problem(DIGITS, easy_images())

# Gradient descent on theta^2/2 from theta = 1 multiplies theta by 1 - rate at every step, so that
# after n steps the loss is (1 - rate)^(2n)/2: hits are at a step known on paper, and above a rate
# of 2 the loss overflows at one. The rates are given to members in turn.
RATES = (0.4, 0.11, 0.03, 1e9, 0.2, 0.06, 1e3, 0.001)


def descent_cohort(**changes) -> CohortSpec:
    """The study's view of gradient descent on a parabola; its model and data are never built."""
    target = TargetSpec(Metric.LOSS, (0.1, 0.01), sustain=2)
    plain = mlp_cohort(name="descent", target=target, budget_steps=40, eval_every=2)
    return dataclasses.replace(plain, **changes)


def descent_member(cohort: CohortSpec) -> Member:
    """One weight, theta, on the loss theta^2/2; member i has rate RATES[i mod 8]."""
    detect = detector(cohort.target)

    def loss(theta: jax.Array) -> jax.Array:
        return theta**2 / 2

    def start(member: jax.Array, roll: Roll) -> MemberState:
        return MemberState(
            member=member,
            seed=roll.seed,
            hyperparameters=Hyperparameters(jnp.array(RATES, jnp.float32)[member % len(RATES)]),
            step=jnp.zeros((), jnp.int32),
            params=jnp.ones(()),
            model_state={},
            opt_state=(),
            average=None,
            start_loss=None,
            diverged=jnp.zeros((), jnp.bool_),
            diverged_at=jnp.zeros((), jnp.int32),
            detection=detect.init(),
        )

    def draw(state: MemberState, train: Examples) -> Examples:
        del state
        return train

    def learn(state: MemberState, batch: Examples) -> MemberState:
        del batch
        value, gradient = jax.value_and_grad(loss)(state.params)
        finite = jnp.isfinite(value)
        return state._replace(
            step=state.step + 1,
            params=state.params - state.hyperparameters.learning_rate * gradient,
            diverged=state.diverged | ~finite,
            diverged_at=jnp.where(state.diverged | finite, state.diverged_at, state.step + 1),
        )

    def evaluate(state: MemberState, validation: object) -> tuple[MemberState, MemberInfo]:
        del validation
        value = loss(state.params)
        evaluation = state.step // cohort.eval_every
        detection = detect.update(state.detection, evaluation, value)
        info = MemberInfo(
            member=state.member,
            evaluation=evaluation,
            metrics_M=jnp.stack([value, jnp.zeros(())]),
            reached_K=detection.reached_K,
            hit_K=detection.hit_K,
            diverged=state.diverged,
            diverged_at=state.diverged_at,
            ended=detection.reached_K[-1] | state.diverged | (state.step >= cohort.budget_steps),
        )
        return state._replace(detection=detection), info

    return Member(
        roll_of(cohort),
        start,
        draw,
        learn,
        evaluate,
        lambda state: (state.params, state.model_state),
    )


@dataclasses.dataclass(frozen=True)
class Fate:
    """How a member of `descent_cohort` must end; `hits` are evaluations, None for never."""

    outcome: Outcome
    hits: tuple[int | None, ...]
    ended: int
    diverged_at: int | None


def descent_fate(cohort: CohortSpec, member: int) -> Fate:
    """From the closed form, with no loop over steps."""
    rate = RATES[member % len(RATES)]
    sustain, every = cohort.target.sustain, cohort.eval_every
    if rate > 2:
        # (rate - 1)^(2n) overflows float32 first at theta after n steps; step n + 1 sees that loss.
        largest = float(np.finfo(np.float32).max)
        steps = math.floor(math.log(largest) / (2 * math.log(rate - 1))) + 1
        ended = math.ceil((steps + 1) / every)
        return Fate(Outcome.DIVERGED, (None,) * len(cohort.target.thresholds), ended, steps + 1)
    shrinking = -2 * math.log1p(-rate)
    hits: list[int | None] = []
    for threshold in cohort.target.thresholds:
        evaluation = max(1, math.ceil(math.log(0.5 / threshold) / shrinking / every))
        hits.append(evaluation if evaluation + sustain - 1 <= cohort.evaluations else None)
    if hits[-1] is None:
        return Fate(Outcome.EXHAUSTED, tuple(hits), cohort.evaluations, None)
    return Fate(Outcome.REACHED, tuple(hits), hits[-1] + sustain - 1, None)


def descent_plan(
    cohort: CohortSpec, layout: Layout, evaluations: int, devices: int = 1
) -> CohortPlan:
    """Ready for the runner."""
    return CohortPlan(
        cohort=cohort,
        member=descent_member(cohort),
        devices=tuple(jax.devices()[:devices]),
        layout=layout,
        lane_width_chosen="as asked",
        evaluations_per_dispatch=evaluations,
        operations={},
        compiler_options={},
        parameters=1,
        flops_per_step=4.0,
        data_digest="none",
    )
