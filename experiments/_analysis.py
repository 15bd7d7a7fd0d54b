"""What programs share that read records and train nothing: they import no JAX."""

import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from lab.errors import UsageError
from lab.records.parts import RecordConflict


def run_analysis(main: Callable[[list[str]], None]) -> None:
    """`main` gets the arguments that are no flags; a user's mistake ends in one line, status 2."""
    logging.set_verbosity(logging.WARNING)
    app.run(lambda rest: _guarded(main, rest[1:]), flags_parser=_parse)


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
    except UsageError as error:
        _fail(str(error), 2)
    except RecordConflict as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> list[str]:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(status)
