"""How many lanes, in blocks of which width: what was asked, what fits, what is fast.

A member's bits depend on the width of its block, so the width is part of a run's record; the number
of blocks changes no bit.
"""

import dataclasses
import enum
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from lab.costs import StepCost
from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.specs import CohortSpec
from lab.training.devices import available_bytes, choose_devices
from lab.training.lanes import Layout
from lab.training.member import Member
from lab.training.speeds import Speeds, measured_speed, program_digest

CACHED_BYTES = 2**27
"""On a CPU lanes are widened while the arrays of a block's step, before XLA fuses them, are smaller
than this together. Measured on one core of an EPYC 9005 (member-steps per second, thousands):

    width                1     2     4     8    16    32   MB a member's step
    MLP 64-8-8-10       75    97   127   141   149   147     0.2
    MLP 64-32-32-10     57    71    87    91    96    97     0.9
    MLP 64-128-128-10   19    25    27    29    28    25     5.8
    MLP 64-256-256-10  4.3   9.7   9.7   9.3   7.4   5.3      18
    MLP 784-256-256-10 2.1   3.9   3.4   2.4   2.3   2.0      56
    CNN4 on 8x8         21    21    19    19    23    20     2.0
    CNN16 on 8x8        11    11    11    10    12    10     7.4
    CNN8 on 28x28      1.6   1.7   1.5   1.2   0.8   0.6      41
    U-Net of 2.9k     0.35  0.30                             322

The rule takes a width within 5% of the fastest of each row. What binds is the cache: a wide block
of large members falls out of it; a narrow one of small members pays for each operation's start.
"""
WIDEST_BY_RULE = 16
WIDTHS = {"cpu": (1, 2, 4, 8, 16, 32)}
ACCELERATORS_WIDTHS = (32, 64, 128, 256, 512, 1024)
"""What is measured."""
TIE = 0.05
"""Speeds closer than this are equal: the smaller width wastes less while the last lanes end on a
CPU, and the larger one leaves less of an accelerator idle."""
PAYS = 20
"""Training must take so many times longer than measuring, for measuring to be worth it."""
SECONDS_A_WIDTH = 15.0
"""What compiling and timing one width takes, for small U-Nets on a CPU."""
FLOPS_PER_SECOND = {"cpu": 1e10}
ACCELERATORS_FLOPS_PER_SECOND = 1e12
"""Of one device on small members, by order of magnitude; only to decide whether measuring pays."""
LANE_COPIES = 2
"""A dispatch reads the lanes' states and writes new ones."""
WORKING_SHARE = 8
"""A step needs at most this fraction of its unfused arrays at once (1/14 to 1/65 were measured)."""


class Reason(enum.Enum):
    """Why a width was taken; the value is the reader's word."""

    ASKED = "as asked"
    RULE = "by rule"
    MEASURED = "measured"
    REMEMBERED = "remembered"


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A layout, and why its width."""

    layout: Layout
    reason: Reason

    def __str__(self) -> str:
        return f"lanes {self.layout.lanes} in blocks of {self.layout.width}, {self.reason.value}"


def choose_layout(
    member: Member,
    cohort: CohortSpec,
    data: DataArrays,
    cost: StepCost,
    asked_lanes: int | None,
    asked_width: int | None,
    remembered: Path | None,
    compiler_options: Mapping[str, str | bool],
    *,
    operations: Mapping[str, str] | None = None,
    cohorts: int = 1,
) -> Choice:
    """Lanes and their blocks; None asked means auto. `remembered` is a file of measured speeds.

    By default as wide as is fast, a block a device, and at most a lane a member; so many
    `cohorts` share the memory. UsageError for what cannot be had, or
    cannot fit into memory: that much is known from shapes, before anything is allocated;
    `require_memory` knows better once the program is compiled.
    """
    _require_possible(asked_lanes, asked_width)
    devices = jax.devices()
    free = available_bytes(devices)
    if free is not None:
        _require_states(cohort, cost, asked_lanes or asked_width or 1, free)
    if asked_width is not None:
        blocks = max(1, min(len(devices), cohort.members // asked_width))
        return Choice(
            Layout((asked_lanes or blocks * asked_width) // asked_width, asked_width), Reason.ASKED
        )
    limit = max(1, cohort.members // len(devices))
    if asked_lanes is not None:
        limit = 2 ** math.ceil(math.log2(asked_lanes))  # All of them, if they are few.
    elif free is not None:
        working = cost.moved_bytes / WORKING_SHARE + 2 * LANE_COPIES * cost.state_bytes
        limit = max(1, min(limit, int(free / cohorts / len(devices) / working)))
    digest = program_digest(cohort, data, compiler_options, operations or {}, cost)
    speeds = Speeds(remembered, digest)
    measure = functools.partial(measured_speed, member, data, compiler_options)
    width, reason = choose_width(cohort, cost, limit, speeds, measure)
    if asked_lanes is None:
        return Choice(Layout(min(len(devices), cohort.members), width), reason)
    return Choice(divided(asked_lanes, width), reason)


def choose_width(
    cohort: CohortSpec,
    cost: StepCost,
    limit: int,
    speeds: Speeds,
    measure: Callable[[int], float],
) -> tuple[int, Reason]:
    """A power of two up to `limit`: remembered, else measured if that pays, else by rule.

    `measure(width)` gives member-steps per second of one device.
    """
    platform = jax.default_backend()
    widths = [width for width in WIDTHS.get(platform, ACCELERATORS_WIDTHS) if width <= limit]
    known = speeds.recall()
    missing = [width for width in widths if width not in known]
    if widths and not missing:
        return fastest({width: known[width] for width in widths}, platform), Reason.REMEMBERED
    rate = FLOPS_PER_SECOND.get(platform, ACCELERATORS_FLOPS_PER_SECOND) * jax.device_count()
    training = cohort.members * cohort.budget_steps * cost.flops / rate
    if len(widths) < 2 or training < PAYS * SECONDS_A_WIDTH * len(missing):
        return width_by_rule(cost, limit, platform), Reason.RULE
    found = known | {width: _speed(measure, width) for width in missing}
    speeds.keep({width: speed for width, speed in found.items() if speed > 0})
    if not any(found[width] for width in widths):
        return width_by_rule(cost, widths[0], platform), Reason.RULE
    return fastest({width: found[width] for width in widths}, platform), Reason.MEASURED


def _speed(measure: Callable[[int], float], width: int) -> float:
    """0 for a width that the device has no memory for."""
    try:
        return measure(width)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return 0.0


def width_by_rule(cost: StepCost, limit: int, platform: str) -> int:
    """See CACHED_BYTES for a CPU; as wide as may be elsewhere, which was not measured."""
    widest = ACCELERATORS_WIDTHS[-1]
    if platform == "cpu":
        widest = min(WIDEST_BY_RULE, int(CACHED_BYTES / max(cost.moved_bytes, 1.0)))
    return 2 ** int(math.log2(max(1, min(limit, widest))))


def fastest(speeds: Mapping[int, float], platform: str) -> int:
    """The width of the highest speed; see TIE."""
    best = max(speeds.values())
    near = [width for width, speed in speeds.items() if speed >= (1 - TIE) * best]
    return min(near) if platform == "cpu" else max(near)


def divided(lanes: int, widest: int) -> Layout:
    """Lanes in equal blocks, at most `widest` wide: on as many devices as can be, then wide."""
    widths = [width for width in range(1, widest + 1) if lanes % width == 0]
    width = max(widths, key=lambda width: (len(choose_devices(lanes // width)), width))
    return Layout(lanes // width, width)


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """What a cohort's compiled program takes, beside data that lie on the devices already.

    `stats` is the program's `memory_analysis()` (bytes on each device), or None where the platform
    has none.
    """

    cohort: CohortSpec
    layout: Layout
    devices: Sequence[jax.Device]
    stats: Any
    data_bytes: int  # on each device
    ahead_bytes: int = 0  # of data that will lie on each device besides

    @property
    def states(self) -> int:
        """Lanes that are read, and lanes and traces that are written."""
        inputs = max(0, self.stats.argument_size_in_bytes - self.data_bytes)
        return inputs + self.stats.output_size_in_bytes - self.stats.alias_size_in_bytes

    @property
    def working(self) -> int:
        return self.stats.temp_size_in_bytes

    @property
    def fixed(self) -> int:
        return self.stats.generated_code_size_in_bytes + self.ahead_bytes


def require_memory(needs: Sequence[Need]) -> None:
    """UsageError, with the lanes that fit, if the programs together need more than there is.

    Call it with all data placed, and before any lanes are made. CPU devices share one memory.
    """
    known = [need for need in needs if need.stats is not None]
    used = list(dict.fromkeys(device for need in known for device in need.devices))
    if not used:
        return
    shared = used[0].platform == "cpu"
    refusals: list[tuple[int, int, int]] = []
    for group in [used] if shared else [[device] for device in used]:
        free = available_bytes(group)
        if free is None:
            continue
        shares = [(need, len(set(group) & set(need.devices))) for need in known]
        shares = [(need, count) for need, count in shares if count]
        needed = sum((one.states + one.working + one.fixed) * count for one, count in shares)
        if needed > free:
            refusals.append((_fitting(shares, free), needed, free))
    if refusals:
        fitting, needed, free = min(refusals)
        lanes = max(need.layout.lanes for need in known)
        raise _too_large([need.cohort for need in known], lanes, needed, free, fitting)


def _fitting(shares: Sequence[tuple[Need, int]], free: int) -> int:
    """The lanes that each of these cohorts may have, by what each takes on so many devices."""
    left = free - sum(one.fixed * count for one, count in shares)
    working = sum(one.working * count for one, count in shares)
    a_lane = sum(one.states * count / one.layout.lanes for one, count in shares)
    # All blocks of a device work in the same place, so fewer lanes in blocks as wide need as much.
    fitting = int((left - working) / a_lane)
    fitting -= fitting % math.lcm(*(one.layout.width for one, _ in shares))
    if fitting <= 0:
        a_lane += sum(one.working * count / one.layout.lanes for one, count in shares)
        fitting = int(left / a_lane)
    return fitting


def _require_states(cohort: CohortSpec, cost: StepCost, lanes: int, free: int) -> None:
    each = LANE_COPIES * cost.state_bytes
    if lanes * each > free:
        raise _too_large([cohort], lanes, lanes * each, free, free // each)


def _too_large(
    cohorts: Sequence[CohortSpec], lanes: int, needed: int, free: int, fitting: int
) -> UsageError:
    what = f"{lanes} lanes" if lanes > 1 else "one lane"
    remedy = (
        f"pass --lanes={fitting}" if fitting > 0 else "not one lane fits: pass smaller networks"
    )
    names = ", ".join(repr(cohort.name) for cohort in cohorts)
    whose = f"cohort {names}"
    if len(cohorts) > 1:
        what, whose = f"up to {what}", f"each of the cohorts {names}, together,"
    return UsageError(
        f"{what} of {whose} would take {needed / 2**30:.3g} GiB of memory or more, "
        f"and {free / 2**30:.3g} GiB are free: {remedy}"
    )


def _require_possible(asked_lanes: int | None, asked_width: int | None) -> None:
    for name, asked in (("lanes", asked_lanes), ("lane_width", asked_width)):
        if asked is not None and asked <= 0:
            raise UsageError(
                f"{name} is {asked}; it must be positive: pass --{name}=auto or a number"
            )
    if asked_lanes is not None and asked_width is not None and asked_lanes % asked_width:
        whole = math.ceil(asked_lanes / asked_width) * asked_width
        raise UsageError(
            f"lanes is {asked_lanes} and lane_width {asked_width}; whole blocks are needed: pass "
            f"--lanes={whole}, or --lane_width=auto"
        )
