"""muP's promise, checked by what activations do over widths (Yang et al. 2022, section D.1).

After a few steps at one learning rate, the coordinates of every layer have changed by as much in a
wide net as in a narrow one under muP; under the standard parametrisation by more and more.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.specs import AdamSpec, InitialSpec, MLPSpec, OptimizerSpec, SGDSpec, Varied
from lab.training.initial import network_of
from lab.training.member import Member, MemberState, make_member
from lab.training.resident import Examples, make_resident, to_inputs
from lab.words import Hyperparameter, Parametrisation

BASE = 64
WIDTHS = (BASE, 256)
STEPS = 4
MEMBERS = 16
TRAIN = easy_images().train


def cohort_of(width: int, optimizer: OptimizerSpec, parametrisation: Parametrisation):
    mup = parametrisation is Parametrisation.MUP
    return mlp_cohort(
        model=MLPSpec(width),
        optimizer=optimizer,
        initial=InitialSpec(parametrisation=parametrisation, base_width=BASE if mup else None),
    )


def batch() -> Examples:
    """Made when it is needed: importing this touches no device."""
    return Examples(jnp.asarray(TRAIN.inputs[:32]), jnp.asarray(TRAIN.targets[:32]))


def trained(member: Member, index: jax.Array, steps: int) -> tuple[MemberState, MemberState]:
    start = member.init(index)
    learn = lambda state, _: (member.learn(state, batch()), None)  # noqa: E731
    return start, jax.lax.scan(learn, start, length=steps)[0]


@functools.cache
def changes(
    width: int, optimizer: OptimizerSpec, parametrisation: Parametrisation
) -> dict[str, float]:
    """Mean absolute change of the coordinates of each layer's output, over members and examples."""
    cohort = cohort_of(width, optimizer, parametrisation)
    member, network = (
        make_member(cohort, TWO_CLASSES, None),
        network_of(cohort, TWO_CLASSES.signature),
    )

    def changed(index: jax.Array) -> Any:
        start, end = trained(member, index, STEPS)
        before, after = (
            network.activations(one.params, one.model_state, to_inputs(batch().inputs), None)
            for one in (start, end)
        )
        return jax.tree.map(lambda new, old: jnp.abs(new - old).mean(), after, before)

    found = jax.jit(jax.vmap(changed))(jnp.arange(MEMBERS, dtype=jnp.int32))
    return {layer: float(found[layer]["__call__"][0].mean()) for layer in ("Dense_1", "Dense_2")}


def slopes(optimizer: OptimizerSpec, parametrisation: Parametrisation) -> dict[str, float]:
    """Of the logarithm of the change against that of the width; both begin at one net."""
    base = changes(BASE, optimizer, Parametrisation.STANDARD)
    sizes = [base, *(changes(width, optimizer, parametrisation) for width in WIDTHS[1:])]
    return {
        layer: float(np.polyfit(np.log(WIDTHS), np.log([one[layer] for one in sizes]), 1)[0])
        for layer in sizes[0]
    }


@pytest.mark.parametrize("optimizer", [AdamSpec(0.01), SGDSpec(0.1)], ids=["adam", "sgd"])
def test_activations_move_alike_over_widths(optimizer: OptimizerSpec) -> None:
    standard, mup = (slopes(optimizer, one) for one in Parametrisation)
    assert standard["Dense_2"] > 0.4
    assert max(map(abs, mup.values())) < 0.15


def test_at_the_base_width_a_member_is_the_standard_one_to_the_bit() -> None:
    def end(parametrisation: Parametrisation) -> Any:
        member = make_member(cohort_of(BASE, AdamSpec(0.01), parametrisation), TWO_CLASSES, None)
        return jax.jit(lambda index: trained(member, index, STEPS)[1].params)(jnp.int32(3))

    jax.tree.map(np.testing.assert_array_equal, *map(end, Parametrisation))


RATES = tuple(0.001 * 2.0**power for power in range(-4, 6))
LEARNT = 0.4


def least_rate(width: int, parametrisation: Parametrisation) -> float:
    """The least at which members have LEARNT, by their mean validation loss, after some steps."""
    members = 4 * len(RATES)
    cohort = dataclasses.replace(
        cohort_of(width, AdamSpec(0.01), parametrisation),
        vary=(Varied(Hyperparameter.LEARNING_RATE, RATES),),
        members=members,
    )
    member, validation = make_member(cohort, TWO_CLASSES, None), make_resident(easy_images())[1]

    def loss(index: jax.Array) -> jax.Array:
        _, end = trained(member, index, 10)
        return member.evaluate(end, validation)[1].metrics_M[0]

    losses = jax.jit(jax.vmap(loss))(jnp.arange(members, dtype=jnp.int32))
    return RATES[int((losses.reshape(4, -1).mean(0) <= LEARNT).argmax())]


def test_the_rate_of_a_narrow_net_is_a_wide_one_s_under_mup_alone() -> None:
    """Yang et al. 2022, figure 1; rates lie a factor of two apart."""
    narrow = least_rate(BASE, Parametrisation.STANDARD)
    standard, mup = (least_rate(512, one) for one in Parametrisation)
    assert RATES[0] < standard <= narrow / 4
    assert narrow / 2 <= mup <= narrow * 2
