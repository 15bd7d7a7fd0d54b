"""A page as headings, paragraphs, lists and tables: Markdown and HTML say the same."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2
import markupsafe

from lab.reports import typeset
from lab.reports.tables import Table
from lab.reports.typeset import in_markdown

_TEMPLATES = Path(__file__).parent / "templates"
_BEGINS = re.compile(r"^(?=[#+=-])|^(\d+)(?=[.)])")


@dataclasses.dataclass(frozen=True, slots=True)
class Heading:
    """`depth` 1 is the page's title."""

    depth: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The paragraph that stands out."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain words."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Lines:
    """A list."""

    lines: tuple[str, ...]


Block = Heading | Answer | Paragraph | Lines | Table


def markdown(blocks: Sequence[Block]) -> str:
    """Blocks apart by empty lines; words are escaped, so that a name stays as it is."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(depth, text):
            return f"{'#' * depth} {in_markdown(text)}"
        case Answer(text):
            return f"> {_escaped(text)}"
        case Paragraph(text):
            return _escaped(text)
        case Lines(lines):
            return "\n".join(f"- {_escaped(line)}" for line in lines)
        case Table():
            return typeset.markdown(block).rstrip()


def _escaped(text: str) -> str:
    """Words that begin a block, and no heading, list or rule of their own."""
    return _BEGINS.sub(r"\1\\", in_markdown(text))


def html(title: str, blocks: Sequence[Block]) -> str:
    """One page that needs nothing but itself, in the look of a run's report."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    css = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = templates.get_template("blocks.html").render(
        title=title,
        css=markupsafe.Markup(css),  # Ours, and holds no "<".
        blocks=[(type(block).__name__, block) for block in blocks],
    )
    return page + "\n"
