"""Who the members are is told to the compiled program when it runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.randomness import Stream, member_key
from lab.specs import AdamSpec, CohortSpec, RecipeSpec, Varied
from lab.training.lanes import Layout, make_lanes, replicated
from lab.training.member import make_member
from lab.training.resident import make_resident
from lab.training.roll import SLOTS, roll_of
from lab.words import Hyperparameter

RATES = Varied(Hyperparameter.LEARNING_RATE, (0.3, 0.01, 0.2))


def program_of(cohort: CohortSpec) -> str:
    """What XLA is given to compile, and by which its cache knows it."""
    devices = jax.devices()[:1]
    program = make_lanes(make_member(cohort, TWO_CLASSES), cohort, Layout(2, 2), 2, devices)
    data = jax.device_put(make_resident(easy_images()), replicated(devices))
    seen: list[str] = []
    lower = jax.stages.Lowered.compile

    def noted(self: jax.stages.Lowered, *arguments: object, **named: object) -> object:
        seen.append(self.as_text())
        return lower(self, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.stages.Lowered, "compile", noted)
        program.compile(data)
    (text,) = seen
    return text


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2**32 - 1},
        {"members": 50},
        {"name": "another"},
        {"vary": (RATES,)},
        {"optimizer": AdamSpec(0.5)},
    ],
    ids=str,
)
def test_cohorts_that_differ_in_their_members_alone_are_one_program(change: dict) -> None:
    plain = mlp_cohort(optimizer=AdamSpec(0.1))
    assert program_of(dataclasses.replace(plain, **change)) == program_of(plain)


def test_what_is_computed_otherwise_is_another_program() -> None:
    plain = mlp_cohort(optimizer=AdamSpec(0.1))
    dropped = dataclasses.replace(plain, recipe=RecipeSpec(label_smoothing=0.1))
    assert program_of(dropped) != program_of(plain)


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_seed_told_at_run_time_gives_the_keys_of_the_number_itself(seed: int) -> None:
    roll = roll_of(mlp_cohort(seed=seed))
    told = jax.jit(lambda seed: member_key(seed, Stream.ORDER, jnp.int32(3)))(roll.seed)
    known = member_key(seed, Stream.ORDER, jnp.int32(3))
    np.testing.assert_array_equal(jax.random.key_data(told), jax.random.key_data(known))


@pytest.mark.parametrize("count", [2, 3, SLOTS, SLOTS + 1, 3 * SLOTS])
def test_members_have_their_values_in_turn_from_tables_of_any_length(count: int) -> None:
    values = tuple(float(rate) for rate in np.linspace(0.001, 0.5, count))
    cohort = mlp_cohort(members=4 * count, vary=(Varied(Hyperparameter.LEARNING_RATE, values),))
    table = roll_of(cohort).tables["learning_rate"]
    found = jax.vmap(table.of)(jnp.arange(4 * count, dtype=jnp.int32))
    np.testing.assert_array_equal(found, np.tile(np.float32(values), 4))
