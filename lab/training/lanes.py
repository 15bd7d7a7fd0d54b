"""Lanes that refill themselves: a cohort's members through a fixed width of the compiled program.

A lane holds one member. When that member ends, the lane takes the next from its shard's queue
within the same program, so no member waits for the slowest and the host is never asked.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from lab.specs import CohortSpec
from lab.training.member import Member, MemberInfo, MemberState
from lab.training.resident import Resident

AXIS = "lanes"


class Lanes(NamedTuple):
    """L lanes, sharded over D devices; each shard serves its own members."""

    states: MemberState  # every leaf [L, ...]
    active_L: jax.Array  # bool: whether the lane holds a member that has not ended
    taken_D: jax.Array  # int32: members that each shard has taken from its queue


class Trace(NamedTuple):
    """What one dispatch reports: E evaluations of every lane."""

    info: MemberInfo  # every leaf [E, L, ...]
    active: jax.Array  # bool [E, L]: whether the lane held a member at that evaluation


class LaneProgram(NamedTuple):
    """`empty()` gives free lanes; `advance(lanes, data)` runs one dispatch of E evaluations."""

    empty: Callable[[], Lanes]
    advance: jax.stages.Wrapped
    sharding: NamedSharding


def _mesh(devices: Sequence[jax.Device]) -> Mesh:
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(devices: Sequence[jax.Device]) -> NamedSharding:
    """Where data lies that every shard reads: whole, on each device."""
    return NamedSharding(_mesh(devices), PartitionSpec())


def make_lanes(
    member: Member, cohort: CohortSpec, lanes: int, evaluations: int, devices: Sequence[jax.Device]
) -> LaneProgram:
    """Compiles lazily, once each; `lanes` must be a multiple of the number of devices.

    Shard d of D serves members d, d + D, d + 2D... A member's trajectory knows nothing of that.
    """
    shards = len(devices)
    width = lanes // shards
    mesh = _mesh(devices)
    split, whole = PartitionSpec(AXIS), PartitionSpec()

    def empty() -> Lanes:
        state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
        return Lanes(
            states=jax.tree.map(lambda leaf: jnp.zeros((width, *leaf.shape), leaf.dtype), state),
            active_L=jnp.zeros(width, jnp.bool_),
            taken_D=jnp.zeros(1, jnp.int32),
        )

    def refill(lanes: Lanes) -> Lanes:
        """Free lanes take the next members of the shard, in lane order."""
        free_L = ~lanes.active_L
        ranks_L = lanes.taken_D + jnp.cumsum(free_L, dtype=jnp.int32) - 1
        next_L = ranks_L * shards + jax.lax.axis_index(AXIS).astype(jnp.int32)
        takes_L = free_L & (next_L < cohort.members)

        def renew(states: MemberState) -> MemberState:
            fresh = jax.vmap(member.init)(next_L)
            return jax.tree.map(
                lambda new, old: jnp.where(_like(takes_L, new), new, old), fresh, states
            )

        return Lanes(
            states=jax.lax.cond(takes_L.any(), renew, lambda states: states, lanes.states),
            active_L=lanes.active_L | takes_L,
            taken_D=lanes.taken_D + takes_L.sum(dtype=jnp.int32),
        )

    def train_and_evaluate(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        def live(state: MemberState) -> tuple[MemberState, MemberInfo]:
            state, _ = jax.lax.scan(
                lambda state, _: (member.step(state, data.train), None),
                state,
                length=cohort.eval_every,
            )
            return member.evaluate(state, data.validation)

        states, info = jax.vmap(live)(lanes.states)
        still_L = lanes.active_L & ~info.ended
        return lanes._replace(states=states, active_L=still_L), Trace(info, lanes.active_L)

    def rest(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        _, shape = jax.eval_shape(train_and_evaluate, lanes, data)
        return lanes, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)

    def advance(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        def once(lanes: Lanes, _: None) -> tuple[Lanes, Trace]:
            lanes = refill(lanes)
            return jax.lax.cond(lanes.active_L.any(), train_and_evaluate, rest, lanes, data)

        return jax.lax.scan(once, lanes, length=evaluations)

    per_evaluation = PartitionSpec(None, AXIS)
    return LaneProgram(
        empty=jax.jit(
            jax.shard_map(empty, mesh=mesh, in_specs=(), out_specs=split, check_vma=False)
        ),
        advance=jax.jit(
            jax.shard_map(
                advance,
                mesh=mesh,
                in_specs=(split, whole),
                out_specs=(split, per_evaluation),
                check_vma=False,
            )
        ),
        sharding=NamedSharding(mesh, split),
    )


def _like(mask_L: jax.Array, leaf: jax.Array) -> jax.Array:
    return mask_L.reshape(mask_L.shape + (1,) * (leaf.ndim - 1))
