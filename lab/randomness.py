"""Every draw has an address: root seed, stream, member, step. No lane and no chunk in it.

A member's trajectory is a function of its address alone, so it is the same in a cohort of 32 or of
512, in any lane, before or after a restart.
"""

import enum

import jax
import jax.numpy as jnp

_ROUNDS = 24


class Stream(enum.IntEnum):
    """What a key is for. The numbers are part of every recorded run: never renumber them."""

    INIT = 0
    ORDER = 1
    DROPOUT = 2
    SPLIT = 3


def member_key(seed: int | jax.Array, stream: Stream, member: jax.Array) -> jax.Array:
    """The key of one member's stream; `member` is an int32 scalar, an array `seed` uint32."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), member)


def step_key(
    seed: int | jax.Array, stream: Stream, member: jax.Array, step: jax.Array
) -> jax.Array:
    """The key of one step (int32, from 0) of a member's stream."""
    return jax.random.fold_in(member_key(seed, stream, member), step)


def _mix(x: jax.Array) -> jax.Array:
    """The 32-bit finaliser of MurmurHash3 (Appleby, public domain)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def shuffled(key: jax.Array, position: jax.Array, size: int) -> jax.Array:
    """The image of `position` (int32 in [0, size)) under a bijection of [0, size) drawn by `key`.

    The swap-or-not shuffle (Hoang, Morris, Rogaway 2012, figure 1) on any size, in O(1) memory, so
    that no member stores a permutation of the data.
    """
    words = jax.random.bits(key, (_ROUNDS, 2), jnp.uint32)

    def swap_or_not(x: jax.Array, word: jax.Array) -> tuple[jax.Array, None]:
        partner = (word[0] % jnp.uint32(size) + jnp.uint32(size) - x) % jnp.uint32(size)
        swap = _mix(jnp.maximum(x, partner) ^ word[1]) & 1
        return jnp.where(swap == 1, partner, x), None

    image, _ = jax.lax.scan(swap_or_not, position.astype(jnp.uint32), words, unroll=True)
    return image.astype(jnp.int32)


def batch_indices(key: jax.Array, step: jax.Array, batch_size: int, size: int) -> jax.Array:
    """Which examples (int32 [batch_size]) a member sees at `step` (int32, from 0).

    Without replacement within an epoch; a batch may span two epochs, each in its own order.
    """
    positions = step * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
    epochs, offsets = jnp.divmod(positions, size)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, epochs)
    return jax.vmap(shuffled, in_axes=(0, 0, None))(keys, offsets, size)


def subset_indices(key: jax.Array, positions: jax.Array, size: int) -> jax.Array:
    """Which examples of `size` stand at these positions (int32 [B]) of a member's own part.

    Positions below n are n different examples, any n equally likely: the head of a shuffle.
    """
    return jax.vmap(shuffled, in_axes=(None, 0, None))(key, positions, size)
