"""Which pictures a verdict gets: of one comparison all, of many levels those that fit."""

import dataclasses
from collections.abc import Iterator

from lab.reports import figures
from lab.reports.file_names import file_stems
from lab.reports.map_figures import draw_forest, draw_maps
from lab.reports.picture import Picture
from lab.reports.tables import Document, Records
from lab.reports.turning import FEW
from lab.specs import Comparison


def draw(comparison: Comparison, records: Records, document: Document) -> tuple[Picture, ...]:
    """`comparison` and `records` are told apart by settings, as the document names them.

    Of several levels each gets its curves where there are few contrasts; else the levels' forest
    takes the curves' place.
    """
    levels = dict.fromkeys(one.level for one in comparison.contrasts)
    maps = draw_maps(document)
    if len(levels) < 2:
        return (*figures.draw_all(records, comparison.clocks), *maps)
    if not any(len(one.member) for one in records.values()):
        return ()
    few = len(comparison.contrasts) <= FEW
    curves = tuple(_by_level(comparison, records, list(levels))) if few else ()
    return (draw_forest(document), *curves, *maps)


def _by_level(comparison: Comparison, records: Records, levels: list[str]) -> Iterator[Picture]:
    drawn = [
        (level, picture)
        for level in levels
        for picture in figures.draw_all(_of_level(comparison, records, level), comparison.clocks)
    ]
    stems = file_stems([(picture.name, level) for level, picture in drawn])
    for level, picture in drawn:
        yield dataclasses.replace(
            picture, name=stems[picture.name, level], title=f"{picture.title}: {level}"
        )


def _of_level(comparison: Comparison, records: Records, level: str) -> Records:
    names = dict.fromkeys(
        name
        for one in comparison.contrasts
        if one.level == level
        for name in (one.smaller, one.larger)
    )
    return {name: records[name] for name in names}
