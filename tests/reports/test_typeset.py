"""Names stand in Markdown and LaTeX as they are, whatever marks they hold."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lab.reports import blocks, typeset
from lab.reports.blocks import Answer, Heading, Lines, Paragraph
from lab.reports.tables import Table

NAMES = [
    "<script>alert(1)</script>",
    "`code` | pipe",
    "a_b _c_ **d** ~~e~~",
    "[link](http://example.org) ![image](x)",
    "back\\slash \\| \\\\",
    "$x$ &lt; &amp;",
    "# 1. - + > quoted",
    "1. first",
    "- item",
    "first line\nsecond line",
]
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Words(HTMLParser):
    """What a page says, and the tags that it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)
        self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def said(page: str) -> Words:
    return Words(READER.render(page))


@pytest.mark.parametrize("name", NAMES)
def test_a_table_says_its_cells_and_nothing_else(name: str) -> None:
    table = Table(("cohort", name), ((name, "1"), ("plain", name)), frozenset({1}))
    found = said(typeset.markdown(table))
    shown = " ".join(name.split())
    assert [cell.strip() for cell in found.cells if cell.strip()] == [
        "cohort",
        shown,
        shown,
        "1",
        "plain",
        shown,
    ]
    assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("made", "tags"),
    [
        (lambda text: Heading(2, text), {"h2"}),
        (Answer, {"blockquote", "p"}),
        (Paragraph, {"p"}),
        (lambda text: Lines((text, text)), {"ul", "li"}),
    ],
)
def test_a_block_says_its_words_and_nothing_else(name: str, made, tags: set[str]) -> None:
    found = said(blocks.markdown([made(name)]))
    assert {cell.strip() for cell in found.cells if cell.strip()} == {" ".join(name.split())}
    assert found.tags == tags


@given(st.text(st.sampled_from("ab_*`<>[]()|&~$\\#+-.1! \n"), min_size=1, max_size=12))
@settings(max_examples=150)
def test_any_marks_stand_as_they_are(text: str) -> None:
    shown = " ".join(text.split())
    if shown:
        found = said(blocks.markdown([Paragraph(text)]))
        assert [cell.strip() for cell in found.cells] == [shown]


def test_words_with_an_underscore_inside_stay_readable() -> None:
    assert typeset.in_markdown("mlp_width_8") == "mlp_width_8"


@pytest.mark.parametrize("name", NAMES)
def test_latex_has_no_mark_left_that_it_would_obey(name: str) -> None:
    page = typeset.latex(Table(("cohort",), ((name,),), frozenset()))
    row = page.splitlines()[4]
    assert row.endswith(r" \\")
    allowed = re.sub(r"\\(textbackslash|textasciitilde|textasciicircum|textbar)\{\}", "", row)
    allowed = re.sub(r"\\[&%$#_{}]|\$[<>]\$|\{[\[*]\}", "", allowed.removesuffix(r" \\"))
    assert not set(allowed) & set("\\&%$#_{}~^<>|[*")
