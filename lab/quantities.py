"""Numbers as a reader sees them, in sentences, tables and figures alike."""

import re

_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

_MANY = 6


def exact(value: float) -> str:
    """A short text that is read back as the value: 0.003 as 0.003, 1e9 as 1e9, 2.0 as 2.

    Two values never share one, and it may stand in a name: there is no + in it.
    """
    short = f"{value:g}"
    text = short if float(short) == value else repr(float(value)).removesuffix(".0")
    return re.sub(r"e\+?(-?)0*", r"e\1", text)


def percent(share: float) -> str:
    """0.834 as 83%; what is not quite none or all is not rounded to it."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def scale(largest: float) -> tuple[float, str]:
    """The unit's factor and prefix with which numbers up to `largest` read well."""
    return next(((factor, prefix) for factor, prefix in _PREFIXES if largest >= factor), (1.0, ""))


def flops(number: float) -> str:
    """1.234e9 as 1.23 GFLOPs."""
    factor, prefix = scale(number)
    return f"{number / factor:.3g} {prefix}FLOPs"


def seconds(number: float) -> str:
    """0.00123 as 1.23 ms."""
    if number >= 1:
        return f"{number:,.0f} s" if number >= 100 else f"{number:.3g} s"
    return f"{1e3 * number:.3g} ms" if number >= 1e-3 else f"{1e6 * number:.3g} µs"


def size(number: float) -> str:
    """Bytes: 1.234e6 as 1.23 MB."""
    factor, prefix = scale(number)
    return f"{number / factor:.3g} {prefix}B"


def in_turn(values: tuple[float, ...]) -> str:
    """One value for all members, or those that they have in turn."""
    told = [f"{value:g}" for value in values]
    if len(told) == 1:
        return told[0]
    if len(told) <= _MANY:
        return f"{', '.join(told[:-1])} and {told[-1]} in turn over the members"
    return f"{min(values):g} to {max(values):g} ({len(told)} values in turn over the members)"
