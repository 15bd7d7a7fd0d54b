"""The picture of the searches: every trial by its rate, and what the best of n is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lab.reports import formatting
from lab.reports.captions import Caption
from lab.reports.figures import INK, canvas, colours, finished
from lab.reports.picture import Picture
from lab.reports.tables import Document
from lab.reports.tuning_text import is_chosen

Tuning = Mapping[str, Any]


def draw(document: Document) -> tuple[Picture, ...]:
    """One picture of all cohorts that were tuned; none where none was."""
    cohorts = document.get("tuning") or []
    if not cohorts:
        return ()
    hues = colours(len(cohorts))
    curves = [(one, hue) for one, hue in zip(cohorts, hues, strict=True) if one["curve"]]
    with canvas(1, 2, 3.9) as (figure, axes):
        trials, best = axes[0]
        for index, (one, hue) in enumerate(zip(cohorts, hues, strict=True)):
            _trials(trials, one, hue)
            _range(trials, one, hue, index)
        trials.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="mean steps to the target,\nnever as the budget",
        )
        trials.set_ylim(bottom=0)
        for one, hue in curves:
            best.plot(range(1, len(one["curve"]) + 1), one["curve"], color=hue, lw=2, marker=".")
        best.set(xlabel="trials n", ylabel="expected steps of the best among n")
        best.set_ylim(0, trials.get_ylim()[1])
        best.xaxis.set_major_locator(MaxNLocator(integer=True))
        key = [
            Line2D([], [], color=hue, lw=2, label=one["cohort"])
            for one, hue in zip(cohorts, hues, strict=True)
        ]
        key += [Line2D([], [], color=INK, lw=0, marker="o", ms=8, mfc="none", label="chosen")]
        figure.legend(handles=key, loc="outside upper left", ncols=4)
        return (finished(figure, "tuning", _caption(cohorts)),)


def _trials(panel: Axes, one: Tuning, hue: str) -> None:
    """A line through the trials that differ from the chosen in the rate alone; others as points."""
    line = [trial for trial in one["trials"] if trial["beside"] == one["beside"]]
    others = [trial for trial in one["trials"] if trial["beside"] != one["beside"]]
    transferred = one["source"] not in (None, one["cohort"])
    style = (0, (4, 2)) if transferred else "-"
    panel.plot(*_places(line), color=hue, lw=1.4, ls=style, marker="o", ms=4)
    panel.plot(*_places(others), color=hue, lw=0, marker="x", ms=4, alpha=0.6)
    (chosen,) = [trial for trial in line if is_chosen(one, trial)]
    panel.plot(*_places([chosen]), color=hue, marker="o", ms=11, mfc="none", mew=1.8)


def _places(trials: Sequence[Tuning]) -> tuple[list[float], list[float]]:
    return [trial["rate"] for trial in trials], [trial["criterion"] for trial in trials]


def _range(panel: Axes, one: Tuning, hue: str, index: int) -> None:
    """A bar at the foot of the panel; dotted where the best may lie beyond it."""
    panel.plot(
        [one["lowest"], one["highest"]],
        [0.03 + 0.03 * index] * 2,
        transform=panel.get_xaxis_transform(),
        color=hue,
        lw=1.5,
        ls="-" if one["complete"] else ":",
        marker="|",
        ms=7,
    )


def _caption(cohorts: Sequence[Tuning]) -> Caption:
    repeated = sorted({trial["members"] for one in cohorts for trial in one["trials"]})
    caption = (
        "How to read it: on the left each dot is a trial, the mean of "
        f"{formatting.joined([str(count) for count in repeated])} members whose only purpose was "
        "to choose; a member that never reached the target counts with the whole budget. The ring "
        "is the rate that was chosen, the bar at the foot the range that was tried, dotted where "
        "the best may lie beyond it. Do not read the chosen dot's height as a result: picked for "
        "being low, it is too low. On the right that is put right: of each trial one half of the "
        "members ranks it and the other scores it, both ways, so the curve is what the best among "
        "n trials of the first round, drawn at random, is expected to take on members that did "
        "not choose it."
    )
    chosen = formatting.joined([f"{one['rate']:g} for {one['cohort']}" for one in cohorts])
    alt = f"Mean steps to the target against the learning rate; chosen were {chosen}."
    return Caption("How the learning rates were found", caption, alt)
