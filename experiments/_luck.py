"""Is my run normal, or is there a bug? How much do these times owe to luck, and do restarts pay?

    scripts/luck runs/unet_size-1a2b3c4d
    scripts/luck RUN --cohort=small --mine=1800
    scripts/luck RUN --cohort=small --mine=running@900 --json=FILE

Prints for each cohort how its times spread, at which step to give a run up, and what the seeds that
members share do to the time; with --mine where a run of your own lies among the members. It costs a
few seconds, needs no accelerator, and leaves the run folder as it is.
"""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import app, flags

from lab.errors import UsageError
from lab.records.cohort import CohortRecords
from lab.records.files import write_whole
from lab.records.parts import RecordConflict
from lab.records.reader import read_cohort, read_records
from lab.reports.luck_text import told
from lab.statistics.placing import State
from lab.verdicts.luck import OwnRun, luck, to_json

_RUN = flags.DEFINE_string("run", None, "Run folder; it may stand first, without the flag.")
_COHORT = flags.DEFINE_string("cohort", None, "One cohort only; by default all of them.")
_MINE = flags.DEFINE_string(
    "mine",
    None,
    "Your own run: the step it reached the target at, never, or running@STEP where it had not yet.",
)
_TARGET = flags.DEFINE_float(
    "target", None, "One of the run's targets; by default the hardest.", allow_override=True
)
_JSON = flags.DEFINE_string("json", None, "File for the numbers.")


def main() -> None:
    if _RUN.value is None:
        raise UsageError("run is missing: scripts/luck RUN [--cohort=NAME] [--mine=STEP]")
    own = _own(_MINE.value)
    file = _file(Path(_RUN.value))
    records = _records(_RUN.value)
    found = tuple(luck(one, own, _threshold(one)) for one in records if len(one.member))
    if not found:
        raise UsageError(f"{_RUN.value} has no member that has ended yet: let it run on")
    print("\n\n\n".join(told(one) for one in found), flush=True)
    if file is not None:
        write_whole(file, to_json(found).encode())


def _records(run: str) -> list[CohortRecords]:
    if _COHORT.value is not None:
        return [read_cohort(run, _COHORT.value)]
    return list(read_records(run).values())


def _threshold(records: CohortRecords) -> int:
    thresholds = records.spec.target.thresholds
    if _TARGET.value is None:
        return len(thresholds) - 1
    if _TARGET.value not in thresholds:
        known = ", ".join(f"{one:g}" for one in thresholds)
        raise UsageError(
            f"target is {_TARGET.value:g}; cohort {records.spec.name!r} was watched for {known}: "
            "pass one of them"
        )
    return thresholds.index(_TARGET.value)


def _own(text: str | None) -> OwnRun | None:
    if text is None:
        return None
    if text == "never":
        return OwnRun(State.NEVER)
    found = re.fullmatch(r"(running@)?([0-9]{1,15})", text)
    if found is None or (not found[1] and int(found[2]) == 0):
        raise UsageError(
            f"mine is {text!r}; it must be a step above 0, never, or running@STEP: pass "
            "--mine=1800, --mine=never or --mine=running@900"
        )
    return OwnRun(State.RUNNING if found[1] else State.REACHED, int(found[2]))


def _file(run: Path) -> Path | None:
    """Seen to be writable before anything is computed."""
    if _JSON.value is None:
        return None
    file = Path(_JSON.value).expanduser()
    if run.resolve() in file.resolve().parents:
        raise UsageError(f"json is {file}, in the run folder, which is left alone: pass another")
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise UsageError(
            f"json is {file}; it must be a file in a folder that is there and can be written: pass "
            "another --json"
        )
    return file


def _parse(arguments: Sequence[str]) -> list[str]:
    if any(argument in ("--help", "-help") for argument in arguments):
        print(sys.modules["__main__"].__doc__)
        print(flags.FLAGS.main_module_help())
        sys.exit(0)
    try:
        rest = flags.FLAGS(arguments)
    except flags.Error as error:
        _fail(f"{' '.join(str(error).split())}; --help lists the flags", 2)
    if rest[1:]:
        _fail(f"argument {rest[1]!r} is no flag; flags begin with --, see --help", 2)
    return rest


def _guarded() -> None:
    try:
        main()
    except UsageError as error:
        _fail(str(error), 2)
    except RecordConflict as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(status)


if __name__ == "__main__":
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    app.run(lambda _: _guarded(), flags_parser=_parse)
