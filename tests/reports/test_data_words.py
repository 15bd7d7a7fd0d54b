"""Every dial that makes the data other than the set's own is told, and no other."""

import dataclasses

import pytest

from lab.reports.data_words import difficulty_words, text_words
from lab.specs import DataSpec, DifficultySpec, TextSpec
from lab.words import Task, Tokens

TURNED = {
    "classes": (0, 3),
    "train_fraction": 0.25,
    "imbalance": 10.0,
    "label_noise": 0.1,
    "input_noise": 0.05,
}


@pytest.mark.parametrize(
    ("task", "dials", "words"),
    [
        (Task.CLASSIFICATION, {}, []),
        (Task.CLASSIFICATION, {"classes": (0, 3)}, ["classes 0 and 3 alone"]),
        (Task.CLASSIFICATION, {"train_fraction": 0.25}, ["25% of the training examples"]),
        (Task.CLASSIFICATION, {"label_noise": 0.1}, ["10% of the training labels wrong"]),
        (
            Task.SEGMENTATION,
            {"label_noise": 0.1},
            ["10% of the pixels of training masks flipped"],
        ),
        (
            Task.REGRESSION,
            {"label_noise": 0.5, "input_noise": 0.1},
            [
                "noise of 0.5 deviations on the training targets",
                "noise of deviation 0.1 on the inputs",
            ],
        ),
    ],
)
def test_what_is_turned_is_told(task: Task, dials: dict, words: list[str]) -> None:
    assert difficulty_words(DataSpec("x", task, difficulty=DifficultySpec(**dials))) == words


def test_no_dial_is_forgotten() -> None:
    dials = {field.name for field in dataclasses.fields(DifficultySpec)} - {"seed"}
    assert dials == set(TURNED)
    hard = DataSpec("x", Task.CLASSIFICATION, difficulty=DifficultySpec(**TURNED))
    assert len(difficulty_words(hard)) == len(dials)


def test_tokens_are_told() -> None:
    assert text_words(TextSpec(window=32)) == "characters in windows of 32"
    assert text_words(TextSpec(Tokens.BPE, 64, 512)) == "512 byte pairs in windows of 64"
