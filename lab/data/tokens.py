"""From documents to windows of tokens; the training documents alone say what a token is."""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import sentencepiece

from lab.errors import UsageError
from lab.specs import TextSpec
from lab.specs.text import BPE_VOCABULARY
from lab.words import Tokens

SEPARATOR = "\n"
"""Between two documents."""

_UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()

_ALPHABET = "".join(
    "\N{LOWER ONE EIGHTH BLOCK}" if byte == 0x20 else chr(byte + 0x2800 * (not 0x20 < byte < 0x7F))
    for byte in range(256)
)
"""A character for each byte: its own if printable ASCII, SentencePiece's for a space, else Braille.

SentencePiece decodes U+2581 as a space and skips training lines with U+2585: in bytes neither is
left, and any text comes back as it was. Braille is one script, so that the bytes of a character,
and the characters of a word that is not ASCII, may become one token.
"""

_BYTES = {character: byte for byte, character in enumerate(_ALPHABET)}

_LONGEST_LINE = 4096
"""In bytes. SentencePiece up to 0.2.2 ends the process on a word of more than 65535 characters."""


class Tokeniser(NamedTuple):
    """What each token stands for, and the tokens of a text."""

    pieces: tuple[bytes, ...]
    """UTF-8; a piece of byte pair encoding may end within a character."""
    encode: Callable[[str], np.ndarray]
    """A text to its tokens [T], integers."""


@dataclasses.dataclass(frozen=True)
class Windows:
    """Tokens to read and, position by position, the tokens that follow: both [N, window].

    uint16 where the vocabulary allows it, else int32.
    """

    inputs: np.ndarray
    targets: np.ndarray


@dataclasses.dataclass(frozen=True)
class TextArrays:
    """What a language model learns from and is judged by.

    `token_bytes` holds what each token stands for, in UTF-8. `characters_per_token` is that of the
    validation tokens predicted: a loss of x nats a token is x / ln 2 / `characters_per_token` bits
    per character.
    """

    train: Windows
    validation: Windows
    token_bytes: tuple[bytes, ...]
    characters_per_token: float

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return len(self.token_bytes)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Each token as text; where it is only a part of a character, its bytes as \\xNN."""
        return tuple(piece.decode(errors="backslashreplace") for piece in self.token_bytes)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens [T]; U+FFFD for an unknown character, or one cut by the ends."""
        return decode(self.token_bytes, tokens)


def tokenise(spec: TextSpec, train: list[str], validation: list[str]) -> TextArrays:
    """Windows of both splits, each split's documents joined in order by a newline.

    A character that the training text lacks is one token, "unknown", to a tokeniser of characters,
    which asks for less than the character itself; byte pair encoding spells it in bytes.

    Raises:
        UsageError: a text is shorter than a window, or too short for the vocabulary.
    """
    train_text, validation_text = SEPARATOR.join(train), SEPARATOR.join(validation)
    pieces, encode = fit_tokeniser(spec, train_text)
    dtype = np.dtype(np.uint16 if len(pieces) <= np.iinfo(np.uint16).max else np.int32)
    train_windows, validation_windows = (
        cut_windows(encode(text).astype(dtype), spec.window, split)
        for split, text in (("training", train_text), ("validation", validation_text))
    )
    per_piece = np.array([_count_characters(piece) for piece in pieces])
    per_token = float(per_piece[validation_windows.targets].mean())
    return TextArrays(train_windows, validation_windows, pieces, per_token)


def fit_tokeniser(spec: TextSpec, text: str) -> Tokeniser:
    """The tokeniser of a training text."""
    if spec.tokens is Tokens.CHARACTERS:
        return _fit_characters(text)
    return _fit_bpe(text, BPE_VOCABULARY if spec.vocabulary is None else spec.vocabulary)


def cut_windows(tokens: np.ndarray, window: int, split: str) -> Windows:
    """Windows of `window` + 1 tokens, overlapping by one: all but the first are a target once.

    The last tokens, where they fill no window, are left out.

    Args:
        tokens: [T].
        window: how many tokens are read at once.
        split: what an error calls the text.

    Raises:
        UsageError: the tokens fill no window.
    """
    count = (len(tokens) - 1) // window
    if count < 1:
        remedy = f"pass --window={len(tokens) - 1} or less, or" if len(tokens) > 1 else "choose"
        raise UsageError(
            f"the length of the {split} text is {len(tokens)} in tokens, but a window of {window} "
            f"takes {window + 1}; {remedy} a split with more text"
        )
    end = count * window
    return Windows(tokens[:end].reshape(count, window), tokens[1 : end + 1].reshape(count, window))


def decode(pieces: tuple[bytes, ...], tokens: Iterable[int]) -> str:
    """The text of tokens [T]; U+FFFD where bytes are no character."""
    return b"".join(pieces[token] for token in tokens).decode(errors="replace")


def _count_characters(piece: bytes) -> int:
    """How many characters start in UTF-8: all bytes count but 10xxxxxx, which continue one."""
    return sum(byte & 0xC0 != 0x80 for byte in piece)


def _fit_characters(text: str) -> Tokeniser:
    """The code points of the text in order, and then a token for all others."""
    known = np.unique(_code_points(text)).astype(np.int32)
    beyond = known.max(initial=-1) + 1
    token_of = np.full(beyond + 1, len(known), np.int32)
    token_of[known] = np.arange(len(known))
    pieces = (*(chr(point).encode() for point in known), _UNKNOWN)
    return Tokeniser(pieces, lambda text: token_of[np.minimum(_code_points(text), beyond)])


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def _fit_bpe(text: str, vocabulary: int) -> Tokeniser:
    """Byte pair encoding over UTF-8 (Radford et al. 2019, section 2.2), as SentencePiece learns it.

    A token neither goes on past a space or a line's end, nor mixes ASCII letters, digits, signs and
    characters that are not ASCII.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        # Each byte once on its own, so that all are tokens and none is unknown.
        sentence_iterator=itertools.chain(_ALPHABET, _sentences(text)),
        model_writer=model,
        model_type="bpe",
        # One more for the unknown token, which it insists on.
        vocab_size=vocabulary + 1,
        hard_vocab_limit=False,
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        max_sentence_length=4 * _LONGEST_LINE,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    found = processor.get_piece_size() - 1
    if found < vocabulary:
        raise UsageError(
            f"the training text has sequences for {found} tokens of byte pair encoding, not for "
            f"{vocabulary}; pass --vocabulary={found} or less, or a split with more text"
        )
    pieces = tuple(
        bytes(_BYTES[character] for character in processor.id_to_piece(token + 1))
        for token in range(vocabulary)
    )

    def encode(text: str) -> np.ndarray:
        lines = processor.encode(list(_sentences(text)), num_threads=1)
        return np.fromiter(itertools.chain.from_iterable(lines), np.int32) - np.int32(1)

    return Tokeniser(pieces, encode)


def _sentences(text: str) -> Iterable[str]:
    """The lines of a text, cut where they are very long, a character a byte."""
    for line in text.encode().splitlines(keepends=True):
        for start in range(0, len(line), _LONGEST_LINE):
            yield line[start : start + _LONGEST_LINE].decode("latin-1").translate(_ALPHABET)
