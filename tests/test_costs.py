"""A step costs what it does, however its program is written."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.costs import step_cost
from lab.training.member import Member, MemberState, make_member
from lab.training.resident import Examples
from lab.training.roll import Roll

WIDTH, LENGTH = 16, 12


def recurrent(unroll: int) -> Member:
    """A member whose step is the gradient through products in a scan, and one in a scan in it."""

    def inner(x: jax.Array, weights: jax.Array) -> jax.Array:
        return lax.scan(lambda x, _: (x @ weights, None), x, None, 3, unroll=unroll)[0]

    def loss(weights: jax.Array) -> jax.Array:
        start = jnp.ones((4, WIDTH))
        end, _ = lax.scan(
            lambda x, _: (inner(jnp.tanh(x @ weights), weights), None),
            start,
            None,
            LENGTH,
            unroll=unroll,
        )
        return end.sum()

    plain = make_member(mlp_cohort(), TWO_CLASSES)

    def start(member: jax.Array, roll: Roll) -> MemberState:
        return plain.start(member, roll)._replace(params=jnp.ones((WIDTH, WIDTH)))

    def learn(state: MemberState, batch: Examples) -> MemberState:
        del batch
        return state._replace(params=state.params - jax.grad(loss)(state.params))

    return plain._replace(start=start, learn=learn)


@pytest.mark.parametrize("unroll", [1, 5, 6])
def test_a_scan_costs_what_its_steps_cost_written_out(unroll: int) -> None:
    """To 2 percent: a loop's own counting is its price."""
    images = easy_images().train
    looped, written_out = (step_cost(recurrent(steps), images, 8) for steps in (unroll, LENGTH))
    products = LENGTH * 4 * 3 * 2 * 4 * WIDTH**2
    assert looped.flops == pytest.approx(written_out.flops, rel=0.02)
    assert products < looped.flops < 1.2 * products
