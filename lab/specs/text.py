"""How a text becomes windows of tokens."""

import dataclasses

from lab.specs.rules import require, require_positive
from lab.words import Tokens

BPE_VOCABULARY = 512
"""Where a spec leaves it open."""

BYTES = 256
"""The tokens that byte pair encoding starts from."""


@dataclasses.dataclass(frozen=True, slots=True)
class TextSpec:
    """What a text is cut into, and how many tokens a model reads at once.

    `vocabulary` is how many tokens byte pair encoding learns, the 256 bytes included; None means
    `BPE_VOCABULARY`. Characters are as many as the training text has, so there it stays None.
    """

    tokens: Tokens = Tokens.CHARACTERS
    window: int = 64
    vocabulary: int | None = None

    def __post_init__(self) -> None:
        require_positive(self, "window")
        if self.vocabulary is None:
            return
        require(
            self.tokens is Tokens.BPE,
            f"vocabulary is {self.vocabulary}, but the training text fixes how many characters "
            "there are: leave --vocabulary out or pass --tokens=bpe",
        )
        require(
            self.vocabulary >= BYTES,
            f"vocabulary is {self.vocabulary}; byte pair encoding starts from the {BYTES} bytes: "
            f"pass --vocabulary={BYTES} or more",
        )
