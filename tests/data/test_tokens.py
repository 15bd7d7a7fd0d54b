"""Tokens give their text back, know the training text alone, and are each predicted once."""

import dataclasses
import math
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.data.tokens import (
    Tokeniser,
    cut_windows,
    decode,
    fit_tokeniser,
    tokenise,
)
from lab.errors import UsageError
from lab.specs import TextSpec, json_converter
from lab.words import Tokens

CHARACTERS, BPE = (
    TextSpec(Tokens.CHARACTERS, window=8),
    TextSpec(Tokens.BPE, window=8, vocabulary=320),
)
WORDS = ("the", "hare", "ran", "while", "a", "tortoise", "walked,", "12", "naïve", "日本語")
ODD = "  two\n\n\tr\r\n \0 ▁▅ <unk></s> <0x0A> \u2028\x85\xa0 e\u0301 ﬁ 😀 \ufffd"
"""What SentencePiece is apt to change: spaces, signs of its own, what normalisation composes."""


def story(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words)).replace(", ", ",\n")


TRAIN, VALIDATION = [story(400, 1), story(200, 2)], [story(100, 3)]


@pytest.fixture(scope="module")
def bpe() -> Tokeniser:
    return fit_tokeniser(BPE, TRAIN[0])


@given(st.text())
@example(ODD)
def test_characters_give_their_own_text_back(text: str) -> None:
    pieces, encode = fit_tokeniser(CHARACTERS, text)
    tokens = encode(text)
    assert decode(pieces, tokens) == text
    assert len(tokens) == len(text)


@given(st.text() | st.text("the har\n日😀 ▁\r"))
@example(ODD)
@example(" " * 5000 + "ab" * 50000)
def test_byte_pairs_give_any_text_back(bpe: Tokeniser, text: str) -> None:
    assert decode(bpe.pieces, bpe.encode(text)) == text


@given(st.text(min_size=1))
@example(ODD)
def test_byte_pairs_fit_any_text(text: str) -> None:
    pieces, encode = fit_tokeniser(dataclasses.replace(BPE, vocabulary=256), text)
    assert sorted(pieces) == [bytes([byte]) for byte in range(256)]
    assert decode(pieces, encode(text)) == text
    assert len(encode(text)) == len(text.encode())


def test_byte_pairs_are_the_frequent_ones(bpe: Tokeniser) -> None:
    words = {f" {word}".strip(",").encode() for word in WORDS}
    assert len(set(bpe.pieces)) == len(bpe.pieces) == 320
    assert len(words & set(bpe.pieces)) >= 6
    assert any("日".encode() in piece for piece in bpe.pieces)
    assert not any(b" " in piece[1:] for piece in bpe.pieces)


def test_a_very_long_line_is_learned_from() -> None:
    pieces, encode = fit_tokeniser(dataclasses.replace(BPE, vocabulary=258), "ab" * 50000)
    assert pieces[:2] == (b"ab", b"abab")
    assert len(encode("ab" * 50000)) == 25000


def test_the_characters_are_the_training_texts_in_order() -> None:
    data = tokenise(CHARACTERS, ["bad cab"] * 2, ["a cab, unseen"])
    assert data.pieces == ("\n", " ", "a", "b", "c", "d", "\ufffd")
    assert data.vocabulary == 7


@pytest.mark.parametrize("spec", [CHARACTERS, BPE], ids=lambda spec: spec.tokens.value)
def test_the_vocabulary_knows_the_training_text_alone(spec: TextSpec) -> None:
    data, other = (tokenise(spec, TRAIN, text) for text in (VALIDATION, ["ж" * 50 + ODD * 9]))
    assert data.token_bytes == other.token_bytes
    np.testing.assert_array_equal(data.train.targets, other.train.targets)


def test_what_only_validation_has_is_unknown_to_characters() -> None:
    data = tokenise(CHARACTERS, ["abcdefgh" * 3], ["abcЖdefg😀"])
    (read,) = data.validation.inputs
    unknown = data.vocabulary - 1
    assert (read == unknown).tolist() == [False] * 3 + [True] + [False] * 4
    assert data.validation.targets[0, -1] == unknown
    assert not (data.train.targets == unknown).any()
    assert data.decode(read) == "abc\ufffddefg"


@given(st.integers(2, 60), st.integers(1, 12))
def test_windows_predict_each_token_once(length: int, window: int) -> None:
    tokens = np.arange(length, dtype=np.uint16)
    if length <= window:
        with pytest.raises(UsageError):
            cut_windows(tokens, window, "training")
        return
    windows = cut_windows(tokens, window, "training")
    assert windows.inputs.shape == windows.targets.shape == ((length - 1) // window, window)
    np.testing.assert_array_equal(windows.inputs[:, 1:], windows.targets[:, :-1])
    np.testing.assert_array_equal(windows.targets[:-1, -1], windows.inputs[1:, 0])
    predicted = windows.targets.ravel()
    np.testing.assert_array_equal(predicted, tokens[1 : len(predicted) + 1])
    assert length - 1 - len(predicted) < window


@pytest.mark.parametrize("spec", [CHARACTERS, BPE], ids=lambda spec: spec.tokens.value)
def test_documents_stay_in_order_with_a_newline_between(spec: TextSpec) -> None:
    data = tokenise(dataclasses.replace(spec, window=1), TRAIN, VALIDATION)
    tokens = np.concatenate([data.train.inputs[:1, 0], data.train.targets[:, 0]])
    assert data.decode(tokens) == "\n".join(TRAIN)
    assert "".join(data.pieces[token] for token in data.train.targets[:9, 0]) in TRAIN[0]


def test_bits_per_character_of_a_uniform_model_over_characters() -> None:
    data = tokenise(CHARACTERS, TRAIN, VALIDATION)
    loss = math.log(data.vocabulary)
    bits = loss / math.log(2) / data.characters_per_token
    assert bits == pytest.approx(math.log2(data.vocabulary), rel=1e-12)


@pytest.mark.parametrize("vocabulary", [256, 280, 340])
def test_characters_per_token_counts_the_characters_predicted(vocabulary: int) -> None:
    spec = dataclasses.replace(BPE, vocabulary=vocabulary, window=1)
    text = "Q" + VALIDATION[0]  # No merge has a Q: the first token is a character.
    data = tokenise(spec, TRAIN, [text])
    predicted = len(data.validation.targets) * data.characters_per_token
    assert predicted == pytest.approx(len(text) - 1, rel=1e-12)


@pytest.mark.parametrize("spec", [CHARACTERS, BPE], ids=lambda spec: spec.tokens.value)
def test_tokens_are_stored_in_two_bytes(spec: TextSpec) -> None:
    data = tokenise(spec, TRAIN, VALIDATION)
    assert data.train.inputs.dtype == data.validation.targets.dtype == np.uint16


@pytest.mark.parametrize(("known", "dtype"), [(2**16 - 2, np.uint16), (2**16 - 1, np.int32)])
def test_a_vocabulary_that_two_bytes_cannot_count_takes_four(known: int, dtype: type) -> None:
    every = "".join(chr(0x10000 + number) for number in range(known))
    data = tokenise(dataclasses.replace(CHARACTERS, window=1), [every], [every])
    assert data.vocabulary == known + 1
    assert data.train.targets.dtype == dtype
    assert data.decode(data.train.targets[:, 0]) == every[1:]


FIT_ALONE = """
import hashlib, sys
from lab.data.tokens import tokenise
from lab.specs import TextSpec, json_converter
from lab.words import Tokens

text = open(sys.argv[1]).read()
data = tokenise(TextSpec(Tokens.BPE, vocabulary=320), [text], [text])
print(hashlib.sha256(b"|".join(data.token_bytes) + data.train.targets.tobytes()).hexdigest())
"""


def test_another_process_learns_the_same_without_a_word_or_a_file(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "text"
    source.write_text(TRAIN[0])
    (tmp_path / "empty").mkdir()
    folder = str(tmp_path / "empty")
    seen = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", FIT_ALONE, str(source)],
            cwd=folder,
            env={
                "PYTHONPATH": str(pathlib.Path(__file__).parents[2]),
                "PYTHONHASHSEED": seed,
                "TMPDIR": folder,
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        seen.add(done.stdout)
    assert len(seen) == 1
    assert len(seen.pop()) == 65
    assert not list(pathlib.Path(folder).iterdir())


REFUSED = {
    "short training": (CHARACTERS, ["abc"], ["abc" * 9], "training text is 3 in", "window=2"),
    "short validation": (BPE, TRAIN, ["a"], "validation text is 1 in", "choose a split"),
    "no documents": (CHARACTERS, [], ["abc" * 9], "training text is 0 in", "choose a split"),
    "few pairs": (BPE, ["abab" * 9], VALIDATION, "not for 320", "--vocabulary=26"),
    "no pairs": (BPE, [], VALIDATION, "not for 320", "--vocabulary=256 or less"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_too_little_text_is_refused_in_one_line(case: str) -> None:
    spec, train, validation, got, remedy = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        tokenise(spec, train, validation)
    assert got in str(caught.value)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": Tokens.CHARACTERS, "vocabulary": 300}, r"vocabulary is 300.*--tokens=bpe"),
        ({"tokens": Tokens.BPE, "vocabulary": 255}, r"vocabulary is 255.*--vocabulary=256"),
        ({"tokens": Tokens.BPE, "window": 0}, r"window is 0.*--window"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TextSpec(**settings)


@pytest.mark.parametrize("spec", [TextSpec(Tokens.CHARACTERS), BPE])
def test_a_spec_survives_json(spec: TextSpec) -> None:
    converter = json_converter()
    assert converter.structure(converter.unstructure(spec), TextSpec) == spec
