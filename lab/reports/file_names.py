"""Names of files made from names of cohorts and levels, which may hold anything."""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 60
_DIGITS = 8

Names = tuple[str, ...]


def file_stems(named: Sequence[Names], taken: Iterable[str] = ()) -> dict[Names, str]:
    """A stem for the files of each entry: its names, joined by -, with _ for what is no letter.

    No two are alike, nor one like a stem that is `taken`, by the rules of file systems that tell
    neither upper from lower case nor one spelling of a letter from another: where two would be, or
    one is long, digits of a checksum follow.
    """
    plain = {one: _UNSAFE.sub("_", "-".join(one)) for one in dict.fromkeys(named)}
    counts = Counter(_folded(stem) for stem in (*plain.values(), *taken))
    return {
        one: stem
        if counts[_folded(stem)] == 1 and len(stem) <= _LONGEST and stem.strip("._-")
        else f"{stem[:_LONGEST]}-{_checksum(one)}"
        for one, stem in plain.items()
    }


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFKC", stem).casefold()


def _checksum(names: Names) -> str:
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:_DIGITS]
