"""Pictures of a verdict's cells: winner maps, and a forest of levels."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from lab.quantities import percent, scale
from lab.reports.captions import Caption
from lab.reports.drawing import FAINT, GRID, HUES, INK, canvas, finished
from lab.reports.formatting import level
from lab.reports.picture import Picture
from lab.reports.tables import Document
from lab.reports.turning import FEW, hardest, levels_of
from lab.words import Clock

_WINNERS = {"smaller": (HUES[0], "S"), "larger": (HUES[1], "L")}
_MARKS = {"smaller faster": (HUES[0], "o"), "larger faster": (HUES[1], "s")}
_BY_CLOCK = {Clock.FLOPS.value: "FLOPs"}
Cells = Mapping[str, Any]


def draw_maps(document: Document) -> tuple[Picture, ...]:
    """A row a contrast, a column a clock, a few rows a picture."""
    rows: dict[tuple[str, ...], dict[str, Cells]] = {}
    for one in document.get("maps", []):
        key = one["level"], one["smaller"], one["larger"]
        rows.setdefault(key, {})[one["clock"]] = one
    keys = list(rows)
    chunks = [keys[start : start + FEW] for start in range(0, len(keys), FEW)]
    return tuple(
        _maps({key: rows[key] for key in chunk}, f"map{'' if index == 1 else f'-{index}'}")
        for index, chunk in enumerate(chunks, start=1)
    )


def _maps(rows: Mapping[tuple[str, ...], Mapping[str, Cells]], name: str) -> Picture:
    clocks = list(dict.fromkeys(clock for row in rows.values() for clock in row))
    repeated = len({level for level, *_ in rows}) < len(rows)
    deepest = max(len(one["targets"]) for row in rows.values() for one in row.values())
    with canvas(len(rows), len(clocks), 1.1 + 0.3 * deepest) as (figure, axes):
        for panels, (key, row) in zip(axes, rows.items(), strict=True):
            # One title a row: names are long, and a panel's axis names its clock.
            panels[0].set_title(_title(key, repeated), loc="left", fontsize=10)
            for panel, clock in zip(panels, clocks, strict=True):
                if clock in row:
                    _map_panel(panel, row[clock], roomy=len(clocks) <= 2)
                else:
                    panel.set_visible(False)
        figure.legend(handles=_map_key(), loc="outside upper left", ncols=4)
        return finished(figure, name, _map_caption(rows, clocks))


def _title(key: tuple[str, ...], repeated: bool) -> str:
    """With names where levels alone would not tell the rows apart."""
    level, smaller, larger = key
    return level if level and not repeated else f"{smaller} against {larger}"


def _map_panel(panel: Axes, one: Cells, roomy: bool) -> None:
    columns, rows = len(one["budgets"]), len(one["targets"])
    for index, cell in enumerate(one["cells"]):
        row, column = divmod(index, columns)
        _map_cell(panel, (column, row), cell, roomy)
    largest = max(one["budgets"])
    factor, prefix = scale(largest) if one["clock"] != Clock.STEPS.value else (1.0, "")
    unit = f"{prefix}{Clock(one['clock']).label}"
    panel.set(xlim=(0, columns), ylim=(0, rows), xlabel=f"budget, {unit}")
    labels = [f"{budget / factor:.3g}" for budget in one["budgets"]]
    if one["clock"] == Clock.STEPS.value:
        labels = [f"{budget:,.0f}" for budget in one["budgets"]]
    turned = 0 if roomy else 45  # Where three clocks share the width.
    panel.set_xticks([at + 0.5 for at in range(columns)], labels, fontsize=8, rotation=turned)
    panel.set_yticks([at + 0.5 for at in range(rows)], [level(at) for at in one["targets"]])
    for label, target in zip(panel.get_yticklabels(), one["targets"], strict=True):
        label.set(fontsize=8.5, weight="bold" if target in one["declared"] else "normal")
        label.set_color(INK if target in one["declared"] else FAINT)
    panel.set_ylabel(f"target, {_metric(one)}")
    panel.grid(visible=False)
    panel.tick_params(length=0)
    for side in panel.spines.values():
        side.set_visible(False)


def _metric(one: Cells) -> str:
    metric = one["metric"]
    return str(metric["value"] if isinstance(metric, Mapping) else metric).replace("_", " ")


def _map_cell(panel: Axes, at: tuple[int, int], cell: Cells, roomy: bool) -> None:
    won = _WINNERS.get(cell["first"])
    nobody = cell["first"] == "nobody"
    panel.add_patch(
        Rectangle(
            at,
            1,
            1,
            facecolor=won[0] if won else "white" if nobody else GRID,
            edgecolor="white" if won or not nobody else GRID,
            hatch="////" if nobody else None,
            lw=1.2 if not nobody else 0,
        )
    )
    if nobody:
        return
    chance = cell["win_probability"]["estimate"]
    share = chance if cell["first"] != "larger" else 1 - chance
    told = "?" if not won else f"{won[1]} {percent(share)}" if roomy else won[1]
    panel.text(
        at[0] + 0.5,
        at[1] + 0.5,
        told,
        ha="center",
        va="center",
        fontsize=7.5,
        color="white" if won else FAINT,
        weight="bold" if won else "normal",
    )


def _map_key() -> list[Patch]:
    return [
        Patch(color=HUES[0], lw=0, label="S: the smaller net is first"),
        Patch(color=HUES[1], lw=0, label="L: the larger net is first"),
        Patch(color=GRID, lw=0, label="?: neither, for certain"),
        Patch(facecolor="white", edgecolor=GRID, hatch="////", label="nobody has got there"),
    ]


def _map_caption(
    rows: Mapping[tuple[str, ...], Mapping[str, Cells]], clocks: Sequence[str]
) -> Caption:
    caption = (
        "How to read it: each cell asks who reaches the target on its row first if training stops "
        "at the budget of its column; harder targets are above, larger budgets to the right. A "
        "coloured cell names the net that is first, with the share of random pairs in which it was "
        "(ties, and pairs in which neither got there, count half). Bold targets were declared "
        "before the run; the others were chosen from the range of the curves alone, so the map is "
        "for looking around: a winner is named only if it stands after Holm's correction over all "
        "cells of its panel, whatever the order within one evaluation was. A row that changes its "
        "colour upwards is a target at which the order turns."
    )
    counts = {"smaller": 0, "larger": 0}
    for row in rows.values():
        for one in row.values():
            for cell in one["cells"]:
                if cell["first"] in counts:
                    counts[cell["first"]] += 1
    alt = (
        f"Maps of targets against budgets on the clocks {', '.join(clocks)}: the smaller net is "
        f"first in {counts['smaller']} cells, the larger in {counts['larger']}."
    )
    return Caption("Who is first, at which target and budget", caption, alt)


def draw_forest(document: Document) -> Picture:
    """The win probability of each level with its interval, a panel a clock."""
    found = hardest(document)
    clocks = list(dict.fromkeys(one["clock"] for one in found))
    levels = levels_of(document)
    rows = [
        key
        for level in levels
        for key in dict.fromkeys(
            (level, one["smaller"], one["larger"]) for one in found if one["level"] == level
        )
    ]
    repeated = len(rows) > len(levels)
    with canvas(1, len(clocks), 1.0 + 0.32 * len(rows), sharey=True) as (figure, axes):
        for panel, clock in zip(axes[0], clocks, strict=True):
            cells = {
                (one["level"], one["smaller"], one["larger"]): one
                for one in found
                if one["clock"] == clock
            }
            _forest_panel(panel, [cells.get(key) for key in rows])
            panel.set_title(f"in {Clock(clock).label}", loc="left")
        names = [f"{one[0]}: {one[1]} / {one[2]}" if repeated else one[0] for one in rows]
        axes[0][0].set_yticks(range(len(rows)), names)
        axes[0][0].set_ylim(len(rows) - 0.5, -0.5)
        figure.legend(handles=_forest_key(), loc="outside upper left", ncols=3)
        return finished(figure, "levels", _forest_caption(document, len(rows)))


def _forest_panel(panel: Axes, cells: Sequence[Cells | None]) -> None:
    panel.axvline(0.5, color=INK, lw=1)
    for row, one in enumerate(cells):
        if one is None:
            continue
        chance = one["win_probability"]
        hue, mark = _MARKS.get(one["verdict"], (FAINT, "D"))
        panel.plot([chance["lower"], chance["upper"]], [row, row], color=hue, lw=2)
        panel.plot([chance["estimate"]], [row], mark, color=hue, ms=7)
    panel.set(xlim=(-0.02, 1.02), xlabel="smaller first, of random pairs")
    panel.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")


def _forest_key() -> list[Line2D]:
    return [
        Line2D([], [], color=HUES[0], marker="o", lw=2, label="the smaller net is faster"),
        Line2D([], [], color=HUES[1], marker="s", lw=2, label="the larger net is faster"),
        Line2D([], [], color=FAINT, marker="D", lw=2, label="no direction"),
    ]


def _forest_caption(document: Document, rows: int) -> Caption:
    cause = document.get("cause") or "level"
    caption = (
        f"How to read it: a row is the same comparison at another {cause}. The mark is the share "
        "of random pairs in which the smaller net reaches the hardest target first, the line its "
        "interval: right of the middle the smaller is first, left of it the larger. A level whose "
        "line crosses the middle has no direction yet."
    )
    alt = f"Win probabilities of the smaller net with intervals, at {rows} levels of {cause}."
    return Caption(f"The order, by {cause}", caption, alt)
