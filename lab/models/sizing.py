"""The width at which a network has a wanted number of parameters."""

import itertools

from lab.errors import UsageError
from lab.models.build import count_parameters
from lab.models.fitting import require_fitting
from lab.models.signature import Signature
from lab.models.unet import BASE_CHANNELS, channels
from lab.specs import UNetSpec

MOST_PARAMETERS = 10**9


def match_unet_width(
    parameters: int,
    image_shape: tuple[int, int, int],
    expansion: int,
    tolerance: float = 0.02,
) -> UNetSpec:
    """The U-Net nearest to `parameters` along the width dial.

    UsageError if none is within `tolerance` (a fraction). The count grows with the width in steps,
    one wherever some channel count rounds up, so the dial is searched over those steps.
    """

    if not 0 < parameters <= MOST_PARAMETERS:
        raise UsageError(
            f"{parameters} parameters were asked; sizing covers 1 to {MOST_PARAMETERS}: pass fewer"
        )
    signature = Signature(image_shape, image_shape[:2])
    require_fitting(UNetSpec(1.0, expansion), signature)

    def count(width: float) -> int:
        return count_parameters(UNetSpec(width, expansion), signature)

    widths = _distinct_widths(max(1.0, (parameters / count(1.0)) ** 0.5) * 4)
    low, high = 0, len(widths) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(widths[middle]) <= parameters else (low, middle)
    nearest = min(widths[low : high + 1], key=lambda width: abs(count(width) - parameters))
    found = count(nearest)
    if abs(found - parameters) > tolerance * parameters:
        counts = ", ".join(str(count(width)) for width in widths[low : high + 1])
        raise UsageError(
            f"no width gives {parameters} parameters within {tolerance:.0%}; the nearest counts "
            f"are {counts}: pass one of them, or another --expansion"
        )
    return UNetSpec(nearest, expansion)


def _distinct_widths(largest: float) -> list[float]:
    """One width for each distinct channel tuple up to `largest`, increasing."""
    steps = {
        (units + 0.5) / base for base in BASE_CHANNELS for units in range(int(largest * base) + 1)
    }
    edges = sorted({0.5 / max(BASE_CHANNELS), *steps})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    return list({channels(width): width for width in reversed(middles)}.values())[::-1]
