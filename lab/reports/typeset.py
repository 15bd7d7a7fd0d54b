"""Tables for a paper or a page: Markdown and LaTeX."""

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


def markdown(table: Table) -> str:
    """A pipe table; numbers to the right."""
    rule = ["---:" if column in table.numeric else "---" for column in range(len(table.header))]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(_in_pipes, row))} |" for row in rows) + "\n"


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


def _in_pipes(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _row(cells: tuple[str, ...]) -> str:
    escaped = ("".join(_ESCAPED.get(one, one) for one in cell) for cell in cells)
    return " & ".join(escaped) + r" \\"
