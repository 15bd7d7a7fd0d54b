"""Which converges first, by runs that are recorded and learning curves from anywhere?

    scripts/compare runs/unet_size-1a2b3c4d
    scripts/compare curves.csv --metric=accuracy --target=0.9 --smaller=small
    scripts/compare small=tb/s-*.csv large=tb/l-*.csv --metric=f1 --direction=maximize --target=0.8

Inputs are run folders of the lab, and CSV or Parquet files in long form: columns cohort, run, step
and the metric; or what TensorBoard and Weights & Biases save from a chart. NAME=PATH names the
cohort of a file that has no such column; a path may be a pattern. Times to the target are found by
the rules that the lab trains by. A metric that is nan or inf is a run that has diverged there; an
empty cell is an evaluation that did not measure it. Writes verdict.json, tables/ and figures/.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from absl import flags

from experiments import _compare_flags as _given
from experiments._analysis import run_analysis
from lab.errors import UsageError
from lab.records.cohort import CohortRecords
from lab.records.files import (
    cannot_write,
    given_path,
    is_leftover,
    remove_leftovers,
    write_whole,
)
from lab.records.imported import curves, recorded
from lab.records.imported.reading import Source, read_rows, sources
from lab.records.lock import take_lock
from lab.records.paths import RunPaths
from lab.records.reader import read_study
from lab.reports import pictures, tables, text, turning, typeset
from lab.reports.file_names import file_stems
from lab.specs import Comparison, ContrastSpec
from lab.verdicts import document
from lab.verdicts.judge import judge
from lab.verdicts.settings import told_apart
from lab.words import Clock

_SMALLER = flags.DEFINE_string(
    "smaller", None, "The smaller net's cohort; else each against the next larger, by parameters."
)
_OUT = flags.DEFINE_string(
    "out", None, "Folder for the result; by default one under comparisons/.", allow_override=True
)

_OURS = {"verdict.json", "tables", "figures", ".lock"}


def main(arguments: list[str]) -> None:
    """Reads, judges, writes, prints."""
    if not arguments:
        raise UsageError("nothing to compare: scripts/compare RUN|CURVES.csv|CURVES.parquet ...")
    inputs = sources(arguments)
    folder = _folder()
    _require_own(folder)
    runs = [one for one in inputs if one.path.is_dir()]
    files = [one for one in inputs if not one.path.is_dir()]
    records, notes = _records(runs, files)
    comparison, records = told_apart(_comparison(runs, files, records), records)
    verdict = judge(comparison, records)
    shown = {
        name: one if verdict.look is None else one.part(0, verdict.look)
        for name, one in records.items()
    }
    written = document.to_json(verdict)
    with _held(folder):
        write_whole(folder / "verdict.json", written)
        _write(folder, json.loads(written), shown, comparison)
    for note in notes:
        print(f"note: {note}")
    print(text.closing(shown, json.loads(written)))
    print(f"\nResult: {folder}")


def _records(
    runs: Sequence[Source], files: Sequence[Source]
) -> tuple[dict[str, CohortRecords], list[str]]:
    target = _given.target(runs, files)
    found: list[tuple[str, CohortRecords]] = []
    for source in runs:
        cohorts = recorded.cohorts(source.path, target)
        if read_study(source.path).sequential is None:
            recorded.require_whole(source.path, cohorts)
        elif len(runs) + len(files) > 1:
            raise UsageError(
                f"{source.path} added members until its answer was clear: compare it alone"
            )
        prefix = "" if source.name is None else f"{source.name}-"
        found += [(prefix + name, one.renamed(prefix + name)) for name, one in cohorts.items()]
    notes: list[str] = []
    if files and target is not None:
        columns = _given.columns()
        rows = [read_rows(source, target.metric.value, columns) for source in files]
        rules = _given.rules(target)
        imported, notes = curves.cohorts(rows, rules)
        _given.require_known(rules, imported)
        found += imported.items()
    else:
        _given.require_no_rules()
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two inputs have a cohort {name!r}: name one input, as new=PATH")
    _require_one_target(dict(found))
    return dict(found), [*notes, *_unlike_grids(dict(found))]


def _unlike_grids(records: Mapping[str, CohortRecords]) -> list[str]:
    """A note where cohorts were not looked at equally often, which a noisy metric rewards."""
    grids = [list(one.spec.grid) for one in records.values()]
    both = min(grid[-1] for grid in grids)
    seen = [[step for step in grid if step <= both] for grid in grids]
    if all(steps == seen[0] for steps in seen):
        return []
    return [
        f"{', '.join(records)} were not evaluated at the same steps: the more often one looks at "
        "a noisy metric the earlier it meets a target, so prefer equal grids, or a larger --sustain"
    ]


def _require_one_target(records: Mapping[str, CohortRecords]) -> None:
    targets = {one.spec.target for one in records.values()}
    if len(targets) > 1:
        raise UsageError(
            f"the cohorts {', '.join(records)} were trained to different targets, so their times "
            "cannot be compared: pass one --target that all of them watched"
        )


def _comparison(
    runs: Sequence[Source], files: Sequence[Source], records: Mapping[str, CohortRecords]
) -> Comparison:
    alone = len(runs) == 1 and not files
    study = read_study(runs[0].path).comparison if alone else None
    asked = _SMALLER.value is not None or study is None or runs[0].name is not None
    contrasts = _contrasts(records) if asked else study.contrasts if study else ()
    clocks = [Clock.STEPS]
    if all(one.spec.batch_size is not None for one in records.values()):
        clocks.append(Clock.EXAMPLES)
    if all(one.flops_per_step is not None for one in records.values()):
        clocks.append(Clock.FLOPS)
    # Steps of two runs were not timed in turn, and perhaps not on one machine.
    if alone and all(one.solo_seconds is not None for one in records.values()):
        clocks.append(Clock.SECONDS)
    pairs = " and ".join(f"{one.smaller} against {one.larger}" for one in contrasts)
    return Comparison(
        question=study.question if study else f"Which converges first: {pairs}?",
        contrasts=contrasts,
        clocks=tuple(clocks),
        sequential=study.sequential if study else None,
        cause=study.cause if study and not asked else None,
        baseline=study.baseline if study and not asked else "",
        **({"margins": study.margins} if study else {}),
    )


def _contrasts(records: Mapping[str, CohortRecords]) -> tuple[ContrastSpec, ...]:
    if len(records) < 2:
        raise UsageError(f"there is only the cohort {next(iter(records))!r}: it takes two")
    if _SMALLER.value is not None:
        if _SMALLER.value not in records:
            raise UsageError(
                f"smaller is {_SMALLER.value!r}; the cohorts are {', '.join(records)}: pass one"
            )
        return tuple(
            ContrastSpec(_SMALLER.value, other) for other in _larger(_SMALLER.value, records)
        )
    sizes = {name: one.parameters for name, one in records.items()}
    known = [(size, name) for name, size in sizes.items() if size is not None]
    if len(known) < len(sizes) or len({size for size, _ in known}) < len(known):
        raise UsageError(
            f"which of {', '.join(records)} is the smaller? Pass --smaller=NAME, or their sizes: "
            f"--parameters={','.join(f'{name}:1000' for name in records)}"
        )
    order = [name for _, name in sorted(known)]
    return tuple(map(ContrastSpec, order[:-1], order[1:]))


def _larger(smaller: str, records: Mapping[str, CohortRecords]) -> list[str]:
    """What the smaller is compared with: all others but those known to be no larger."""
    own = records[smaller].parameters
    sizes = {name: one.parameters for name, one in records.items() if name != smaller}
    found = [name for name, size in sizes.items() if own is None or size is None or size > own]
    if not found:
        raise UsageError(
            f"smaller is {smaller!r}, and none of {', '.join(sizes)} has more than its "
            f"{own:,} parameters: pass another --smaller"
        )
    return found


def _folder() -> Path:
    if _OUT.value is None:
        words = json.dumps(sys.argv[1:])
        return Path("comparisons") / hashlib.sha256(words.encode()).hexdigest()[:8]
    return given_path("out", _OUT.value)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Takes the lock that runs take too: two results in one folder would be neither."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    paths = RunPaths(folder)
    lock = take_lock(paths.lock)
    try:
        _require_own(folder)  # Once more: somebody may have written before this held it.
        for inner in (folder, paths.tables, paths.figures):
            remove_leftovers(inner)
        yield
    finally:
        os.close(lock)


def _require_own(folder: Path) -> None:
    """UsageError for a folder that holds other things than a comparison writes."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"out is {folder}, which is a file: pass a folder")
    if (
        folder.is_dir()
        and {entry.name for entry in folder.iterdir() if not is_leftover(entry)} - _OURS
    ):
        raise UsageError(f"out is {folder}, which holds other things: pass a new folder")


def _write(
    folder: Path,
    found: tables.Document,
    records: Mapping[str, CohortRecords],
    comparison: Comparison,
) -> None:
    paths = RunPaths(folder)
    write_whole(paths.tables / "cohorts.csv", tables.cohorts_csv(found))
    write_whole(paths.tables / "contrasts.csv", tables.contrasts_csv(found))
    write_whole(paths.tables / "maps.csv", turning.maps_csv(found))
    write_whole(paths.tables / "shares.csv", turning.shares_csv(found))
    pairs = tables.pairs(found)
    stems = file_stems([*pairs], taken=("cohorts",))
    named = {"cohorts": tables.cohort_table(found, records)}
    for pair, contrasts in pairs.items():
        named[stems[pair]] = tables.contrast_table(contrasts, notes=True)
    for name, table in named.items():
        write_whole(paths.tables / f"{name}.md", typeset.markdown(table))
        write_whole(paths.tables / f"{name}.tex", typeset.latex(table))
    for picture in pictures.draw(comparison, records, found):
        write_whole(paths.figures / f"{picture.name}.svg", picture.svg)
        write_whole(paths.figures / f"{picture.name}.png", picture.png)


if __name__ == "__main__":
    flags.adopt_module_key_flags(_given)
    run_analysis(main)
