"""From the flags and a study to its answer: the same path for every experiment."""

import hashlib
import os
import sys
from collections.abc import Mapping

from experiments import _clocks, _data, _flags
from lab.data.arrays import DataArrays
from lab.specs import AnyDataSpec, StudySpec
from lab.studies import run_study
from lab.training.runner import Stopped


def answer(experiment: str, study: StudySpec, data: Mapping[AnyDataSpec, DataArrays]) -> None:
    """Declares, trains, judges, reports; ends the process where it was asked to stop."""
    fingerprint = hashlib.sha256(study.to_json().encode()).hexdigest()
    try:
        run_study(
            study,
            data,
            _flags.out_folder(experiment, fingerprint),
            lanes=_flags.lanes(),
            lane_width=_flags.lane_width(),
            data_dir=_data.data_dir(),
            command=_flags.command(),
            say=_say,
            stop=_flags.termination_held(),
            seconds=_clocks.SECONDS.value,
        )
    except Stopped:
        _flags.end_saved()


def _say(text: str, end: str = "\n") -> None:
    """Prints; once nobody reads any more, the study goes on without."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
