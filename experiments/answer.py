"""Do smaller neural nets always converge faster than larger ones? The answer over all runs.

    scripts/run answer runs                                    # seconds, no accelerator
    scripts/run answer runs/tuned runs/transferred --out=docs

Reads the verdicts of all finished runs below the folders, and writes answer.md and answer.html: in
plain words first, then the strongest counter-examples, and cause by cause every cell, where the
order turns, and what share of the gap a cause explains. Runs that are not finished, searches, and
folders that cannot be read are named and left out; of runs that ask the same one is counted.

Expect 'not always' from any two causes: in steps the larger net is often first, in FLOPs the
smaller.
"""

import os
import textwrap
from collections.abc import Sequence

from absl import flags

from experiments._analysis import run_analysis
from lab.errors import UsageError
from lab.records.files import given_path, write_whole
from lab.records.finding import Place, read_verdict, run_folders
from lab.records.lock import held_folder
from lab.records.store import read_study_file
from lab.reports import across, blocks, text
from lab.verdicts import document
from lab.verdicts.across import Run, cells_of, families
from lab.verdicts.words import Modifier

_OUT = flags.DEFINE_string(
    "out", None, "Folder for answer.md and answer.html; by default the one that is read."
)


def main(arguments: list[str]) -> None:
    """Finds, counts, writes, prints."""
    if not arguments:
        raise UsageError("no folder was given: scripts/run answer FOLDER [FOLDER ...] [--out=DIR]")
    roots = [given_path("the folder", one) for one in arguments]
    if _OUT.value is None and len(roots) > 1:
        raise UsageError(f"{len(roots)} folders are read: pass --out with the one to write to")
    out = given_path("out", _OUT.value) if _OUT.value is not None else roots[0]
    runs, notes = _runs(run_folders(roots))
    if not runs:
        left = f" ({notes[0]})" if notes else ""
        raise UsageError(
            f"no finished run lies below {', '.join(arguments)}{left}: pass a folder of runs, such "
            "as scripts/run width --out=runs/width makes"
        )
    page = across.page(runs, notes)
    with held_folder(out):  # Two pages of one answer.
        write_whole(out / "answer.md", blocks.markdown(page))
        write_whole(out / "answer.html", blocks.html(across.QUESTION, page))
    print(textwrap.fill(across.headline(families(runs)), text.WIDTH))
    print(f"\nCounted {len(runs)} {'run' if len(runs) == 1 else 'runs'}.")
    for note in notes:
        print(textwrap.fill(note, text.WIDTH, subsequent_indent="  "))
    print(f"\nAnswer: {out / 'answer.md'}, {out / 'answer.html'}")


def _runs(places: Sequence[Place]) -> tuple[list[Run], list[str]]:
    """Those that count, and a line on each of the others."""
    runs: list[Run] = []
    notes = []
    asked: dict[str, str] = {}
    for place in places:
        try:
            found = _run(place)
        except (UsageError, OSError) as error:
            reason = str(error).replace(f"{place.paths.root}{os.sep}", "")
            notes.append(f"Left out {place.name}: {reason}")
            continue
        same = asked.setdefault(found.study.to_json(), place.name)
        if same == place.name:
            runs.append(found)
        else:
            notes.append(f"{place.name} asks the same study as {same}: counted once.")
    return runs, notes


def _run(place: Place) -> Run:
    """UsageError with the reason where it does not count."""
    study = read_study_file(place.paths.study)
    if study.search:
        raise UsageError("a search, by whose members nothing may be judged.")
    if not study.contrasts:
        raise UsageError("it compares nothing.")
    verdict = document.from_json(read_verdict(place.paths))
    if any(Modifier.INCOMPLETE in one.decision.modifiers for one in verdict.contrasts):
        raise UsageError("not finished: members are missing.")
    known = {one.name for one in verdict.cohorts}
    if any({one.smaller, one.larger} - known for one in verdict.contrasts):
        raise UsageError("its verdict.json compares cohorts that it says nothing of.")
    run = Run(place.name, study, verdict)
    cells_of(run)  # Here, where a verdict that does not fit its study is left out.
    return run


if __name__ == "__main__":
    run_analysis(main)
