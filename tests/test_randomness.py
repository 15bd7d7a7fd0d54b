"""Draws are functions of their address; the order of the data is a fair one without replacement.

Sizes are traced here, where training has them constant, so that one compilation serves them all.
"""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab import randomness
from lab.randomness import Stream, batch_indices, member_key, shuffled

LARGEST = 1300


@jax.jit
def _images(key: jax.Array, size: jax.Array) -> jax.Array:
    positions = jnp.arange(LARGEST, dtype=jnp.int32)
    return jax.vmap(shuffled, (None, 0, None))(key, positions, size)


def permutation(seed: int, size: int) -> npt.NDArray[np.int32]:
    return np.asarray(_images(jax.random.key(seed), jnp.int32(size)))[:size]


@settings(deadline=None, max_examples=200)
@given(st.integers(1, LARGEST), st.integers(0, 2**32 - 1))
def test_shuffled_is_a_bijection(size: int, seed: int) -> None:
    image = permutation(seed, size)
    assert image.dtype == np.int32
    assert sorted(image) == list(range(size))


def test_shuffled_is_a_bijection_of_every_small_size() -> None:
    for size in range(1, 65):
        assert sorted(permutation(1, size)) == list(range(size))


def test_shuffled_holds_at_the_largest_size() -> None:
    """Sums of two positions near 2**31 must not wrap: swap-or-not would map two onto one."""
    size = jnp.int32(2**31 - 1)
    ends = [*range(LARGEST // 2), *range(2**31 - 1 - LARGEST // 2, 2**31 - 1)]
    positions = jnp.array(ends, jnp.int32)
    image = jax.jit(jax.vmap(shuffled, (None, 0, None)))(jax.random.key(4), positions, size)
    assert len(set(np.asarray(image).tolist())) == LARGEST
    assert int(image.min()) >= 0
    assert int(image.max()) < 2**31 - 1


def _many(keys: jax.Array, positions: jax.Array, size: jax.Array) -> jax.Array:
    """Images of five positions under every key."""
    return jax.vmap(jax.vmap(shuffled, (None, 0, None)), (0, None, None))(keys, positions, size)


KEYS = 24_000
Many = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def five_images(many: Many, positions: list[int], size: int) -> npt.NDArray[np.int32]:
    keys = jax.random.split(jax.random.key(0), KEYS)
    return np.asarray(many(keys, jnp.array(positions, jnp.int32), jnp.int32(size)))


def evenness(values: npt.NDArray[np.integer], cells: int) -> float:
    """The p-value of Pearson's chi-square test that all cells are as likely."""
    return float(stats.chisquare(np.bincount(values, minlength=cells)).pvalue)


def test_orders_are_uniform() -> None:
    """All 120 orders of five, the place of any of 97, and neighbours' distance; fixed seeds."""
    many = jax.jit(_many)
    number = {order: i for i, order in enumerate(itertools.permutations(range(5)))}
    orders = five_images(many, [0, 1, 2, 3, 4], 5)
    assert evenness(np.array([number[tuple(order)] for order in orders.tolist()]), 120) > 1e-3
    images = five_images(many, [0, 1, 48, 50, 96], 97)
    for place in images.T:
        assert evenness(place, 97) > 1e-3
    distances = (images[:, 1] - images[:, 0]) % 97
    assert evenness(distances - 1, 96) > 1e-3


def test_too_few_rounds_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above has power: after four rounds the places are visibly not uniform."""
    monkeypatch.setattr(randomness, "_ROUNDS", 4)
    afresh = jax.jit(lambda *arguments: _many(*arguments))  # Not `_many` itself, which is cached.
    images = five_images(afresh, [0, 1, 48, 50, 96], 97)
    assert evenness(images[:, 0], 97) < 1e-6


_batches = jax.jit(jax.vmap(batch_indices, (None, 0, None, None)), static_argnums=2)
STEPS = 60


def stream(key: jax.Array, batch: int, size: int) -> npt.NDArray[np.int32]:
    """The examples of the first 60 steps, in the order in which they are seen."""
    steps = jnp.arange(STEPS, dtype=jnp.int32)
    return np.asarray(_batches(key, steps, batch, jnp.int32(size))).reshape(-1)


def order_key(seed: int, member: int) -> jax.Array:
    return member_key(seed, Stream.ORDER, jnp.int32(member))


@pytest.mark.parametrize("batch", [1, 5, 16])
@pytest.mark.parametrize("size", [5, 12, 16, 30])
def test_epochs_are_permutations_whatever_the_batch(batch: int, size: int) -> None:
    """Batches that divide an epoch, that span two, and that hold several."""
    seen = stream(order_key(3, 0), batch, size)
    epochs = seen[: len(seen) // size * size].reshape(-1, size)
    assert len(epochs) >= 2
    for epoch in epochs:
        assert sorted(epoch) == list(range(size))
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == len(epochs) or size == 5


def test_the_batch_size_does_not_change_the_order() -> None:
    key = order_key(3, 0)
    assert (stream(key, 5, 12)[:60] == stream(key, 1, 12)).all()
    assert (stream(key, 16, 12)[:300] == stream(key, 5, 12)).all()


def test_members_seeds_and_steps_see_different_batches() -> None:
    keys = [order_key(seed, member) for seed in (0, 1) for member in (0, 1, 2, 1000)]
    batches = [stream(key, 5, 200).reshape(STEPS, 5) for key in keys]
    assert len({tuple(batch) for member in batches for batch in member.tolist()}) == 8 * STEPS


def test_one_address_gives_one_draw_and_no_other_gives_it() -> None:
    """Seeds, streams and members are told apart, and 0 with 1 is not 1 with 0."""
    addresses = list(itertools.product((0, 1, 2), Stream, (0, 1, 2, 1000)))
    keys = {
        tuple(np.asarray(jax.random.key_data(member_key(seed, stream, jnp.int32(member)))).tolist())
        for seed, stream, member in addresses * 2
    }
    assert len(keys) == len(addresses)


def test_keys_and_orders_are_pinned() -> None:
    """They are part of every recorded run, and equal in all of JAX's versions."""
    assert [(stream.name, int(stream)) for stream in Stream] == [
        ("INIT", 0),
        ("ORDER", 1),
        ("DROPOUT", 2),
        ("SPLIT", 3),
    ]
    key = order_key(7, 5)
    assert np.asarray(jax.random.key_data(key)).tolist() == [1260689740, 3470158378]
    assert stream(key, 5, 12)[:10].tolist() == [3, 1, 2, 9, 4, 8, 10, 11, 6, 5]


def test_draws_do_not_depend_on_the_width_of_vmap() -> None:
    """Integers, so that equality is exact: member 5 alone, and in any lane of any width."""

    def draw(member: jax.Array) -> jax.Array:
        return batch_indices(member_key(2, Stream.ORDER, member), jnp.int32(11), 6, 50)

    alone = np.asarray(jax.jit(draw)(jnp.int32(5)))
    for members in ([3, 4, 5], [7, 5, 0, 1, 2, 3, 9, 11]):
        together = jax.jit(jax.vmap(draw))(jnp.array(members, jnp.int32))
        assert (np.asarray(together)[members.index(5)] == alone).all()
