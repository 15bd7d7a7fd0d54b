"""What licenses a claim, told from the words of a verdict: verdicts of other versions have more."""

import enum
from collections.abc import Iterable


class Licence(enum.Enum):
    """How the nets of a contrast came by their rates (STATISTICS, section 2)."""

    TUNED = "tuned"
    TRANSFERRED = "transferred"
    UNTUNED = "untuned"


_WORDS = {"tuned": Licence.TUNED, "transferred": Licence.TRANSFERRED}
_UNTUNED = ("one shared learning rate", "as configured", "trained elsewhere")
INCOMPLETE = "tuning incomplete"


def licence(modifiers: Iterable[str]) -> Licence:
    """By the first word that a modifier has of it; a search left incomplete licenses nothing."""
    told = list(modifiers)
    if INCOMPLETE in told:
        return Licence.UNTUNED
    found = [kind for one in told for word, kind in _WORDS.items() if word in one.split()]
    return found[0] if found else Licence.UNTUNED


def licence_words(modifiers: Iterable[str]) -> list[str]:
    """The modifiers that speak of rates, as they stand."""
    return [
        one
        for one in modifiers
        if one in (*_UNTUNED, INCOMPLETE) or any(word in one.split() for word in _WORDS)
    ]
