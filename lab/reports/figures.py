"""The report's pictures of cohorts."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lab.quantities import scale
from lab.records.cohort import CohortRecords
from lab.reports import captions
from lab.reports.curves import (
    SHARES,
    fan,
    fan_range,
    median_evaluation,
    raw_curves,
    share_reached,
)
from lab.reports.drawing import FAINT, INK, canvas, colours, finished
from lab.reports.formatting import count, level
from lab.reports.picture import Picture
from lab.specs import CohortSpec
from lab.verdicts.clocks import clock_times, cost_per_step, is_known
from lab.words import Clock, Rule

MEMBERS_SHOWN = 5


def draw_all(records: Mapping[str, CohortRecords], clocks: Sequence[Clock]) -> tuple[Picture, ...]:
    """Incidence and fan of the cohorts that have members, in the order given.

    Cohorts with another target or other data get pictures of their own.
    """
    groups: dict[object, list[CohortRecords]] = {}
    for one in records.values():
        if len(one.member):
            data = one.spec.data if isinstance(one.spec, CohortSpec) else None
            groups.setdefault((data, one.spec.target), []).append(one)
    return tuple(
        dataclasses.replace(picture, name=f"{picture.name}{'' if index == 1 else f'-{index}'}")
        for index, cohorts in enumerate(groups.values(), start=1)
        for picture in (draw_incidence(cohorts, clocks), draw_fan(cohorts))
    )


def draw_incidence(cohorts: Sequence[CohortRecords], clocks: Sequence[Clock]) -> Picture:
    """Share of members that reached the target by a time: a row a threshold, a column a clock."""
    shown: list[Clock] = [
        clock
        for clock in clocks
        if clock is not Clock.EXAMPLES and all(is_known(one, clock) for one in cohorts)
    ]
    shown = shown or [Clock.STEPS]
    thresholds = cohorts[0].spec.target.thresholds
    with canvas(len(thresholds), len(shown), 3.3) as (figure, axes):
        for row, k in enumerate(reversed(range(len(thresholds)))):  # The hardest decides: on top.
            for column, clock in enumerate(shown):
                _incidence_panel(axes[row][column], cohorts, k, clock)
            axes[row][0].set_ylabel(f"share of members at\n{captions.on_axis(cohorts[0].spec, k)}")
        key = [
            Line2D([], [], color=hue, lw=2, label=captions.sized(one))
            for one, hue in zip(cohorts, colours(len(cohorts)), strict=True)
        ]
        figure.legend(handles=key, loc="outside upper left", ncols=3)
        return finished(figure, "incidence", captions.incidence(cohorts, shown))


def draw_fan(cohorts: Sequence[CohortRecords]) -> Picture:
    """The levels that the best 10 to 90% of all members had held: a panel a cohort."""
    columns = 2 if len(cohorts) == 4 else min(len(cohorts), 3)
    rows = -(-len(cohorts) // columns)
    levels = cohorts[0].spec.target.rule is Rule.THRESHOLD
    with canvas(rows, columns, 3.3, sharey=True) as (figure, axes):
        panels = [panel for row in axes for panel in row]
        for index, panel in enumerate(panels):
            if index < len(cohorts):
                _fan_panel(panel, cohorts, index)
            else:
                panel.set_visible(False)
            if levels and (index % columns == columns - 1 or index == len(cohorts) - 1):
                _name_targets(panel, cohorts[0])
        for row in axes:
            row[0].set_ylabel(captions.held(cohorts[0].spec))
        panels[0].set_ylim(*fan_range(cohorts))
        figure.legend(
            handles=_fan_key(len(cohorts) > 1, "held" if levels else "seen"),
            loc="outside upper left",
            ncols=3,
        )
        return finished(figure, "fan", captions.fan(cohorts, MEMBERS_SHOWN))


def _incidence_panel(
    panel: Axes, cohorts: Sequence[CohortRecords], threshold: int, clock: Clock
) -> None:
    times = [clock_times(one, clock, threshold) for one in cohorts]
    ends = [float(one.budget) for one in times if not one.open_ended]
    budget = max(one.spec.budget_steps * float(cost_per_step(one, clock)) for one in cohorts)
    factor, unit = _unit(clock, budget)
    hues = colours(len(cohorts))
    for records, one, hue in zip(cohorts, times, hues, strict=True):
        curve = share_reached(records, threshold)
        x = np.append(0, one.positions)[curve.evaluation] * float(one.cost)
        # Of a cohort that is settled all is known of what comes after its last evaluation.
        x = np.append(x, budget if one.open_ended else max(x[-1], float(one.budget))) / factor
        lower, share, upper = (
            np.append(each, each[-1]) for each in (curve.lower, curve.share, curve.upper)
        )
        panel.fill_between(x, lower, upper, step="post", color=hue, alpha=0.16, lw=0)
        panel.step(x, share, where="post", color=hue, lw=2)
        panel.plot(x[-1:], share[-1:], "|", color=hue, ms=9, mew=2)
    panel.set(xlim=(0, budget / factor), ylim=(-0.02, 1.02), xlabel=unit)
    panel.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    if ends and (len(set(ends)) == 1 or len(cohorts) == 2):
        _mark_horizon(panel, min(ends) / factor)
    if len(set(ends)) <= 1:  # Else a name in the margin would stand far from its curve's end.
        _label_ends(panel, cohorts, threshold, hues)


def _unit(clock: Clock, largest: float) -> tuple[float, str]:
    """What numbers up to `largest` are divided by, and what they are then called."""
    match clock:
        case Clock.STEPS:
            return 1.0, "training steps of a member"
        case Clock.EXAMPLES:
            return 1.0, "examples a member has seen"
        case Clock.FLOPS:
            factor, prefix = scale(largest)
            return factor, f"{prefix}FLOPs a member has spent"
        case Clock.SECONDS:
            factor, name = (1.0, "seconds") if largest >= 1 else (1e-3, "milliseconds")
            return factor, f"{name} of a member alone"


def _mark_horizon(panel: Axes, at: float) -> None:
    panel.axvline(at, color=FAINT, lw=1, ls=(0, (4, 3)))
    early = at < 0.4 * panel.get_xlim()[1]  # There the words would leave the panel.
    panel.annotate(
        "compared up to here",
        (at, 1.0),
        xycoords=panel.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left" if early else "right",
        va="bottom",
        fontsize=8.5,
        color=FAINT,
    )


def _label_ends(
    panel: Axes, cohorts: Sequence[CohortRecords], threshold: int, hues: Sequence[str]
) -> None:
    """Names and counts right of the curves' ends, moved apart where they would overlap."""
    counts = [int(one.reached[:, threshold].sum()) for one in cohorts]
    shares = [float(share_reached(one, threshold).share[-1]) for one in cohorts]
    for index, height in zip(np.argsort(shares, kind="stable"), _apart(shares), strict=True):
        one = cohorts[index]
        panel.text(
            1.02,
            height,
            f"{captions.short(one.spec.name)}\n{counts[index]} of {len(one.member)}",
            transform=panel.get_yaxis_transform(),
            color=hues[index],
            va="center",
            fontsize=9,
            linespacing=1.05,
        )


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights in ascending order, moved so that two-line labels keep apart, within 0..1."""
    gap = min(0.14, 1.0 / max(len(heights) - 1, 1))
    placed = sorted(heights)
    for index in range(1, len(placed)):
        placed[index] = max(placed[index], placed[index - 1] + gap)
    ceiling = 1.0
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def _fan_panel(panel: Axes, cohorts: Sequence[CohortRecords], index: int) -> None:
    records, hue = cohorts[index], colours(len(cohorts))[index]
    longest = max(one.spec.budget_steps for one in cohorts)
    grid = np.array(records.spec.grid)
    drawn = fan(records)
    x = grid[drawn.evaluation - 1]
    for other in (*cohorts[:index], *cohorts[index + 1 :]):
        beside = fan(other)
        steps = np.array(other.spec.grid)[beside.evaluation - 1]
        panel.plot(steps, beside.level[2], color=FAINT, lw=1.2, ls=(0, (2, 2)))
    panel.fill_between(x, drawn.level[0], drawn.level[4], color=hue, alpha=0.15, lw=0)
    panel.fill_between(x, drawn.level[1], drawn.level[3], color=hue, alpha=0.25, lw=0)
    raw_NxE = raw_curves(records)
    for row in _spread(len(raw_NxE), MEMBERS_SHOWN):
        panel.plot(grid, raw_NxE[row], color=hue, lw=0.7, alpha=0.75)
    panel.plot(x, drawn.level[2], color=hue, lw=2.4)
    if records.spec.target.rule is Rule.THRESHOLD:  # A tolerance is no level.
        _mark_targets(panel, records, longest)
    panel.set_title(captions.sized(records), loc="left", color=hue, weight="bold")
    panel.set(xlim=(0, longest), xlabel="training steps of a member")


def _mark_targets(panel: Axes, records: CohortRecords, longest: int) -> None:
    spec = records.spec
    for threshold in spec.target.thresholds:
        panel.axhline(threshold, color=INK, lw=1, ls=(0, (5, 3)))
    median = median_evaluation(records).estimate
    if median is not None:
        step = spec.grid[int(median) - 1]
        late = step > 0.7 * longest
        panel.plot([step], [spec.target.thresholds[-1]], "o", color=INK, ms=5, zorder=5)
        panel.annotate(
            f"half by {count(step)}",
            (step, spec.target.thresholds[-1]),
            xytext=(-4 if late else 4, 8),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=9,
        )


def _name_targets(panel: Axes, records: CohortRecords) -> None:
    for threshold in records.spec.target.thresholds:
        panel.text(
            1.02,
            threshold,
            f"target\n{level(threshold)}",
            va="center",
            fontsize=9,
            linespacing=1.05,
            transform=panel.get_yaxis_transform(),
        )


def _fan_key(others: bool, verb: str) -> list[Line2D | Patch]:
    key: list[Line2D | Patch] = [
        Line2D([], [], color=INK, lw=2.4, label=f"half of all members have {verb} this"),
        Patch(color=INK, alpha=0.4, lw=0, label="best 25% to best 75%"),
        Patch(color=INK, alpha=0.15, lw=0, label=f"best {SHARES[0]:.0%} to best {SHARES[-1]:.0%}"),
        Line2D([], [], color=INK, lw=0.7, label="single members, as recorded"),
    ]
    if others:
        key.append(Line2D([], [], color=FAINT, lw=1.2, ls=(0, (2, 2)), label="half, other cohorts"))
    return key


def _spread(total: int, wanted: int) -> list[int]:
    """Rows evenly spaced by index, whatever they look like: nobody picked them."""
    return sorted({int(at) for at in np.linspace(0, total - 1, min(wanted, total))})
