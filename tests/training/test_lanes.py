"""Lanes change nothing but the time: every member goes its own way, once, whatever is beside it.

The cheap laws run on gradient descent on a parabola, whose times are known on paper (toys.py);
those of floating point on a small network, bitwise where blocks are as wide. tests/laws has
those on other networks.
"""

import collections
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from toys import (
    TWO_CLASSES,
    descent_cohort,
    descent_fate,
    descent_member,
    easy_images,
    mlp_cohort,
)

from lab.specs import CohortSpec
from lab.training import lanes as lanes_module
from lab.training.lanes import LaneProgram, Lanes, Layout, Trace, called_up, make_lanes
from lab.training.member import MemberInfo, make_member
from lab.training.resident import Resident, make_resident
from lab.training.roll import roll_of
from lab.words import Outcome


class Row(NamedTuple):
    """One evaluation of one member, as plain and exact numbers."""

    member: int
    evaluation: int
    metrics: tuple[float, ...]
    reached: tuple[bool, ...]
    hit: tuple[int, ...]
    diverged: bool
    diverged_at: int
    ended: bool


def rows_of(traces: Sequence[Trace]) -> Iterator[Row]:
    """Of the lanes that held a member, in the order of time, then of lanes."""
    for trace in traces:
        info: MemberInfo = jax.device_get(trace.info)
        for at in zip(*np.nonzero(np.asarray(trace.active)), strict=True):
            reached = tuple(info.reached_K[at].tolist())
            yield Row(
                member=int(info.member[at]),
                evaluation=int(info.evaluation[at]),
                metrics=tuple(info.metrics_M[at].tolist()),
                reached=reached,
                hit=tuple(
                    hit if there else 0
                    for hit, there in zip(info.hit_K[at].tolist(), reached, strict=True)
                ),
                diverged=bool(info.diverged[at]),
                diverged_at=int(info.diverged_at[at]) if info.diverged[at] else 0,
                ended=bool(info.ended[at]),
            )


def run_all(
    program: LaneProgram, data: Resident, members: int, start: Lanes | None = None
) -> list[Trace]:
    """Dispatches until so many members have ended."""
    data = jax.device_put(data, NamedSharding(program.sharding.mesh, PartitionSpec()))
    lanes, traces, ended = program.empty() if start is None else start, [], 0
    while ended < members:
        assert len(traces) < 10_000, "members are lost"
        lanes, trace = program.advance(lanes, data)
        traces.append(jax.device_get(trace))
        ended += int((trace.active & trace.info.ended).sum())
    return traces


def curves(traces: Sequence[Trace]) -> dict[int, list[Row]]:
    """Each member's rows; a member seen twice would have an evaluation twice."""
    grouped: dict[int, list[Row]] = collections.defaultdict(list)
    for row in rows_of(traces):
        grouped[row.member].append(row)
    return dict(grouped)


def require_each_once(found: dict[int, list[Row]], members: int) -> None:
    assert sorted(found) == list(range(members))
    for rows in found.values():
        assert [row.evaluation for row in rows] == list(range(1, len(rows) + 1))
        assert [row.ended for row in rows] == [False] * (len(rows) - 1) + [True]


NOTHING = make_resident(easy_images(train=1, validation=1))


@functools.cache
def descend(members: int, layout: Layout, evaluations: int, devices: int = 1) -> list[Trace]:
    cohort = descent_cohort(members=members)
    program = make_lanes(
        descent_member(cohort), cohort, layout, evaluations, jax.devices()[:devices]
    )
    return run_all(program, NOTHING, members)


SETTINGS = {
    "fewer members than lanes": (3, Layout(1, 8), 1, 1),
    "as many": (8, Layout(1, 8), 2, 1),
    "one lane": (9, Layout(1, 1), 5, 1),
    "many more": (61, Layout(1, 4), 3, 1),
    "a dispatch that holds it all": (13, Layout(1, 4), 400, 1),
    "a whole number of rounds": (16, Layout(1, 4), 1, 1),
    "three blocks": (29, Layout(3, 4), 2, 1),
    "blocks of one lane": (13, Layout(4, 1), 3, 1),
    "more blocks than members": (3, Layout(5, 2), 3, 1),
    "two devices": (29, Layout(2, 4), 3, 2),
    "two devices, many blocks": (61, Layout(6, 2), 2, 2),
    "two devices, one with nothing to do": (1, Layout(2, 2), 2, 2),
    "two devices, an odd rest": (5, Layout(2, 1), 1, 2),
}
Setting = tuple[int, Layout, int, int]


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> Setting:
    members, layout, evaluations, devices = SETTINGS[request.param]
    if devices > jax.device_count():
        pytest.skip("one device here")
    return members, layout, evaluations, devices


def test_every_member_ends_once_as_on_paper(setting: Setting) -> None:
    """Hits, ends and divergence at the very evaluation and step of the closed form."""
    members, *rest = setting
    cohort, found = descent_cohort(members=members), curves(descend(members, *rest))
    require_each_once(found, members)
    for member, rows in found.items():
        fate, last = descent_fate(cohort, member), rows[-1]
        assert last.evaluation == fate.ended
        assert last.hit == tuple(hit or 0 for hit in fate.hits)
        assert last.reached == tuple(hit is not None for hit in fate.hits)
        assert last.diverged == (fate.outcome is Outcome.DIVERGED)
        assert last.diverged_at == (fate.diverged_at or 0)


def test_the_toy_has_every_outcome() -> None:
    """Else the test above would say little."""
    cohort = descent_cohort(members=8)
    fates = [descent_fate(cohort, member) for member in range(8)]
    assert {fate.outcome for fate in fates} == set(Outcome) - {Outcome.STOPPED}
    assert len({fate.ended for fate in fates}) >= 5
    assert any(fate.hits[0] and fate.hits[1] is None for fate in fates)


def test_curves_do_not_depend_on_lanes_dispatches_or_devices(
    setting: Setting,
) -> None:
    members, *rest = setting
    reference = curves(descend(61, Layout(1, 4), 3))
    found = curves(descend(members, *rest))
    assert {member: reference[member] for member in found} == found


def rounds_on_paper(lives: Sequence[int], lanes: int) -> int:
    """Evaluations until all are done when every free lane takes the next member at once."""
    free_at = [0] * lanes
    for life in lives:
        lane = free_at.index(min(free_at))
        free_at[lane] += life
    return max(free_at)


@pytest.mark.parametrize(("members", "lanes"), [(61, 4), (13, 4), (9, 1), (3, 8), (40, 7)])
def test_a_lane_that_is_free_takes_the_next_member_at_once(members: int, lanes: int) -> None:
    """The work saved is real: as many rounds as a queue with no idle lane needs, and no more."""
    cohort = descent_cohort(members=members)
    traces = descend(members, Layout(1, lanes), 1)
    lives = [descent_fate(cohort, member).ended for member in range(members)]
    assert len(traces) == rounds_on_paper(lives, lanes)
    assert len(traces) < -(-members // lanes) * cohort.evaluations or members <= lanes


@pytest.mark.parametrize("devices", [1, 2])
def test_members_are_shared_out_among_blocks(devices: int, two_devices: list[jax.Device]) -> None:
    """Block b serves members b, b + B, ...: its lanes never hold the others'."""
    assert len(two_devices) == 2
    for trace in descend(29, Layout(4, 2), 3, devices):
        member = np.where(trace.active, trace.info.member, -1)
        for block in range(4):
            held = member[:, 2 * block : 2 * block + 2]
            assert set(held.ravel()) <= {-1, *range(block, 29, 4)}


def test_lanes_rest_when_all_is_done() -> None:
    cohort = descent_cohort(members=2)
    program = make_lanes(descent_member(cohort), cohort, Layout(2, 2), 50, jax.devices()[:1])
    lanes, first = program.advance(program.empty(), NOTHING)
    again, second = program.advance(lanes, NOTHING)
    assert np.asarray(first.active).any()
    assert not np.asarray(second.active).any()
    jax.tree.map(np.testing.assert_array_equal, again, lanes)


def test_a_queue_that_forgets_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant of refilling: when one lane takes a member, all are written over."""
    like = lanes_module._like
    monkeypatch.setattr(lanes_module, "_like", lambda mask_L, leaf: like(mask_L | True, leaf))
    found = curves(descend_few())
    with pytest.raises(AssertionError):
        require_each_once(found, 6)


def descend_few() -> list[Trace]:
    """At most 40 dispatches, whatever becomes of the members."""
    cohort = descent_cohort(members=6)
    program = make_lanes(descent_member(cohort), cohort, Layout(1, 4), 1, jax.devices()[:1])
    lanes, traces = program.empty(), []
    for _ in range(40):
        lanes, trace = program.advance(lanes, NOTHING)
        traces.append(jax.device_get(trace))
    return traces


# A real network from here on.


@functools.cache
def network_data() -> Resident:
    return make_resident(easy_images())


@functools.cache
def network(blocks: int, evaluations: int, devices: int) -> tuple[CohortSpec, LaneProgram]:
    """Compiled once for each setting."""
    cohort = mlp_cohort()
    member = make_member(cohort, TWO_CLASSES)
    layout = Layout(blocks, 4)
    return cohort, make_lanes(member, cohort, layout, evaluations, jax.devices()[:devices])


@functools.cache
def network_curves(blocks: int, evaluations: int, devices: int) -> dict[int, list[Row]]:
    cohort, program = network(blocks, evaluations, devices)
    return curves(run_all(program, network_data(), cohort.members))


def test_members_differ_and_end_at_different_times() -> None:
    found = network_curves(1, 1, 1)
    require_each_once(found, 13)
    assert len({tuple(row.metrics for row in rows) for rows in found.values()}) == 13
    assert len({rows[-1].evaluation for rows in found.values()}) >= 3
    assert {rows[-1].reached[-1] for rows in found.values()} == {True, False}


def test_dispatches_of_any_length_give_the_same_bits() -> None:
    assert network_curves(1, 3, 1) == network_curves(1, 1, 1)


def test_neither_blocks_nor_devices_change_a_bit(two_devices: list[jax.Device]) -> None:
    reference = network_curves(1, 1, 1)
    require_each_once(reference, 13)
    assert network_curves(2, 2, len(two_devices)) == reference
    assert network_curves(3, 2, 1) == reference


_inits = jax.jit(jax.vmap(make_member(mlp_cohort(), TWO_CLASSES).init))


def seated(program: LaneProgram, cohort: CohortSpec, members: Sequence[int]) -> Lanes:
    """Lanes that hold these members at their start, and a queue that is empty."""
    lanes = Lanes(
        states=_inits(jnp.array(members, jnp.int32)),
        active_L=jnp.ones(len(members), jnp.bool_),
        taken_B=jnp.full(len(members) // 4, cohort.members, jnp.int32),
        roll=called_up(roll_of(cohort), Layout(len(members) // 4, 4)),
    )
    return jax.device_put(lanes, program.sharding)


def seated_curves(members: Sequence[int], devices: int = 1) -> dict[int, list[Row]]:
    cohort, program = network(devices, 1, devices)
    start = seated(program, cohort, members)
    return curves(run_all(program, network_data(), len(members), start))


@pytest.mark.parametrize("members", [(0, 1, 2, 3), (12, 5, 9, 1), (9, 12, 1, 5)])
def test_neighbours_lane_and_refill_do_not_change_a_bit(members: tuple[int, ...]) -> None:
    """A member that came by refill, and the same in a lane of its own choice from the start."""
    reference = network_curves(1, 1, 1)
    assert seated_curves(members) == {member: reference[member] for member in members}


def test_the_device_does_not_change_a_bit(two_devices: list[jax.Device]) -> None:
    """Members that change places across two devices."""
    reference = network_curves(1, 1, 1)
    members = (12, 5, 9, 1, 0, 3, 2, 4)
    expected = {member: reference[member] for member in members}
    assert seated_curves(members, len(two_devices)) == expected
    assert seated_curves(members[::-1], 2) == expected


def test_a_broken_neighbour_does_no_harm() -> None:
    """NaN in one lane: that member diverges at its first step, the others keep every bit."""
    cohort, program = network(1, 1, 1)
    lanes = seated(program, cohort, (0, 1, 2, 3))
    params = jax.tree.map(lambda leaf: leaf.at[1].set(jnp.nan), lanes.states.params)
    broken = lanes._replace(states=lanes.states._replace(params=params))
    found = curves(run_all(program, network_data(), 4, broken))
    whole = network_curves(1, 1, 1)
    assert {member: found[member] for member in (0, 2, 3)} == {m: whole[m] for m in (0, 2, 3)}
    (only,) = found[1]
    assert (only.diverged, only.diverged_at, only.ended) == (True, 1, True)
    assert np.isnan(only.metrics).all()
    assert not any(only.reached)


def test_one_member_alone_is_the_member_in_its_lane() -> None:
    """Without vmap the sums are ordered otherwise: equal within 1e-5."""
    cohort, data = mlp_cohort(), network_data()
    member = make_member(cohort, TWO_CLASSES)

    @jax.jit
    def life(number: jax.Array) -> Any:
        def once(state, _):
            state, _ = jax.lax.scan(
                lambda one, _: (member.step(one, data.train), None), state, length=cohort.eval_every
            )
            return member.evaluate(state, data.validation)

        return jax.lax.scan(once, member.init(number), length=cohort.evaluations)[1]

    for number, rows in list(network_curves(1, 1, 1).items())[:6]:
        alone = jax.device_get(life(jnp.int32(number)).metrics_M)[: len(rows)]
        np.testing.assert_allclose([row.metrics for row in rows], alone, rtol=1e-5, atol=1e-5)
