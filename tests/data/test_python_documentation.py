"""The text is the running Python's and says so; no passage is read in two splits."""

import itertools
import pathlib
import platform
import shutil
from pydoc_data.topics import topics

import pytest
import stored
from hypothesis import given
from hypothesis import strategies as st

from lab.data import preparation
from lab.data.python_documentation import (
    PASSAGE,
    choose_documents,
    group_documents,
    passages,
    split_documents,
)
from lab.errors import UsageError

CONFIG = f"python{platform.python_version()}"
OTHER = "python3.99.0"

PASSAGES = [f"{letter * 20} {letter * 20} {letter * 20}" for letter in "abcdefgh"]
some_topics = st.dictionaries(
    st.text("xyz", min_size=1),
    st.lists(st.sampled_from([*PASSAGES, "short"]), min_size=1).map("\n\n".join),
    min_size=1,
)


@pytest.fixture(scope="module")
def splits(own_folder: pathlib.Path) -> dict[str, dict[str, str]]:
    """The text of each topic of each split."""
    read = stored.columns(preparation.open_prepared("python_documentation", own_folder))
    return {
        split: {
            topic.decode(): text.decode()
            for topic, text in zip(examples["topic"], examples["text"], strict=True)
        }
        for split, examples in read.items()
    }


def test_documents_are_topics_word_for_word(splits: dict[str, dict[str, str]]) -> None:
    read = [(topic, text) for documents in splits.values() for topic, text in documents.items()]
    assert len(read) == len(dict(read)) > 40
    assert all(topics[topic] == text for topic, text in read)


def test_no_passage_is_in_two_splits(splits: dict[str, dict[str, str]]) -> None:
    found = [frozenset().union(*map(passages, documents.values())) for documents in splits.values()]
    assert min(map(len, found)) > 50
    for first, second in itertools.combinations(found, 2):
        assert not first & second


def test_a_tenth_of_the_text_is_held_out_twice(splits: dict[str, dict[str, str]]) -> None:
    sizes = {split: sum(map(len, documents.values())) for split, documents in splits.items()}
    total = sum(sizes.values())
    for split in ("validation", "test"):
        assert 0.06 * total < sizes[split] <= 0.1 * total
    assert min(map(len, splits.values())) >= 2


def test_text_that_is_left_out_stands_in_what_is_kept(splits: dict[str, dict[str, str]]) -> None:
    kept = [passages(text) for documents in splits.values() for text in documents.values()]
    left_out = topics.keys() - {topic for documents in splits.values() for topic in documents}
    assert {"if", "while", "try"} <= left_out
    for topic in left_out:
        own = passages(topics[topic])
        assert max(len(own & text) for text in kept) >= len(own) / 2


def test_passage_is_known_whatever_its_white_space() -> None:
    assert passages(f"a\n\n  {PASSAGES[0]}") == passages(PASSAGES[0].replace(" ", "\n "))
    assert not passages("x" * (PASSAGE - 1))
    assert passages("x" * PASSAGE)


@given(some_topics)
def test_splits_share_nothing_whatever_the_topics(given_topics: dict[str, str]) -> None:
    documents = choose_documents(given_topics)
    dealt = split_documents(documents)
    assert sorted(itertools.chain(*dealt.values())) == sorted(documents)
    found = [
        frozenset[str]().union(*(passages(documents[name]) for name in names))
        for names in dealt.values()
    ]
    assert sum(map(len, found)) == len(frozenset().union(*found))


def test_split_hangs_on_names_alone() -> None:
    """Not on Python's own hash, which differs from one process to the next."""
    documents = {f"topic-{number}": f"{number:02d}" * 10 for number in range(20)}
    splits = split_documents(documents)
    assert splits["validation"] == ["topic-19", "topic-6"]
    assert splits["test"] == ["topic-15", "topic-7"]
    assert len(splits["train"]) == 16


@given(some_topics)
def test_groups_share_nothing_and_are_as_small_as_can_be(documents: dict[str, str]) -> None:
    """Within a group, one gets from any document to any other over shared passages."""
    groups = group_documents(documents)
    assert sorted(itertools.chain(*groups)) == sorted(documents)
    found = [
        frozenset[str]().union(*(passages(documents[name]) for name in names)) for names in groups
    ]
    assert sum(map(len, found)) == len(frozenset[str]().union(*found))
    for names in groups:
        reached, edge = set[str](), {names[0]}
        while edge:
            reached |= edge
            known = frozenset().union(*(passages(documents[name]) for name in reached))
            edge = {name for name in names if passages(documents[name]) & known} - reached
        assert reached == set(names)


def test_bare_name_is_the_running_python(own_folder: pathlib.Path) -> None:
    for name in ("python_documentation", f"python_documentation/{CONFIG}"):
        info = preparation.open_prepared(name, own_folder).info
        assert info.full_name == f"python_documentation/{CONFIG}/1.0.0"
        assert "PSF-2.0" in info.description


def test_another_python_is_refused_unless_it_is_prepared(
    own_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    name = f"python_documentation/{OTHER}"
    with pytest.raises(UsageError) as caught:
        preparation.open_prepared(name, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name} is not prepared, and this is {CONFIG}; ")
    assert "\n" not in message
    assert not any(tmp_path.iterdir())
    preparation.open_prepared("python_documentation", own_folder)
    shutil.copytree(
        own_folder / "python_documentation" / CONFIG, tmp_path / "python_documentation" / OTHER
    )
    assert preparation.open_prepared(name, tmp_path).info.splits["train"].num_examples > 20


@pytest.mark.parametrize("config", ["python3", "3.11.7", "python3.11.7-x"])
def test_config_that_is_no_version(tmp_path: pathlib.Path, config: str) -> None:
    with pytest.raises(UsageError, match=f"{config} names no version of Python; write "):
        preparation.open_prepared(f"python_documentation/{config}", tmp_path)


def test_prepared_twice_is_the_same_to_the_byte(
    own_folder: pathlib.Path, splits: dict[str, dict[str, str]], tmp_path: pathlib.Path
) -> None:
    preparation.open_prepared("python_documentation", tmp_path)
    first, second = (folder / "python_documentation" for folder in (own_folder, tmp_path))
    assert stored.file_hashes(first) == stored.file_hashes(second)
