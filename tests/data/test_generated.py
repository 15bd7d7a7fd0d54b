"""A config's name is its dials, whichever of them are spelt out; sets are the same to the byte."""

import dataclasses
import enum
import pathlib

import numpy as np
import pytest
import stored
import tensorflow_datasets as tfds
from hypothesis import given
from hypothesis import strategies as st

from lab.data import generated, modular_addition, preparation, sparse_parity, teacher_student
from lab.errors import UsageError
from lab.specs.rules import require

SMALL = {
    "sparse_parity": "bits12-parity2-train40",
    "modular_addition": "modulus5",
    "teacher_student": "inputs3-width2-noise0.5-train40",
    "linear_teacher": "inputs3-outputs2-rank2-train40",
}
"""A small config of every set that is generated."""


class Shape(enum.Enum):
    ROUND = "round"
    SQUARE = "square"


@dataclasses.dataclass(frozen=True)
class Dials:
    count: int = 3
    size: float = 0.5
    shape: Shape = Shape.ROUND

    def __post_init__(self) -> None:
        require(self.count < 10**6, "count is too large; take less")


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        generated.parse_config("things", Dials(), text)
    message = str(caught.value)
    assert "\n" not in message
    return message


dials = st.builds(
    Dials, st.integers(0, 10**6 - 1), st.floats(0, 1e9).map(abs), st.sampled_from(Shape)
)


@given(dials, dials)
def test_name_and_dials_say_the_same(turned: Dials, defaults: Dials) -> None:
    assert generated.parse_config("things", defaults, generated.config_name(turned)) == turned


@given(dials, st.data())
def test_order_of_dials_does_not_matter(turned: Dials, data: st.DataObject) -> None:
    parts = data.draw(st.permutations(generated.config_name(turned).split("-")))
    assert generated.parse_config("things", Dials(), "-".join(parts)) == turned


@given(dials)
def test_tfds_takes_every_name(turned: Dials) -> None:
    name = generated.config_name(turned)
    _, asked = tfds.core.naming.parse_builder_name_kwargs(f"things/{name}:1.0.0")
    assert asked == {"config": name, "version": "1.0.0"}


def test_dial_left_out_is_the_default() -> None:
    assert generated.parse_config("things", Dials(), "") == Dials()
    assert generated.parse_config("things", Dials(), "square") == Dials(shape=Shape.SQUARE)
    assert generated.config_name(Dials()) == "count3-size0.5-round"


@pytest.mark.parametrize("part", ["weight3", "count", "count2.5", "count-1", "triangular", "3", ""])
def test_part_that_is_no_dial(part: str) -> None:
    message = refusal(f"size1-{part}")
    assert message.startswith(f"things/size1-{part}: ")
    assert "no dial of the set; its dials and their defaults are count3, size0.5, round" in message


@pytest.mark.parametrize("text", ["count1-count2", "round-square"])
def test_dial_that_comes_twice(text: str) -> None:
    assert f"{text.split('-')[1]!r} comes twice" in refusal(text)


def test_value_out_of_range_names_the_config() -> None:
    assert refusal("count1000000") == "things/count1000000: count is too large; take less"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sparse_parity/parity31", "between 1 and 30"),
        ("sparse_parity/bits10", "10 bits make 1024 inputs, but 12000 are needed"),
        ("sparse_parity/bits1000-train200000", "turn a dial down"),
        ("modular_addition/modulus2-train10", "leave a split empty"),
        ("modular_addition/train100", "between 1 and 99"),
        ("teacher_student/width9000", "turn a dial down"),
        ("teacher_student/noise101", "between 0 and 100"),
        ("linear_teacher/rank17", "between 1 and 16"),
        ("linear_teacher/train0", "between 1 and 250000"),
    ],
)
def test_dials_out_of_range(tmp_path: pathlib.Path, name: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        preparation.open_prepared(name, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert expected in message
    assert "\n" not in message
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", SMALL)
def test_prepared_twice_is_the_same_to_the_byte(tmp_path: pathlib.Path, name: str) -> None:
    for folder in ("first", "second"):
        # Whatever the global generator did in between must not matter.
        np.random.seed(len(folder))  # noqa: NPY002
        preparation.open_prepared(f"{name}/{SMALL[name]}", tmp_path / folder)
    hashes = stored.file_hashes(tmp_path / "first")
    assert sum("array_record" in path for path in hashes) == 3
    assert hashes == stored.file_hashes(tmp_path / "second")


@pytest.mark.parametrize("name", SMALL)
def test_another_draw_is_another_set(tmp_path: pathlib.Path, name: str) -> None:
    first, second = (
        stored.columns(preparation.open_prepared(f"{name}/{SMALL[name]}{draw}", tmp_path))
        for draw in ("", "-draw1")
    )
    for split in generated.SPLITS:
        assert any(
            not np.array_equal(column, second[split][key]) for key, column in first[split].items()
        )


def test_names_of_the_same_dials_are_one_set(tmp_path: pathlib.Path) -> None:
    names = ("", "/modulus97", "/draw0-train30:1.0.0", "/modulus097-train30-draw0", ":1.0.0")
    opened = [preparation.open_prepared(f"modular_addition{name}", tmp_path) for name in names]
    assert {builder.info.full_name for builder in opened} == {
        "modular_addition/modulus97-train30-draw0/1.0.0"
    }
    assert len(list(tmp_path.rglob("dataset_info.json"))) == 1


def test_prepared_set_is_not_made_again(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparation.open_prepared("modular_addition/modulus5", tmp_path)
    monkeypatch.setattr(modular_addition, "draw", lambda dials: pytest.fail("drawn again"))
    assert preparation.open_prepared("modular_addition/modulus5", tmp_path).info.splits


def test_metadata_are_read_from_the_files(tmp_path: pathlib.Path) -> None:
    """The size of a vocabulary is what a network needs to know of a set of tokens."""
    builder = preparation.open_prepared("modular_addition/modulus5", tmp_path)
    assert not isinstance(builder, modular_addition.ModularAddition)
    assert builder.info.metadata["vocabulary"] == 6


def test_tfds_itself_builds_them_by_name(tmp_path: pathlib.Path) -> None:
    name = "sparse_parity/parity2-train40"
    builder = tfds.builder(name, data_dir=tmp_path, file_format=preparation.FILE_FORMAT)
    assert isinstance(builder, sparse_parity.SparseParity)
    assert builder.info.full_name == "sparse_parity/bits30-parity2-train40-draw0/1.0.0"


def test_larger_training_split_begins_with_the_smaller() -> None:
    """So that sets of different sizes are judged by the same examples, of the same task."""
    parity = sparse_parity.Dials(bits=12, train=10)
    teacher = teacher_student.Dials(inputs=3, noise=0.5)
    for module, small in ((sparse_parity, parity), (teacher_student, teacher)):
        few, many = (
            module.draw(dataclasses.replace(small, train=train))  # type: ignore[type-var]
            for train in (10, 2000)
        )
        for key in few["train"]:
            np.testing.assert_array_equal(few["train"][key], many["train"][key][:10])
            for split in ("validation", "test"):
                np.testing.assert_array_equal(few[split][key], many[split][key])
