"""Numbers and words as a reader sees them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.quantities import exact, percent
from lab.statistics.quantiles import QuantileTime
from lab.verdicts.language import amount as on_clock
from lab.words import Clock

NONE = "–"


def count(number: float | None) -> str:
    """12345 as 12,345; a dash for None."""
    return NONE if number is None else f"{number:,.0f}"


def amount(number: float | None, clock: str) -> str:
    """A time on a clock, with its unit."""
    return NONE if number is None else on_clock(number, Clock(clock))


def told(number: float | None, words: Callable[[float], str]) -> str:
    """A number in words; a dash for None."""
    return NONE if number is None else words(number)


def ratio(estimate: Mapping[str, Any] | None, sparse: bool = False) -> str:
    """{"estimate", "lower", "upper"} as `1.20 (1.05 to 1.38)`; a dash where there is none.

    Of sparse data without its interval, which is but what the horizon allows.
    """
    if sparse and estimate is not None and estimate.get("estimate") is not None:
        return f"{estimate['estimate']:.2f} (no interval)"
    return _interval(estimate, lambda number: f"{number:.2f}")


def share(estimate: Mapping[str, Any] | None) -> str:
    """{"estimate", "lower", "upper"} as `63% (55% to 70%)`; a dash where there is none."""
    return _interval(estimate, percent)


def _interval(estimate: Mapping[str, Any] | None, text: Callable[[float], str]) -> str:
    if estimate is None or estimate.get("estimate") is None:
        return NONE
    ends = [estimate.get(end) for end in ("lower", "upper")]
    lower, upper = ("?" if end is None else text(end) for end in ends)
    return f"{text(estimate['estimate'])} ({lower} to {upper})"


def median(time: QuantileTime, last: float) -> str:
    """A quantile time as `280 (250 to 320)`; an end not reached by the last time is `beyond` it."""

    def at(value: float | None) -> str:
        return f"beyond {last:,.0f}" if value is None else f"{value:,.0f}"

    if time.estimate is None:
        return at(None) if time.lower is None else f"{at(None)} (from {at(time.lower)})"
    return f"{at(time.estimate)} ({at(time.lower)} to {at(time.upper)})"


def level(value: float) -> str:
    """A threshold; two that differ are told apart."""
    return exact(value)


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
