"""Level by level, where the order turns, and shares of the gap: tables and lines of a verdict."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lab.reports import formatting
from lab.reports.tables import Document, Table, csv_text
from lab.verdicts.flips import is_number
from lab.verdicts.level_language import signed, times
from lab.words import Clock

FEW = 4
"""Contrasts whose curves fit a page each; more are told in one table and one picture."""

HOW_FLIPS = (
    "A cost of a step: the verdict was asked again for every ratio of costs, and what is told are "
    "the ratios up to which, and from which on, one net is first at the level of the verdict; put "
    "in the ratio of your own machine. A target: the rows of the winner map at full budget; those "
    "between the declared ones were chosen from the range of the curves, so this is exploratory. A "
    "level: two whose verdicts have opposite directions; between numbers the value at which half "
    "of all pairs go either way is read off straight lines between the levels, in the logarithm, "
    "and its interval off those between the ends of their intervals."
)
HOW_SHARES = (
    "The gap of a level is the logarithm of the time ratio, smaller over larger. Run again with "
    "the level changed, and where rates are tuned, tuned anew at it, what is left of the gap tells "
    "the share that the level explains: 100% where the sizes become level, more where the order "
    "turns, below 0% where the gap grows. In brackets Fieller's interval for a ratio, "
    "wherever between two evaluations the times lie."
)
_MAP_FIELDS = ("level", "smaller", "larger", "clock")
_ENDS = ("estimate", "lower", "upper")


@dataclasses.dataclass(frozen=True, slots=True)
class Turning:
    """What the page tells; tables are None where there is nothing of the kind."""

    levels: Table | None
    flips: list[str]
    shares: Table | None
    share_lines: list[str]
    how_flips: str = HOW_FLIPS
    how_shares: str = HOW_SHARES


def turning(document: Document) -> Turning:
    """From a verdict.json document, also of a lab that wrote none of it."""
    shares = document.get("shares", [])
    return Turning(
        levels=level_table(document),
        flips=flip_lines(document),
        shares=share_table(shares) if shares else None,
        share_lines=[one["sentence"] for one in shares if one["share"]],
    )


def brief(document: Document) -> list[str]:
    """The lines that a terminal shows: of many contrasts not what each step may cost."""
    flips = document.get("flips", {})
    found = [one["sentence"] for one in flips.get("levels", [])]
    if len(flips.get("cost_ratios", [])) <= FEW:
        found += [one["sentence"] for one in flips.get("cost_ratios", [])]
        found += [one["sentence"] for one in flips.get("targets", [])]
    shares = document.get("shares", [])
    first = [one["sentence"] for one in shares if one["clock"] == shares[0]["clock"]]
    return found + first


def flip_lines(document: Document) -> list[str]:
    """All flips, those between levels first."""
    flips = document.get("flips", {})
    return [
        one["sentence"]
        for kind in ("levels", "cost_ratios", "targets")
        for one in flips.get(kind, [])
    ]


def hardest(document: Document) -> list[Mapping[str, Any]]:
    """Of each contrast and clock that asks a question of its own the hardest target."""
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for one in document["contrasts"]:
        if "same hypothesis as steps" not in one.get("modifiers", ()):
            key = one["clock"], one["smaller"], one["larger"], one.get("level", "")
            found[key] = one
    return list(found.values())


def levels_of(document: Document) -> list[str]:
    """In their order; those that are numbers after the others, from the smallest."""
    names = list(dict.fromkeys(str(one.get("level", "")) for one in document["contrasts"]))
    numbers = sorted(filter(is_number, names), key=float)
    return [one for one in names if not is_number(one)] + numbers


def level_table(document: Document) -> Table | None:
    """A row a level, of each pair that it has; None for a single level."""
    levels = levels_of(document)
    if len(levels) < 2:
        return None
    found = hardest(document)
    clocks = list(dict.fromkeys(str(one["clock"]) for one in found))
    rows = []
    for level in levels:
        mine = [one for one in found if one.get("level", "") == level]
        for pair in dict.fromkeys((one["smaller"], one["larger"]) for one in mine):
            cells = {one["clock"]: one for one in mine if (one["smaller"], one["larger"]) == pair}
            rows.append((level, *_row(cells, clocks)))
    labels = [Clock(one).label for one in clocks]
    header = [text for label in labels for text in (f"in {label}", "smaller first")]
    numeric = frozenset(range(2, 2 * len(labels) + 1, 2))
    return Table(("level", *header), tuple(rows), numeric)


def _row(cells: Mapping[str, Mapping[str, Any]], clocks: Sequence[str]) -> list[str]:
    row = []
    for clock in clocks:
        one = cells.get(clock)
        if one is None:
            row += [formatting.NONE] * 2
            continue
        row += [str(one["verdict"]), formatting.share(one.get("win_probability"))]
    return row


def share_table(shares: Sequence[Mapping[str, Any]]) -> Table:
    """A row a level and clock."""
    rows = tuple(
        (
            f"{one['baseline']} to {one['level']}",
            Clock(one["clock"]).label,
            times(one["baseline_gap"]),
            times(one["gap"]),
            share_cell(one),
        )
        for one in shares
    )
    header = ("from baseline to level", "clock", "time ratio before", "after", "share explained")
    return Table(header, rows, frozenset({2, 3}))


def share_cell(one: Mapping[str, Any]) -> str:
    """`78% (55% to 102%)`, or why there is none."""
    if not one["share"]:
        return f"not estimable: {one['reason']}"
    estimate, lower, upper = (signed(one["share"][end]) for end in _ENDS)
    return f"{estimate} ({lower} to {upper})"


def maps_csv(document: Document) -> str:
    """Every cell of every map, a row each, unrounded."""
    chance = ("win_probability", "win_probability_lower", "win_probability_upper")
    header = (*_MAP_FIELDS, "target", "declared", "budget", *chance, "adjusted_p_value", "first")
    rows = (
        [
            *(one[field] for field in _MAP_FIELDS),
            cell["target"],
            cell["target"] in one["declared"],
            cell["budget"],
            *(cell["win_probability"][end] for end in _ENDS),
            cell["adjusted_p_value"],
            cell["first"],
        ]
        for one in document.get("maps", [])
        for cell in one["cells"]
    )
    return csv_text(header, rows)


def shares_csv(document: Document) -> str:
    """Every share, a row each, unrounded; empty where it is not estimable."""
    fields = ("baseline", "level", "clock", "pair", "baseline_gap", "gap")
    header = (*fields, "share", "share_lower", "share_upper", "reason")
    rows = (
        [
            *(one[field] for field in fields),
            *((one["share"] or {}).get(end) for end in _ENDS),
            one["reason"],
        ]
        for one in document.get("shares", [])
    )
    return csv_text(header, rows)
