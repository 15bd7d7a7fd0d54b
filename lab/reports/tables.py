"""The report's tables: raw numbers for a spreadsheet, formatted ones for a reader."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.records.cohort import CohortRecords
from lab.reports import formatting
from lab.reports.curves import median_evaluation
from lab.verdicts.clocks import clock_times
from lab.words import Clock

Document = Mapping[str, Any]
Records = Mapping[str, CohortRecords]

_COHORT_FIELDS = (
    "name",
    "parameters",
    "members",
    "reached",
    "diverged",
    "exhausted",
    "stopped",
    "median_steps",
    "flops_per_step",
    "solo_seconds_per_step",
)
_CONTRAST_FIELDS = ("smaller", "larger", "clock", "target", "horizon", "members", "verdict")
_ESTIMATES = ("win_probability", "rmst_ratio")


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Text in rows under a header; `numeric` columns (by index) are aligned to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]

    def text(self, indent: str = "") -> str:
        """Aligned columns for a terminal, a line a row."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        return "\n".join(
            indent
            + "  ".join(self._cell(line, column, widths) for column in range(len(line))).rstrip()
            for line in lines
        )

    def _cell(self, line: Sequence[str], column: int, widths: Sequence[int]) -> str:
        return f"{line[column]:{'>' if column in self.numeric else '<'}{widths[column]}}"


def cohort_table(document: Document, records: Records) -> Table:
    """A row a cohort; medians come with their interval, from the records."""
    stopped = any(one.get("stopped") for one in document["cohorts"])
    header = (
        *("cohort", "parameters", "members", "reached", "diverged", "not by budget"),
        *(["stopped early"] if stopped else []),
    )
    fields = (
        *("parameters", "members", "reached", "diverged", "exhausted"),
        *(["stopped"] if stopped else []),
    )
    rows = tuple(
        (
            str(one["name"]),
            *(formatting.count(one[field]) for field in fields),
            _median(records[one["name"]]),
        )
        for one in document["cohorts"]
    )
    return Table((*header, "median steps"), rows, frozenset(range(1, len(header) + 1)))


def contrast_table(contrasts: Iterable[Mapping[str, Any]], notes: bool = False) -> Table:
    """A row a clock and target, for the contrasts of one pair of cohorts; `notes` adds a column."""
    rows = tuple(
        (
            Clock(one["clock"]).label,
            target(one["target"]),
            formatting.amount(one["horizon"], one["clock"]),
            str(one["verdict"]),
            formatting.share(one.get("win_probability")),
            formatting.ratio(one.get("rmst_ratio"), bool(one.get("sparse"))),
            *(["; ".join(one.get("modifiers", ()))] if notes else []),
        )
        for one in contrasts
    )
    header = ("clock", "target", "up to", "verdict", "smaller first", "time ratio")
    return Table((*header, *(["notes"] if notes else [])), rows, frozenset({1, 2, 4, 5}))


def pairs(document: Document) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """The contrasts of the document by their two cohorts (smaller, larger), in its order."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in document["contrasts"]:
        found.setdefault((one["smaller"], one["larger"]), []).append(one)
    return found


def target(value: Any) -> str:
    """A contrast's target, a number or words."""
    return formatting.level(value) if isinstance(value, int | float) else str(value)


def cohorts_csv(document: Document) -> str:
    """The document's cohorts, a row each, unrounded; empty where there is no number."""
    rows = ([one.get(field) for field in _COHORT_FIELDS] for one in document["cohorts"])
    return csv_text(_COHORT_FIELDS, rows)


def contrasts_csv(document: Document) -> str:
    """The document's contrasts, a row for each clock and target, unrounded."""
    header = [*_CONTRAST_FIELDS]
    header += [f"{name}{end}" for name in _ESTIMATES for end in ("", "_lower", "_upper")]
    rows = (
        [
            *(one.get(field) for field in _CONTRAST_FIELDS),
            *(
                (one.get(name) or {}).get(end)
                for name in _ESTIMATES
                for end in ("estimate", "lower", "upper")
            ),
            "; ".join(one.get("modifiers", ())),
        ]
        for one in document["contrasts"]
    )
    return csv_text([*header, "modifiers"], rows)


def _median(records: CohortRecords) -> str:
    if not len(records.member):
        return formatting.NONE
    steps = clock_times(records, Clock.STEPS)
    time = median_evaluation(records).on(steps, steps.budget)
    if steps.open_ended and time.estimate is None:
        return "never"  # All is known of its members: fewer than half reach it at any time.
    return formatting.median(time, float(steps.budget))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under a header, lines ended by a newline alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
