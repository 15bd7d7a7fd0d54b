"""English prose that every Python carries, as tokens: no download."""

from pydoc_data import topics

import numpy as np

from lab.data.arrays import DataArrays, Split

WINDOW = 64
VOCABULARY = 96
"""ASCII's 95 printable characters, and the end of a line."""

_HELD_OUT = 0.1


def python_topics() -> DataArrays:
    """Python's language reference in windows of characters.

    `inputs` uint16 [N, 64], `targets` the character after each; the last tenth is for validation.
    """
    prose = "".join(topics.topics[name] for name in sorted(topics.topics))
    tokens = _tokens(prose)
    count = (len(tokens) - 1) // WINDOW
    inputs = tokens[: count * WINDOW].reshape(count, WINDOW)
    targets = tokens[1 : count * WINDOW + 1].reshape(count, WINDOW)
    start = round(count * (1 - _HELD_OUT))
    return DataArrays(
        Split(inputs[:start], targets[:start]),
        Split(inputs[start:], targets[start:]),
        classes=VOCABULARY,
        vocabulary=VOCABULARY,
    )


def _tokens(prose: str) -> np.ndarray:
    """uint16, from 0 for a space; 95 ends a line, and what is not ASCII is a question mark."""
    codes = np.frombuffer(prose.encode("ascii", errors="replace"), np.uint8).astype(np.uint16)
    printable = codes - np.uint16(ord(" "))
    return np.where(codes == ord("\n"), np.uint16(VOCABULARY - 1), printable)
