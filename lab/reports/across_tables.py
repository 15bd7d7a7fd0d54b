"""Cells of all runs as tables."""

import dataclasses
from collections.abc import Sequence

from lab.reports import formatting
from lab.reports.tables import Table
from lab.verdicts.across import Agreement, Cell


def cell_table(cells: Sequence[Cell]) -> Table:
    """A row a cell."""
    found = ("level", "smaller / larger", "clock", "verdict", "smaller first", "time ratio")
    header = (*found, "Holm's p", "rates", "step cost", "members", "run")
    rows = tuple(
        (
            one.level or formatting.NONE,
            f"{one.smaller} / {one.larger}",
            one.clock.label,
            one.verdict.value,
            formatting.share(dataclasses.asdict(one.win)),
            formatting.ratio(dataclasses.asdict(one.time_ratio), one.sparse),
            p_value(one.adjusted_p_value),
            "; ".join(one.licence_words),
            formatting.NONE if one.cost is None else f"{one.cost:.3g}",
            formatting.count(one.members),
            one.run,
        )
        for one in cells
    )
    return Table(header, rows, frozenset({4, 5, 6, 8, 9}))


def example_table(cells: Sequence[Cell]) -> Table:
    """A row a counter-example."""
    header = ("cause and level", "smaller / larger", "target", "smaller first", "Holm's p", "rates")
    rows = tuple(
        (
            " ".join([one.cause.value if one.cause else "", one.level]).strip() or formatting.NONE,
            f"{one.smaller} / {one.larger}",
            one.goal,
            formatting.share(dataclasses.asdict(one.win)),
            p_value(one.adjusted_p_value),
            "; ".join(one.licence_words),
            one.run,
        )
        for one in cells
    )
    return Table((*header, "run"), rows, frozenset({3, 4}))


def agreement_table(pairs: Sequence[Agreement]) -> Table:
    """A row a contrast and clock."""
    rows = tuple(
        (
            f"{one.tuned.smaller} / {one.tuned.larger}",
            one.tuned.clock.label,
            f"{one.tuned.verdict.value} ({one.tuned.run})",
            f"{one.transferred.verdict.value} ({one.transferred.run})",
            one.tuned.verdict.value if one.agree else "depends on tuning",
        )
        for one in pairs
    )
    header = ("smaller / larger", "clock", "tuned", "transferred", "about size")
    return Table(header, rows, frozenset())


def p_value(value: float) -> str:
    """Three digits; what is smaller says so."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"
