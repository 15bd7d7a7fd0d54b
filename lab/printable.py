"""Text that shows what it holds: names from files may hold what a terminal obeys."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

_LINE_ENDS = "\n\t"
# C0 and C1 controls, ESC among them; separators of lines; what turns the direction of writing.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F))
_SHOWN = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*_CONTROLS, *range(0x2066, 0x206A))
}
_SHOWN_IN_LINES = {code: text for code, text in _SHOWN.items() if chr(code) not in _LINE_ENDS}
LINE_ANEW = "\r\033[K"
"""What a line that is printed in place begins with: to its beginning, and nothing left of it."""


def printable(text: str) -> str:
    r"""Lines in which a control character is shown as Python writes it: ESC as \x1b."""
    return text.translate(_SHOWN_IN_LINES)


def has_controls(text: str) -> bool:
    """Whether a name holds what is no letter, mark or space: a line's end too."""
    return text != text.translate(_SHOWN)


class _Printable:
    """A stream that shows control characters, but for the beginning of a line in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes it shown, as many characters as it had."""
        begins = LINE_ANEW if text.startswith(LINE_ANEW) else ""
        self._stream.write(begins + printable(text[len(begins) :]))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def show_controls() -> None:
    """From now on all that this process prints is printable, whoever prints it."""
    sys.stdout = cast(TextIO, _Printable(sys.stdout))
    sys.stderr = cast(TextIO, _Printable(sys.stderr))
