"""The setting of a dial at which a network has a wanted number of parameters."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from lab.errors import UsageError
from lab.models.build import parameter_shapes
from lab.models.signature import Signature
from lab.specs import ModelSpec, OwnModelSpec
from lab.specs.dials import dials, setting, with_dial

MOST_PARAMETERS = 10**9
MOST_ARRAYS = 400
"""Networks of more arrays of parameters are not looked at: tracing them would take too long."""

GRAIN = 1000
"""Multipliers are searched in steps of 1/1000; the U-Net's channels change at most every 1/476."""

_NEXT = 1024
"""How far on a spec's next setting is looked for."""

_LEAP = 8

SizeAt = Callable[[int], "Size"]


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The network nearest to a number of parameters, and how near it is."""

    spec: ModelSpec
    parameters: int
    asked: int

    @property
    def distance(self) -> float:
        """As a fraction of what was asked; below 0 where the network is smaller."""
        return (self.parameters - self.asked) / self.asked

    def __str__(self) -> str:
        if self.parameters == self.asked:
            return f"{self.parameters:,} parameters, as asked"
        side = "more" if self.parameters > self.asked else "fewer"
        return (
            f"{self.parameters:,} parameters, {abs(self.distance):.2%} {side} than the "
            f"{self.asked:,} asked"
        )


class Size(NamedTuple):
    """Trainable numbers, and the arrays that they are in; infinite where there is no network."""

    parameters: float
    arrays: float


def match_parameters(
    spec: ModelSpec,
    parameters: int,
    signature: Signature,
    dial: str = "width",
    tolerance: float = 0.02,
) -> Match:
    """The network nearest to `parameters` of all that differ from `spec` in one dial alone.

    UsageError if none is within `tolerance` (a fraction; infinite to take what is nearest), with
    the nearest counts and the other dials that would do. A dial that counts is searched over all
    settings that the spec accepts, a multiplier in steps of 1/`GRAIN`; the number of parameters
    must not fall along the dial. Shapes are traced, nothing is computed.
    """
    if not 0 < parameters <= MOST_PARAMETERS:
        raise UsageError(
            f"{parameters} parameters were asked; sizing covers 1 to {MOST_PARAMETERS}: pass fewer"
        )
    if not tolerance >= 0:
        raise UsageError(f"tolerance is {tolerance}; it must be 0 or above: pass 0.02")
    around = _around(spec, parameters, signature, dial)
    nearest = min(around, key=lambda match: abs(match.distance))
    if abs(nearest.distance) > tolerance:
        counts = ", ".join(str(match.parameters) for match in around)
        raise UsageError(
            f"no {dial} gives {parameters} parameters within {100 * tolerance:g}%; the nearest "
            f"counts are {counts}: pass one of them, or a larger tolerance"
            f"{_others(spec, parameters, signature, dial, tolerance)}"
        )
    return nearest


def size(spec: ModelSpec, signature: Signature) -> Size:
    """Of the network; UsageError as `build_network`.

    Remembered of the lab's own families alone: a user's class is named by its path, under which a
    notebook may have another by now, or the same that calls others.
    """
    if isinstance(spec, OwnModelSpec):
        return _traced_size(spec, signature)
    return _known_size(spec, signature)


@functools.lru_cache(maxsize=4096)
def _known_size(spec: ModelSpec, signature: Signature) -> Size:
    return _traced_size(spec, signature)


def _traced_size(spec: ModelSpec, signature: Signature) -> Size:
    leaves = jax.tree.leaves(parameter_shapes(spec, signature))
    return Size(sum(math.prod(leaf.shape) for leaf in leaves), len(leaves))


def _around(spec: ModelSpec, parameters: int, signature: Signature, dial: str) -> list[Match]:
    """The nearest networks with at most, and with more than, so many parameters."""
    spec_at, start = _settings(spec, dial)
    known = {start: size(spec_at(start), signature)}

    def at(place: int) -> Size:
        if place not in known:
            try:
                known[place] = size(spec_at(place), signature)
            except UsageError:  # As of a net too deep for its images.
                known[place] = Size(math.copysign(math.inf, place - start), math.inf)
        return known[place]

    places = enclose(at, parameters, start, smooth=isinstance(setting(spec, dial), int))
    counts = [known[place].parameters for place in sorted(known)]
    if counts != sorted(counts):
        raise UsageError(
            f"the number of parameters does not grow along {dial}, as a search needs: pass "
            "another dial"
        )
    return [
        Match(spec_at(place), int(at(place).parameters), parameters)
        for place in places
        if math.isfinite(at(place).parameters)
    ]


def _others(
    spec: ModelSpec, parameters: int, signature: Signature, dial: str, tolerance: float
) -> str:
    """Which other dials come near enough, as the end of a sentence."""
    found = []
    for other in dials(spec):
        try:
            around = _around(spec, parameters, signature, other) if other != dial else []
        except UsageError:
            continue
        near = min(around, key=lambda match: abs(match.distance), default=None)
        if near is not None and abs(near.distance) <= tolerance:
            found.append(f"{other} {setting(near.spec, other):g} ({near.parameters})")
    return f", or turn another dial: {', '.join(found)}" if found else ""


def _settings(spec: ModelSpec, dial: str) -> tuple[Callable[[int], ModelSpec], int]:
    """The dial's settings by number, from 1 on, and the number of the spec's own.

    Where a spec accepts only some numbers evenly apart, as multiples of a Transformer's heads,
    these are the settings.
    """
    own = setting(spec, dial)
    if isinstance(own, float):
        return lambda place: with_dial(spec, dial, place / GRAIN), max(1, round(own * GRAIN))
    accepted = (number for number in range(1, own + _NEXT) if _accepts(spec, dial, number))
    first = next(accepted, own)
    step = next(accepted, first + 1) - first
    start = max(1, (own - first) // step + 1)
    return lambda place: with_dial(spec, dial, first + (place - 1) * step), start


def _accepts(spec: ModelSpec, dial: str, number: int) -> bool:
    try:
        with_dial(spec, dial, number)
    except UsageError:
        return False
    return True


def enclose(size_at: SizeAt, parameters: int, start: int, smooth: bool) -> tuple[int, ...]:
    """Two neighbouring places, counted from 1, of which one has more than `parameters`.

    One place alone where it is the first, or where nothing larger is to be had. `smooth` says that
    the count grows like a square, and not in stairs: fewer places are then looked at.
    """
    low, high = _around_it(size_at, parameters, start)
    if low == 0 or high is None:
        return (high or low,)
    spans = [2 * (high - low), high - low]
    while high - low > 1:
        at = (low + high) // 2
        if smooth and 2 * spans[-1] <= spans[-2]:
            below, wanted, above = (
                math.sqrt(max(0.0, count))
                for count in (size_at(low).parameters, parameters, size_at(high).parameters)
            )
            aimed = low + int((high - low) * (wanted - below) / (above - below))
            at = min(max(aimed, low + 1), high - 1)
        if size_at(at).parameters > parameters:
            high = at
        else:
            low = at
        spans.append(high - low)
    return low, high


def _around_it(size_at: SizeAt, parameters: int, start: int) -> tuple[int, int | None]:
    """Places, not yet neighbours, as `enclose` gives; 0 and None where there is none."""
    at, first = start, size_at(start)
    if first.parameters > parameters:
        while at > 1:
            lower = _lower(at, size_at(at), parameters)
            if size_at(lower).parameters <= parameters:
                return lower, at
            at = lower
        return 0, 1
    while at <= _LEAP**4 * start or size_at(at) != first:
        higher = _higher(at, size_at(at), parameters, first)
        if higher == at:
            break
        if size_at(higher).parameters > parameters:
            return at, higher
        at = higher
    return at, None


def _higher(place: int, here: Size, parameters: int, start: Size) -> int:
    """Somewhat past where the count, as a square of the width, would be the wanted one."""
    leap = min(_LEAP, 1.1 * math.sqrt(parameters / max(1.0, here.parameters)))
    aimed = max(place + 1, math.ceil(place * leap))
    if here.arrays > start.arrays or here.arrays > MOST_ARRAYS:
        aimed = min(aimed, max(place, int(place * MOST_ARRAYS / here.arrays)))
    return aimed


def _lower(place: int, here: Size, parameters: int) -> int:
    leap = max(1 / _LEAP, math.sqrt(parameters / here.parameters) / 1.1)
    return max(1, min(place - 1, int(place * leap)))
