"""From the flags and a study to its answer: the same path for every experiment."""

import contextlib
import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments import _clocks, _data, _door, _flags, _tuning
from experiments._trust import TRUST
from lab.data.arrays import DataArrays
from lab.searches import tune_study
from lab.specs import AnyDataSpec, StudySpec
from lab.studies import How, gather, run_study
from lab.training.runner import Stopped
from lab.watching import over_the_last
from lab.words import Tune

Data = Mapping[AnyDataSpec, DataArrays]


def answer(
    experiment: str,
    study: StudySpec,
    data: Data,
    requests: Mapping[str, Tune] | None = None,
    folder: Path | None = None,
) -> None:
    """Tunes, declares, trains, judges, reports; ends the process where it was asked to stop.

    `requests` says how each cohort comes by its rate, by default all as --tune has it. `folder` is
    where the run is kept, by default what the flags and the study make it.
    """
    folder = folder or folder_of(experiment, study)
    asked = _tuning.requests(study) if requests is None else requests
    with _stopped():
        found = tune_study(study, asked, _tuning.search(), data, folder, _how())
        run_study(found, data, folder, _how(), seconds=_clocks.SECONDS.value)


def folder_of(experiment: str, study: StudySpec) -> Path:
    """Named after all that is asked, unless --out says otherwise."""
    asked = study.to_json() + _tuning.fingerprint()
    return _flags.out_folder(experiment, hashlib.sha256(asked.encode()).hexdigest())


def train(study: StudySpec, data: Data, folder: Path) -> None:
    """Trains what other studies start from; nothing is judged."""
    with _stopped():
        gather(study, data, folder, _how())


def _how() -> How:
    return How(
        lanes=_flags.lanes(),
        lane_width=_flags.lane_width(),
        data_dir=_data.data_dir(),
        trust=TRUST.value,
        command=_flags.command(),
        say=_door.say,
        show=_show if sys.stdout.isatty() else None,
        warn=_door.warn,
        stop=_flags.termination_held,
    )


@contextlib.contextmanager
def _stopped() -> Iterator[None]:
    try:
        yield
    except Stopped:
        _flags.end_saved()


def _show(line: str) -> None:
    _door.say(over_the_last(line), end="")
