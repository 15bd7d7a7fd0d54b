"""Names and words in Markdown and LaTeX, and tables of them for a paper or a page."""

import re

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
    "|": r"\textbar{}",
    # After the end of a row these would be its options.
    "[": "{[}",
    "*": "{*}",
}
# An underscore inside a word is one in Markdown too; $ begins a formula on some sites.
_MARKS = re.compile(r"[\\`*<>\[\]|&~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def in_markdown(text: str) -> str:
    """Text of one line that a reader of the page sees as it stands, whatever marks are in it."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def markdown(table: Table) -> str:
    """A pipe table; numbers to the right."""
    rule = ["---:" if column in table.numeric else "---" for column in range(len(table.header))]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(in_markdown, row))} |" for row in rows) + "\n"


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
    escaped = ("".join(_ESCAPED.get(one, one) for one in " ".join(cell.split())) for cell in cells)
    return " & ".join(escaped) + r" \\"
