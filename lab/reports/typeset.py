"""Tables for a paper or a page: Markdown and LaTeX."""

from collections.abc import Callable

from lab.reports.tables import Table

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "–": "--",
}


def in_pipes(text: str) -> str:
    """A cell of a Markdown table, as it stands."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def markdown(table: Table, escaped: Callable[[str], str] = in_pipes) -> str:
    """A pipe table; numbers to the right."""
    rule = ["---:" if column in table.numeric else "---" for column in range(len(table.header))]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(escaped, row))} |" for row in rows) + "\n"


def latex(table: Table) -> str:
    """A tabular with the rules of booktabs."""
    columns = "".join(
        "r" if column in table.numeric else "l" for column in range(len(table.header))
    )
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(table.header),
        r"\midrule",
        *map(_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    escaped = ("".join(_ESCAPED.get(one, one) for one in cell) for cell in cells)
    return " & ".join(escaped) + r" \\"
