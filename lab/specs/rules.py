"""How specs refuse: what was got, the rule, the remedy."""

import math

from lab.errors import UsageError
from lab.printable import has_controls


def require(condition: bool, message: str) -> None:
    """UsageError with `message` unless `condition`."""
    if not condition:
        raise UsageError(message)


def require_positive(spec: object, *names: str) -> None:
    """UsageError unless each of these fields is positive and finite."""
    for name in names:
        value = getattr(spec, name)
        require(
            value > 0 and math.isfinite(value),
            f"{name} is {value}; it must be positive and finite: pass a larger --{name}",
        )


def require_printable(what: str, name: str) -> None:
    """UsageError for a name with control characters, which pictures and terminals cannot show."""
    require(
        not has_controls(name),
        f"{what} {name!r} holds control characters; a name is what can be read: rename it",
    )
