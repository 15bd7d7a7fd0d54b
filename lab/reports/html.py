"""The report as one page that needs nothing but itself: no script, no link, no network."""

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from lab.reports import captions, text, tuning_text
from lab.reports.costs import cohort_costs, costs_table, reading
from lab.reports.explanations import glossary, limits
from lab.reports.picture import Picture
from lab.reports.tables import Document, Records, Table, cohort_table, contrast_table, pairs
from lab.specs import StudySpec

_TEMPLATES = Path(__file__).parent / "templates"


@dataclasses.dataclass(frozen=True, slots=True)
class _Pair:
    table: Table
    sentences: list[tuple[str, str]]


def render(
    study: StudySpec,
    records: Records,
    document: Document,
    environment: Mapping[str, Any],
    pictures: Sequence[Picture],
    unfinished: str = "",
) -> str:
    """The page, from a verdict.json and an environment.json document; everything is escaped.

    `records` are the cohorts that the document names; `unfinished` says which members are missing.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    goals = dict.fromkeys(captions.whole_goal(one) for one in study.cohorts)
    sessions = environment.get("sessions") or [{}]
    page = templates.get_template("report.html").render(
        study=study,
        css=markupsafe.Markup(
            (_TEMPLATES / "report.css").read_text(encoding="utf-8")
        ),  # Ours, and holds no "<".
        document=document,
        incomplete=unfinished,
        goal="; ".join(goals),
        cohorts=cohort_table(document, records),
        contrasts={
            names: _Pair(contrast_table(contrasts, notes=True), text.sentences(contrasts))
            for names, contrasts in pairs(document).items()
        },
        trend=text.trend(document["trend"]) if document.get("trend") else "",
        tuning=tuning_text.table(document) if document.get("tuning") else None,
        tuning_explained=tuning_text.explained(document),
        glossary=glossary(document["contrasts"]),
        costs=costs_table(cohort_costs(environment)),
        costs_reading=reading(cohort_costs(environment)),
        pictures=[{**_plain(one), "source": _data_uri(one.svg)} for one in pictures],
        plan=_plan(study, environment.get("cohorts", {})),
        command=_command(sessions[-1].get("command")),
        environment=_environment(sessions),
        limits=limits(study, document),
    )
    return page + "\n"


def _plain(picture: Picture) -> dict[str, str]:
    return {"title": picture.title, "caption": picture.caption, "alt": picture.alt}


def _data_uri(svg: bytes) -> str:
    """As an image, an SVG can run nothing and its ids cannot clash with another's."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _plan(study: StudySpec, costs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    entries = []
    for cohorts in text.alike(study):
        entries += text.plan(cohorts[0])
        entries += [("Cohort", text.cohort_line(one, costs.get(one.name, {}))) for one in cohorts]
    return [
        *entries,
        ("Contrasts", text.contrasts_line(study)),
        ("Margins", text.margins_line(study)),
        *text.looks_line(study),
    ]


def _command(command: Any) -> str:
    return command if isinstance(command, str) else " ".join(map(str, command or ()))


def _environment(sessions: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The latest session's entries in words; a run that was resumed says so first."""
    resumed = [("sessions", f"{len(sessions)}; below is the latest")] if len(sessions) > 1 else []
    return resumed + [
        (key.replace("_", " "), _words(value))
        for key, value in sessions[-1].items()
        if key not in ("cohorts", "command") and value not in (None, "", {}, [])
    ]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        words = (
            f"{key.replace('_', ' ')} {_words(one)}" for key, one in value.items() if one != ""
        )
        return ", ".join(words) or "–"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
