"""English technical prose: the reference texts that come with the running Python.

They are the topics of `help()` (the module `pydoc_data.topics`): chapters of the Python Language
Reference and of the Library Reference, by the Python Software Foundation and under its licence
(PSF-2.0), read from the installed Python when the set is prepared. The text differs between
versions of Python, and so the config's name says which: `python3.11.7`. Without one it is that of
the running Python; another is read where it lies prepared, and cannot be prepared.

One topic is one document. Many topics are chapters of longer ones, `if` of `compound` for one, so
- a topic of which at least half the passages stand in one longer topic is left out, and
- topics that share a passage are in the same split.
No passage of 60 characters or more is in two splits.

Of Python 3.11.7, 57 of 79 topics are left, of 103 different characters: 298,737 in all to train on
(35 topics), 37,281 in validation (18) and 37,205 in test (4). On validation, frequencies of single
characters leave 3.24 nats a character, and "always a space" is right for 0.21; frequencies of pairs
leave 2.36 nats, and the commonest successor is right for 0.36.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lab.data.configured import ConfiguredBuilder
from lab.data.generated import SPLITS
from lab.errors import UsageError
from lab.specs.rules import require

PASSAGE = 60
"""A shorter paragraph may stand in several places by chance: a heading, a line of code."""

HELD_OUT_SHARE = 0.1
"""Of all characters, in validation, and as much in test."""

_CONFIG = re.compile(r"python\d+\.\d+\.\d+[\w+.]*")


def passages(text: str) -> frozenset[str]:
    """The paragraphs of 60 characters or more, with every run of white space one space."""
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return frozenset(part for part in paragraphs if len(part) >= PASSAGE)


def choose_documents(topics: Mapping[str, str]) -> dict[str, str]:
    """The topics, by name, without those that are mostly part of a longer one."""
    kept: dict[str, str] = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        own = passages(topics[name])
        if not any(2 * len(own & passages(text)) >= max(len(own), 1) for text in kept.values()):
            kept[name] = topics[name]
    return dict(sorted(kept.items()))


def group_documents(documents: Mapping[str, str]) -> list[list[str]]:
    """The names of the documents, those together that share a passage, also by way of others."""
    groups: list[tuple[set[str], frozenset[str]]] = []
    for name, text in documents.items():
        names, found = {name}, passages(text)
        apart = []
        for group in groups:
            if group[1] & found:
                names, found = names | group[0], found | group[1]
            else:
                apart.append(group)
        groups = [*apart, (names, found)]
    return [sorted(names) for names, _ in groups]


def split_documents(documents: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of the documents of each split, in order.

    Groups are dealt in the order of a hash of their first name; one that would overfill validation
    goes to test, and one that would overfill test to train.
    """
    room = HELD_OUT_SHARE * sum(map(len, documents.values()))
    left = {"validation": room, "test": room, "train": np.inf}
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for names in sorted(group_documents(documents), key=lambda names: _hash(names[0])):
        size = sum(len(documents[name]) for name in names)
        split = next(split for split in left if size <= left[split])
        left[split] -= size
        splits[split] += names
    return {split: sorted(names) for split, names in splits.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def running_config() -> str:
    """The config of the running Python's text."""
    return f"python{platform.python_version()}"


class PythonDocumentation(ConfiguredBuilder):
    """Python's reference texts: topic and text of each document."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Topics that share no passage."}

    @classmethod
    def config_name(cls, asked: str | None) -> str:
        require(
            asked is None or _CONFIG.fullmatch(asked) is not None,
            f"{cls.name}/{asked} names no version of Python; write {cls.name}/{running_config()} "
            f"or {cls.name}",
        )
        return asked or running_config()

    @classmethod
    def get_builder_config(
        cls, name: str, version: str | tfds.core.Version | None = None
    ) -> tfds.core.BuilderConfig:
        """The running Python's; another Python's text is not to be had."""
        if name != running_config():
            raise UsageError(
                f"{cls.name}/{name} is not prepared, and this is {running_config()}; prepare it "
                f"with that Python and copy it here, or take {cls.name}/{running_config()}"
            )
        return super().get_builder_config(name, version)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "topic": tfds.features.Text()}
            ),
            homepage="https://docs.python.org/3/reference/",
            license="PSF-2.0",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        from pydoc_data.topics import topics

        documents = choose_documents(topics)
        return {
            split: self._generate_examples({name: documents[name] for name in names})
            for split, names in split_documents(documents).items()
        }

    def _generate_examples(self, documents: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        for topic, text in documents.items():
            yield topic, {"text": text, "topic": topic}
