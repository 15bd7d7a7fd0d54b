"""What is told of a session goes to whoever listens, as plain text."""

import numpy as np
import pytest
from toys import mlp_cohort

from lab.studies import How
from lab.training.lanes import Layout
from lab.training.progress import CohortProgress, Tally
from lab.watching import Watcher, by_line, over_the_last
from lab.words import Outcome


def standing(done: bool) -> tuple[CohortProgress, ...]:
    tally = Tally(mlp_cohort(members=3), Layout(1, 1))
    if done:
        tally.recall(np.arange(3), [Outcome.REACHED] * 3, np.ones(3))
    return (tally.progress,)


def test_members_are_told_in_lines_of_plain_text() -> None:
    said: list[str] = []
    watch = Watcher(said.append)
    for done in (False, False, True):
        watch(standing(done))
    assert len(said) == 2  # The second came too soon after the first; the last is always told.
    assert all(line.isprintable() for line in said)
    assert said[-1].endswith("done")


def test_members_are_shown_in_place_where_that_can_be() -> None:
    said: list[str] = []
    shown: list[str] = []
    watch = Watcher(said.append, shown.append)
    for done in (False, False, True):
        watch(standing(done))
    assert len(shown) == 3
    assert all(line.isprintable() for line in shown)
    assert said == [""]
    assert over_the_last(shown[0]) == f"\r\033[K{shown[0][:79]}"


def test_text_is_handed_on_line_by_line() -> None:
    said: list[str] = []
    by_line(said.append)("\none\ntwo")
    assert said == ["", "one", "two"]


def test_warnings_go_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    warned: list[str] = []
    How(say=said.append).caution("a")
    How(say=said.append, warn=warned.append).caution("b")
    assert (said, warned) == (["warning: a"], ["b"])
    assert capsys.readouterr() == ("", "")
