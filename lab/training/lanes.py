"""Lanes that refill themselves: a cohort's members through a fixed width of the compiled program.

A lane holds one member. When that member ends, the lane takes the next from its block's queue
within the same program, so no member waits for the slowest and the host is never asked. Only where
members share batches that are streamed do they begin together, once all before them have ended.

Lanes stand in blocks. The lanes of a block are mapped together; the blocks of a device run one
after another, and a block whose members have all ended is passed over. Each block's step stands
behind a branch of its own, so that XLA compiles it alike whatever is around it: a trajectory's bits
depend on the width of a block, and on no other number here.
"""

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from lab.specs import CohortSpec
from lab.training.compilation import CompilerOptions
from lab.training.member import Member, MemberInfo, MemberState
from lab.training.programs import Programs
from lab.training.resident import Resident, Window
from lab.training.roll import Roll

AXIS = "blocks"
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How lanes stand: B blocks of W lanes each; lane l belongs to block l // W."""

    blocks: int
    width: int

    @property
    def lanes(self) -> int:
        """How many members are in training at once."""
        return self.blocks * self.width


class Lanes(NamedTuple):
    """L lanes in B blocks, sharded over devices by whole blocks."""

    states: MemberState  # every leaf [L, ...]
    active_L: jax.Array  # bool: whether the lane holds a member that has not ended
    taken_B: jax.Array  # int32: members that each block has taken from its queue
    roll: Roll  # every leaf [B, ...]: the same for all blocks


class Trace(NamedTuple):
    """What one dispatch reports: E evaluations of every lane."""

    info: MemberInfo  # every leaf [E, L, ...]
    active: jax.Array  # bool [E, L]: whether the lane held a member at that evaluation


Advance = Callable[[Lanes, Resident], tuple[Lanes, Trace]]


class Compiled(NamedTuple):
    """A dispatch that is ready to run, and what it needs on each device."""

    advance: Advance
    memory: Any  # XLA's memory_analysis(), or None


class LaneProgram(NamedTuple):
    """`empty()` gives free lanes; `advance(lanes, data)` runs one dispatch of E evaluations.

    `advance` compiles when it is first called, `compile(data)` before there are lanes.
    """

    empty: Callable[[], Lanes]
    advance: Advance
    compile: Callable[[Resident], Compiled]
    sharding: NamedSharding


class _Block(NamedTuple):
    """W lanes, and their queue's place."""

    number: jax.Array  # int32 []: among the blocks of all devices
    states: MemberState  # every leaf [W, ...]
    active_W: jax.Array
    taken: jax.Array  # int32 []
    roll: Roll


def _mesh(devices: Sequence[jax.Device]) -> Mesh:
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(devices: Sequence[jax.Device]) -> NamedSharding:
    """Where data lies that every shard reads: whole, on each device."""
    return NamedSharding(_mesh(devices), PartitionSpec())


def make_lanes(
    member: Member,
    cohort: CohortSpec,
    layout: Layout,
    evaluations: int,
    devices: Sequence[jax.Device],
    compiler_options: CompilerOptions | None = None,
    programs: Programs | None = None,
) -> LaneProgram:
    """The blocks must be a multiple of the number of devices; `programs` are compiled already.

    Block b of B serves members b, b + B, b + 2B... A member's trajectory knows nothing of that.
    Every device runs a program of its own. As one program over all of them the same lanes would
    round otherwise: XLA simplifies what it partitions in another order (seen in Adam's bias
    correction on a CPU, one device against two).
    """
    blocks = layout.blocks // len(devices)
    sharding = NamedSharding(_mesh(devices), PartitionSpec(AXIS))
    by_evaluation = NamedSharding(sharding.mesh, PartitionSpec(None, AXIS))

    def empty() -> Lanes:
        state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), jnp.int32))
        lanes = layout.lanes
        return Lanes(
            states=jax.tree.map(lambda leaf: jnp.zeros((lanes, *leaf.shape), leaf.dtype), state),
            active_L=jnp.zeros(lanes, jnp.bool_),
            taken_B=jnp.zeros(layout.blocks, jnp.int32),
            roll=called_up(member.roll, layout),
        )

    def shard(lanes: Lanes, data: Resident, first: jax.Array) -> tuple[Lanes, Trace]:
        """The blocks of one device, from number `first` on."""
        once = _evaluation(member, cohort, layout.blocks, data)
        opens_E = _opens(data, evaluations)
        ends, trace = jax.lax.map(
            lambda block: jax.lax.scan(once, block, opens_E, length=evaluations),
            _Block(
                number=first + jnp.arange(blocks, dtype=jnp.int32),
                states=_apart(lanes.states, blocks),
                active_W=_apart(lanes.active_L, blocks),
                taken=lanes.taken_B,
                roll=lanes.roll,
            ),
        )
        trace = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), trace)
        return (
            Lanes(_together(ends.states, 0), _together(ends.active_W, 0), ends.taken, ends.roll),
            _together(trace, 1),
        )

    firsts = [np.int32(number * blocks) for number in range(len(devices))]

    def run(programs: Sequence[Callable[..., Any]], lanes: Lanes, data: Resident) -> Any:
        each = zip(
            programs,
            _split(lanes, devices),
            _split(data, devices),
            jax.device_put(firsts, list(devices)),
            strict=True,
        )
        ends, traces = zip(*(program(*own) for program, *own in each), strict=True)
        return _joined(ends, sharding, 0), _joined(traces, by_evaluation, 1)

    def compile_ahead(data: Resident) -> Compiled:
        def one(device: jax.Device, own: Resident) -> jax.stages.Compiled:
            there = SingleDeviceSharding(device)

            def share(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
                shape = (leaf.shape[0] // len(devices), *leaf.shape[1:])
                return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=there)

            first = jax.ShapeDtypeStruct((), jnp.int32, sharding=there)
            lowered = jitted.lower(jax.tree.map(share, jax.eval_shape(empty)), own, first)
            return shared.compiled(lowered, device, options)

        with concurrent.futures.ThreadPoolExecutor() as pool:
            programs = list(pool.map(one, devices, _split(data, devices)))
        return Compiled(functools.partial(run, programs), programs[0].memory_analysis())

    options, shared = dict(compiler_options or {}), Programs() if programs is None else programs
    jitted = jax.jit(shard, compiler_options=options)
    return LaneProgram(
        empty=jax.jit(empty, out_shardings=sharding),
        advance=functools.partial(run, [jitted] * len(devices)),
        compile=compile_ahead,
        sharding=sharding,
    )


def called_up(roll: Roll, layout: Layout) -> Roll:
    """A copy for each block."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (layout.blocks, *leaf.shape)), roll)


def _evaluation(
    member: Member, cohort: CohortSpec, blocks: int, data: Resident
) -> Callable[[_Block, jax.Array | None], tuple[_Block, Trace]]:
    """One evaluation of a block: free lanes are filled, all train, and are measured."""

    def refill(block: _Block, opens: jax.Array | None) -> _Block:
        """Free lanes take the next members of the block's queue, in lane order."""
        free_W = ~block.active_W
        ranks_W = block.taken + jnp.cumsum(free_W, dtype=jnp.int32) - 1
        next_W = ranks_W * blocks + block.number
        takes_W = free_W & (next_W < block.roll.members)
        if opens is not None:
            takes_W &= opens

        def renew(states: MemberState) -> MemberState:
            fresh = jax.vmap(member.start, (0, None))(next_W, block.roll)
            return jax.tree.map(
                lambda new, old: jnp.where(_like(takes_W, new), new, old), fresh, states
            )

        return block._replace(
            states=jax.lax.cond(takes_W.any(), renew, lambda states: states, block.states),
            active_W=block.active_W | takes_W,
            taken=block.taken + takes_W.sum(dtype=jnp.int32),
        )

    def train_and_evaluate(states: MemberState) -> tuple[MemberState, MemberInfo]:
        def live(state: MemberState) -> tuple[MemberState, MemberInfo]:
            state, _ = jax.lax.scan(
                lambda state, _: (member.step(state, data.train), None),
                state,
                length=cohort.eval_every,
            )
            return member.evaluate(state, data.validation)

        return jax.vmap(live)(states)

    def rest(states: MemberState) -> tuple[MemberState, MemberInfo]:
        _, shape = jax.eval_shape(train_and_evaluate, states)
        return states, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)

    def once(block: _Block, opens: jax.Array | None) -> tuple[_Block, Trace]:
        block = refill(block, opens)
        states, info = jax.lax.cond(block.active_W.any(), train_and_evaluate, rest, block.states)
        after = block._replace(states=states, active_W=block.active_W & ~info.ended)
        return after, Trace(info, block.active_W)

    return once


def _opens(data: Resident, evaluations: int) -> jax.Array | None:
    """Bool [E]: at which evaluations free lanes are filled; None is at any.

    Members that share batches begin with the first of them.
    """
    if not isinstance(data.train, Window):
        return None
    return (data.train.first == 0) & (jnp.arange(evaluations) == 0)


def _like(mask_W: jax.Array, leaf: jax.Array) -> jax.Array:
    return mask_W.reshape(mask_W.shape + (1,) * (leaf.ndim - 1))


def _apart(tree: Any, blocks: int) -> Any:
    """Leaves [L, ...] as [B, W, ...]."""
    return jax.tree.map(lambda leaf: leaf.reshape(blocks, -1, *leaf.shape[1:]), tree)


def _together(tree: Any, axis: int) -> Any:
    """Leaves [..., B, W, ...], with B at `axis`, as [..., L, ...]."""
    return jax.tree.map(
        lambda leaf: leaf.reshape(*leaf.shape[:axis], -1, *leaf.shape[axis + 2 :]), tree
    )


def _split(tree: T, devices: Sequence[jax.Device]) -> list[T]:
    """What each device holds of arrays that lie on all of them."""
    leaves, structure = jax.tree.flatten(tree)
    held = [{part.device: part.data for part in leaf.addressable_shards} for leaf in leaves]
    return [jax.tree.unflatten(structure, [parts[device] for parts in held]) for device in devices]


def _joined(trees: Sequence[T], sharding: NamedSharding, axis: int) -> T:
    """The arrays whose parts along `axis` lie on the devices of the sharding, in their order."""

    def join(*parts: jax.Array) -> jax.Array:
        shape = list(parts[0].shape)
        shape[axis] *= len(parts)
        return jax.make_array_from_single_device_arrays(tuple(shape), sharding, parts)

    return jax.tree.map(join, *trees)
