"""What programs share that read records and train nothing: they import no JAX."""

from collections.abc import Callable
from pathlib import Path

from experiments._door import enter
from lab.records.cohort import CohortRecords
from lab.records.imported.recorded import require_measured, require_whole
from lab.records.reader import read_records, read_study
from lab.verdicts.looking import deciding_look


def run_analysis(main: Callable[[list[str]], None]) -> None:
    """`main` gets the arguments that are no flags; a user's mistake ends in one line, status 2."""
    enter(main, arguments=True)


def whole_run(root: Path) -> dict[str, CohortRecords]:
    """The members of a finished run that count: of one that stopped at a look, those up to it."""
    require_measured(root)
    records, comparison = read_records(root), read_study(root).comparison
    look = deciding_look(comparison, records)
    if look is None:
        require_whole(root, records)
        return records
    return {name: one.part(0, look) for name, one in records.items()}
