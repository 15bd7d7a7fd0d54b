"""Control characters are shown, not obeyed, whoever prints them; names do without."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.printable import LINE_ANEW, has_controls, printable, show_controls
from lab.specs import ContrastSpec, NamedMetric
from lab.specs.imported import ImportedSpec
from lab.specs.target import TargetSpec
from lab.watching import over_the_last
from lab.words import Direction, Metric

HOSTILE = [
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\r",
    "\x08",
    "\u202e",
    "\u2028",
    "\x00",
    "\x7f",
]


@pytest.mark.parametrize("control", HOSTILE)
def test_a_control_is_shown_as_python_writes_it(control: str) -> None:
    shown = printable(f"small{control} net")
    assert shown.isprintable()
    assert shown == f"small{control.encode('unicode_escape').decode()} net"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp"))))
def test_all_else_stays_as_it_is(text: str) -> None:
    assert printable(f"{text}\n\t") == f"{text}\n\t"


def test_streams_show_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    show_controls()
    print("a\x1b[2Jb", "c")
    sys.stderr.writelines(["x\r", "y\n"])
    assert out.getvalue() == "a\\x1b[2Jb c\n"
    assert err.getvalue() == "x\\ry\n"


def test_a_line_in_place_still_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's own progress line, and only at its beginning."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    show_controls()
    print(over_the_last("0 of 8"))
    print(f"{LINE_ANEW}a{LINE_ANEW}")
    first, second, _ = out.getvalue().split("\n")
    assert first.startswith(LINE_ANEW)
    assert second == f"{LINE_ANEW}a\\r\\x1b[K"


def named_cohort(name: str) -> ImportedSpec:
    target = TargetSpec(Metric.IOU, (0.5,), sustain=1)
    return ImportedSpec(name, target, (10,), members=1, batch_size=None, source="a.csv")


@pytest.mark.parametrize("control", [*HOSTILE, "\n", "\t"])
def test_names_with_controls_are_refused(control: str) -> None:
    """Pictures could not show them, and a table's row would end in the middle."""
    name = f"a{control}b"
    assert has_controls(name)
    for made in (
        lambda: named_cohort(name),
        lambda: NamedMetric(name, Direction.MAXIMIZE),
        lambda: ContrastSpec("small", "large", name),
    ):
        with pytest.raises(UsageError, match="holds control characters") as refused:
            made()
        assert repr(name) in str(refused.value)


@pytest.mark.parametrize("name", ["$a$ b", "<script>", "größer", "小", "a\u00a0b"])
def test_all_other_names_are_taken(name: str) -> None:
    assert named_cohort(name).name == name
