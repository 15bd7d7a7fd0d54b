"""A run folder's report, made from the folder alone: now, or years later on a laptop."""

from collections.abc import Mapping
from pathlib import Path

from lab.records.cohort import CohortRecords
from lab.records.environment import read_environment
from lab.records.files import write_whole
from lab.records.paths import RunPaths
from lab.records.reader import read_records, read_study
from lab.records.store import read_json
from lab.reports import costs, html, pictures, tables, text, tuning_figure, tuning_text, turning
from lab.reports.tables import Document
from lab.verdicts.settings import told_apart


def write_report(root: str | Path) -> Path:
    """Draws the figures, writes the tables and then the page; gives the page's path back.

    UsageError when the folder is no run folder, lacks its verdict.json, or cannot be written.
    """
    paths = RunPaths(Path(root))
    study, document = read_study(paths.root), read_json(paths.verdict)
    whole, environment = counted(read_records(paths.root), document), read_environment(paths)
    comparison, records = told_apart(study.comparison, whole)
    unfinished = text.incomplete_line(study, whole)
    drawn = (*pictures.draw(comparison, records, document), *tuning_figure.draw(document))
    for picture in drawn:
        write_whole(paths.figures / f"{picture.name}.svg", picture.svg)
        write_whole(paths.figures / f"{picture.name}.png", picture.png)
    write_whole(paths.tables / "cohorts.csv", tables.cohorts_csv(document))
    write_whole(paths.tables / "contrasts.csv", tables.contrasts_csv(document))
    write_whole(paths.tables / "maps.csv", turning.maps_csv(document))
    write_whole(paths.tables / "shares.csv", turning.shares_csv(document))
    write_whole(paths.tables / "costs.csv", costs.costs_csv(costs.cohort_costs(environment)))
    if document.get("tuning"):
        write_whole(paths.tables / "tuning.csv", tuning_text.tuning_csv(document))
    write_whole(paths.report, html.render(study, records, document, environment, drawn, unfinished))
    return paths.report


def counted(records: Mapping[str, CohortRecords], document: Document) -> dict[str, CohortRecords]:
    """The members that the verdict was taken from; more may have been under way."""
    look = document.get("look")
    return {name: one if look is None else one.part(0, look) for name, one in records.items()}
