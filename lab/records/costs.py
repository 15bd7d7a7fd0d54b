"""What training costs: a step's cost as the number that was written, and seconds as measured."""

import dataclasses
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Self

from lab.errors import UsageError
from lab.specs.rules import require, require_positive

LEAST, MOST = Decimal("1e-30"), Decimal("1e30")
"""Between these a step's cost must lie, in FLOPs or seconds: far beyond any computer's, while the
square of a time is still a number and two costs have a common grid of a few hundred bits."""
DIGITS = 40
COST_RULE = f"a number above 0 ({LEAST:.0e} to {MOST:.0e}, at most {DIGITS} digits)"


def exact_cost(number: str | float | Fraction) -> Fraction:
    """A step's cost in whatever unit, exactly: 0.1 is a tenth, as it was written.

    Args:
        number: a decimal as text, or a float, which stands for the shortest decimal that reads as
            it: the nearest binary fraction to 0.1 is not a third of that to 0.3, so that costs of
            1:3 would break every tie. A Fraction is taken as it is.

    Returns:
        The same number.

    Raises:
        UsageError: for what is no finite number from LEAST to MOST, or has more than DIGITS digits.
    """
    if isinstance(number, Fraction):
        return number
    text = number.strip() if isinstance(number, str) else repr(float(number))
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    # Compared as a decimal: the whole number that 1e999999999 stands for fills the memory.
    if not (
        value.is_finite() and LEAST <= value <= MOST and len(value.as_tuple().digits) <= DIGITS
    ):
        raise UsageError(
            f"a step costs {text[:DIGITS]}; it must be {COST_RULE}: choose another unit, the same "
            "for all cohorts"
        )
    return Fraction(value)


def require_cost(name: str, value: float) -> None:
    """UsageError for a step that costs less or more than can be reckoned with."""
    require(
        float(LEAST) <= value <= float(MOST),
        f"{name} is {value}; it must lie in [{LEAST:.0e}, {MOST:.0e}]: pass it in another unit, "
        "the same for all",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class SoloSeconds:
    """Wall seconds of one training step of one member that has one device to itself.

    `estimate` is the median over `repeats`, each the mean of `steps_per_repeat` steps; `lower` and
    `upper` are order statistics that hold the median at `level`. Compilation is no part of it:
    `compile_seconds` is what it took, or loading the program where it was kept from before.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    repeats: int
    steps_per_repeat: int
    compile_seconds: float
    device: str

    def __post_init__(self) -> None:
        require_positive(self, "repeats", "steps_per_repeat")
        for name in ("estimate", "lower", "upper"):
            require_cost(name, getattr(self, name))
        require(0 < self.level < 1, f"level is {self.level}; it must lie in (0, 1)")

    def taken_as(self, seconds: float) -> Self:
        """The same, were a step known to take so long."""
        return dataclasses.replace(self, estimate=seconds)

    def facts(self) -> dict[str, Any]:
        """As environment.json holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def of_facts(cls, facts: Any) -> Self | None:
        """What `facts` gave; None where it was not measured, UsageError where it is anything else.

        Runs of before there was this clock have none.
        """
        if facts is None:
            return None
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(facts, dict) or facts.keys() != names:
            raise UsageError(
                f"solo_seconds in environment.json is {facts!r}; it must hold "
                f"{', '.join(sorted(names))}: was it edited?"
            )
        return cls(**facts)
