"""From the flags and a study to its answer: the same path for every experiment."""

import hashlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from experiments import _data, _flags, _tuning
from lab.data.arrays import DataArrays
from lab.searches import tune_study
from lab.specs import AnyDataSpec, StudySpec
from lab.studies import run_study
from lab.training.runner import Stopped


def answer(experiment: str, study: StudySpec, data: Mapping[AnyDataSpec, DataArrays]) -> None:
    """Tunes, declares, trains, judges, reports; ends the process where it was asked to stop."""
    asked = study.to_json() + _tuning.fingerprint()
    folder = _flags.out_folder(experiment, hashlib.sha256(asked.encode()).hexdigest())
    how: dict[str, Any] = {
        "lanes": _flags.lanes(),
        "lane_width": _flags.lane_width(),
        "data_dir": _data.data_dir(),
        "command": _flags.command(),
        "say": _say,
    }
    stop = _flags.termination_held
    try:
        tuned = tune_study(
            study, _tuning.requests(study), _tuning.search(), data, folder, stop=stop, **how
        )
        run_study(tuned, data, folder, stop=stop(), **how)
    except Stopped:
        _flags.end_saved()


def _say(text: str, end: str = "\n") -> None:
    """Prints; once nobody reads any more, the study goes on without."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
