"""Is my run normal, or is there a bug? How much do these times owe to luck, and do restarts pay?

    scripts/luck runs/unet_size-1a2b3c4d
    scripts/luck RUN --cohort=small --mine=1800
    scripts/luck RUN --cohort=small --mine=running@900 --json=FILE

Prints for each cohort how its times spread, at which step to give a run up, and what the seeds that
members share do to the time; with --mine where a run of your own lies among the members. It costs a
few seconds, needs no accelerator, and leaves the run folder as it is.
"""

import re
from pathlib import Path

from absl import flags

from experiments._analysis import run_analysis, whole_run
from lab.errors import UsageError
from lab.records.cohort import CohortRecords
from lab.records.files import given_file, given_path, write_whole
from lab.reports.luck_text import told
from lab.statistics.placing import State
from lab.verdicts.luck import OwnRun, luck, to_json

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


def main(arguments: list[str]) -> None:
    """Reads, reckons, prints."""
    if len(arguments) != 1:
        raise UsageError(
            f"{len(arguments)} run folders were given, it takes one: scripts/luck RUN "
            "[--cohort=NAME] [--mine=STEP]"
        )
    run = given_path("the run folder", arguments[0])
    own = _own(_MINE.value)
    file = _file(run)
    found = tuple(luck(one, own, _threshold(one)) for one in _records(run))
    if file is not None:
        write_whole(file, to_json(found).encode())
    print("\n\n\n".join(told(one) for one in found), flush=True)


def _records(run: Path) -> list[CohortRecords]:
    records = whole_run(run)
    if _COHORT.value is None:
        return list(records.values())
    if _COHORT.value not in records:
        raise UsageError(f"{run} has no cohort {_COHORT.value!r}; pass one of {', '.join(records)}")
    return [records[_COHORT.value]]


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
    file = given_file("json", _JSON.value)
    if run.resolve() in file.resolve().parents:
        raise UsageError(f"json is {file}, in the run folder, which is left alone: pass another")
    return file


if __name__ == "__main__":
    run_analysis(main)
