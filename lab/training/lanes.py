"""Lanes that refill themselves: a cohort's members through a fixed width of the compiled program.

A lane holds one member. When that member ends, the lane takes the next from its shard's queue
within the same program, so no member waits for the slowest and the host is never asked.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
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
    """`start()` fills the lanes; `advance(lanes, data)` runs one dispatch of E evaluations."""

    start: Callable[[], Lanes]
    advance: Callable[[Lanes, Resident], tuple[Lanes, Trace]]
    sharding: NamedSharding


def make_lanes(
    member: Member, cohort: CohortSpec, lanes: int, evaluations: int, devices: list[jax.Device]
) -> LaneProgram:
    """Compiles lazily, once each; `lanes` must be a multiple of the number of devices.

    Shard d of D serves members d, d + D, d + 2D... A member's trajectory knows nothing of that.
    """
    shards = len(devices)
    width = lanes // shards
    mesh = Mesh(devices, (AXIS,), axis_types=(AxisType.Auto,))
    split, whole = PartitionSpec(AXIS), PartitionSpec()

    def ids(ranks: jax.Array) -> jax.Array:
        return ranks * shards + jax.lax.axis_index(AXIS).astype(jnp.int32)

    def start() -> Lanes:
        taken = ids(jnp.arange(width, dtype=jnp.int32))
        active_L = taken < cohort.members
        return Lanes(jax.vmap(member.init)(taken), active_L, active_L.sum(dtype=jnp.int32)[None])

    def refill(lanes: Lanes, ended_L: jax.Array) -> Lanes:
        """Ended lanes take the next members of the shard, in lane order."""
        free_L = ended_L & lanes.active_L
        next_L = ids(lanes.taken_D + jnp.cumsum(free_L, dtype=jnp.int32) - 1)
        takes_L = free_L & (next_L < cohort.members)

        def renew(states: MemberState) -> MemberState:
            fresh = jax.vmap(member.init)(next_L)
            return jax.tree.map(
                lambda new, old: jnp.where(_like(takes_L, new), new, old), fresh, states
            )

        return Lanes(
            states=jax.lax.cond(takes_L.any(), renew, lambda states: states, lanes.states),
            active_L=lanes.active_L & ~(free_L & ~takes_L),
            taken_D=lanes.taken_D + takes_L.sum(dtype=jnp.int32)[None],
        )

    def evaluation(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        def live(state: MemberState) -> tuple[MemberState, MemberInfo]:
            state, _ = jax.lax.scan(
                lambda state, _: (member.step(state, data.train), None),
                state,
                length=cohort.eval_every,
            )
            return member.evaluate(state, data.validation)

        states, info = jax.vmap(live)(lanes.states)
        trace = Trace(info, lanes.active_L)
        return refill(lanes._replace(states=states), info.ended), trace

    def idle(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        _, shape = jax.eval_shape(evaluation, lanes, data)
        return lanes, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)

    def advance(lanes: Lanes, data: Resident) -> tuple[Lanes, Trace]:
        def once(lanes: Lanes, _: None) -> tuple[Lanes, Trace]:
            return jax.lax.cond(lanes.active_L.any(), evaluation, idle, lanes, data)

        return jax.lax.scan(once, lanes, length=evaluations)

    lane_specs = Lanes(states=split, active_L=split, taken_D=split)
    trace_specs = PartitionSpec(None, AXIS)
    return LaneProgram(
        start=jax.jit(
            jax.shard_map(start, mesh=mesh, in_specs=(), out_specs=lane_specs, check_vma=False)
        ),
        advance=jax.jit(
            jax.shard_map(
                advance,
                mesh=mesh,
                in_specs=(lane_specs, whole),
                out_specs=(lane_specs, trace_specs),
                check_vma=False,
            )
        ),
        sharding=NamedSharding(mesh, split),
    )


def _like(mask_L: jax.Array, leaf: jax.Array) -> jax.Array:
    return mask_L.reshape(mask_L.shape + (1,) * (leaf.ndim - 1))
