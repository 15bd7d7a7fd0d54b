"""What programs share that read records and train nothing: they import no JAX."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags, logging

from lab.errors import UsageError
from lab.printable import show_controls
from lab.records.cohort import CohortRecords
from lab.records.imported.recorded import require_measured, require_whole
from lab.records.parts import RecordConflict
from lab.records.reader import read_records, read_study
from lab.verdicts.looking import deciding_look


def run_analysis(main: Callable[[list[str]], None]) -> None:
    """`main` gets the arguments that are no flags; a user's mistake ends in one line, status 2."""
    logging.set_verbosity(logging.WARNING)
    show_controls()
    app.run(lambda rest: _guarded(main, rest[1:]), flags_parser=_parse)


def whole_run(root: Path) -> dict[str, CohortRecords]:
    """The members of a finished run that count: of one that stopped at a look, those up to it."""
    require_measured(root)
    records, comparison = read_records(root), read_study(root).comparison
    look = deciding_look(comparison, records)
    if look is None:
        require_whole(root, records)
        return records
    return {name: one.part(0, look) for name, one in records.items()}


def _parse(arguments: Sequence[str]) -> list[str]:
    if any(argument in ("--help", "-help") for argument in arguments):
        print(sys.modules["__main__"].__doc__)
        print(flags.FLAGS.main_module_help())
        sys.exit(0)
    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        return _fail(f"{' '.join(str(error).split())}; --help lists the flags", 2)


def _guarded(main: Callable[[list[str]], None], arguments: list[str]) -> None:
    try:
        main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more, as behind `| head`: what is written to files is there already.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UsageError as error:
        _fail(str(error), 2)
    except RecordConflict as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> list[str]:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(status)
