"""The picture of the searches: every trial by its rate, and what the best of n is worth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lab.reports import formatting
from lab.reports.captions import Caption
from lab.reports.drawing import INK, PlainPowers, canvas, colours, finished
from lab.reports.picture import Picture
from lab.reports.tables import Document
from lab.reports.tuning_text import is_chosen

Tuning = Mapping[str, Any]
_STYLES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (4, 1.5, 1, 1.5)))


class _Curve(NamedTuple):
    """What the best of n is worth, never as `horizon`; where None, as the cohort's own budget."""

    hue: str
    horizon: int | None
    expected: Sequence[float]


def draw(document: Document) -> tuple[Picture, ...]:
    """One picture of all cohorts that were tuned; none where none was."""
    cohorts = document.get("tuning") or []
    if not cohorts:
        return ()
    hues = colours(len(cohorts))
    curves = _curves(document, dict(zip([one["cohort"] for one in cohorts], hues, strict=True)))
    with canvas(1, 2, 3.9) as (figure, axes):
        trials, best = axes[0]
        for index, (one, hue) in enumerate(zip(cohorts, hues, strict=True)):
            _trials(trials, one, hue)
            _range(trials, one, hue, index)
        trials.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="mean steps to the target,\nnever as the cohort's own budget",
        )
        trials.xaxis.set_major_formatter(PlainPowers())
        trials.xaxis.set_minor_formatter(PlainPowers())
        trials.set_ylim(bottom=0)
        horizons = list(dict.fromkeys(one.horizon for one in curves))
        for one in curves:
            style = _STYLES[horizons.index(one.horizon) % len(_STYLES)]
            drawn = range(1, len(one.expected) + 1)
            best.plot(drawn, one.expected, color=one.hue, lw=2, ls=style, marker=".")
        steps = f"expected steps of the best among n,\n{_never(horizons)}"
        best.set(xlabel="trials n", ylabel=steps)
        best.set_ylim(bottom=0)
        best.xaxis.set_major_locator(MaxNLocator(integer=True))
        key = [
            Line2D([], [], color=hue, lw=2, label=one["cohort"])
            for one, hue in zip(cohorts, hues, strict=True)
        ]
        key += [Line2D([], [], color=INK, lw=0, marker="o", ms=8, mfc="none", label="chosen")]
        if len(horizons) > 1:
            key += [
                Line2D([], [], color=INK, lw=2, ls=_STYLES[index % len(_STYLES)], label=_told(one))
                for index, one in enumerate(horizons)
            ]
        figure.legend(handles=key, loc="outside upper left", ncols=4)
        return (finished(figure, "tuning", _caption(cohorts)),)


def _curves(document: Document, hues: Mapping[str, str]) -> list[_Curve]:
    """Those of a pair with never as its common budget; of a cohort in no pair, as its own."""
    cohorts = {one["cohort"]: one for one in document["tuning"]}
    found: dict[tuple[str, int | None], _Curve] = {}
    for pair in document.get("best_of", ()):
        for name in (pair["smaller"], pair["larger"]):
            for one in cohorts[name].get("common_curves", ()):
                if one["horizon"] == pair.get("horizon"):
                    curve = _Curve(hues[name], one["horizon"], one["expected"])
                    found.setdefault((name, one["horizon"]), curve)
    alone = [
        _Curve(hues[name], None, one["curve"])
        for name, one in cohorts.items()
        if one["curve"] and all(name != paired for paired, _ in found)
    ]
    return [*found.values(), *alone]


def _never(horizons: Sequence[int | None]) -> str:
    if len(horizons) > 1:
        return "never as the common budget of a pair"
    return _told(horizons[0] if horizons else None)


def _told(horizon: int | None) -> str:
    if horizon is None:
        return "never as the cohort's own budget"
    return f"never as the common {formatting.count(horizon)} steps"


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
        "to choose; a member that never reached the target counts with its cohort's own budget. "
        "The ring is the rate that was chosen, the bar at the foot the range that was tried, "
        "dotted where the best may lie beyond it. Do not read the chosen dot's height as a "
        "result: picked for being low, it is too low. On the right that is put right: of each "
        "trial one half of the members ranks it and the other scores it, both ways, so the curve "
        "is what the best among n trials of the first round, drawn at random, is expected to take "
        "on members that did not choose it. There both cohorts of a pair are followed to the "
        "budget that they have in common, and never counts as that; cohorts of other budgets "
        "therefore stand at another height than on the left."
    )
    chosen = formatting.joined([f"{one['rate']:g} for {one['cohort']}" for one in cohorts])
    alt = f"Mean steps to the target against the learning rate; chosen were {chosen}."
    return Caption("How the learning rates were found", caption, alt)
