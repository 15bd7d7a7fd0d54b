"""The run folder, from the side of the one who writes it."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from lab.documents import parsed_object
from lab.errors import UsageError
from lab.records.environment import ENVIRONMENT_SCHEMA, read_environment
from lab.records.files import cannot_write, is_leftover, remove_leftovers, write_whole
from lab.records.lock import take_lock
from lab.records.parts import RecordConflict, part_path, write_part
from lab.records.paths import RunPaths
from lab.specs import StudySpec
from lab.words import Clock

_MOST_DIFFERENCES = 3


class RunFolder:
    """A run folder held by this process alone, until `close` or the end of the `with` block."""

    def __init__(self, paths: RunPaths, study: StudySpec, lock: int) -> None:
        """Use `open`."""
        self.paths = paths
        self.study = study
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: str | Path, study: StudySpec) -> Self:
        """Makes the folder, or goes on with one that holds the same study.

        `study` of the folder is the one that it holds: whether seconds are counted is settled when
        a run begins, and no other study. UsageError for a folder that holds another study (it names
        what differs) or anything else, that cannot be written, or that another process writes.
        """
        paths = RunPaths(Path(path))
        for cohort in study.cohorts:
            paths.cohort(cohort.name)  # Refuses a name that leads out of the folder.
        if not paths.study.exists():
            _require_apart([cohort.name for cohort in study.cohorts])
        tuned = any(cohort.tuned is not None for cohort in study.cohorts)
        _require_free_or_run(paths, tuned)
        try:
            paths.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(paths.root, error) from error
        lock = take_lock(paths.lock)
        try:
            _require_free_or_run(paths, tuned)
            for folder in (paths.root, *paths.root.glob("cohorts/*"), paths.figures, paths.tables):
                remove_leftovers(folder)
            if paths.study.exists():
                study = _same_study(paths.study, study)
            else:
                write_whole(paths.study, study.to_json())
        except BaseException:
            os.close(lock)
            raise
        return cls(paths, study, lock)

    def close(self) -> None:
        """Lets others write; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, cohort: str, dispatch: int, members: pa.Table, curves: pa.Table) -> None:
        """Records what dispatch `dispatch` (from 0) of a cohort brought; tables are schema.py's.

        Curves are written before members, so that a member that is listed has its whole curve. A
        dispatch recorded before is compared instead: RecordConflict when it differs. UsageError
        when the disk refuses.
        """
        folder = self.paths.cohort(cohort)
        write_part(part_path(folder, "curves", dispatch), curves)
        write_part(part_path(folder, "members", dispatch), members)

    def write_environment(self, session: Mapping[str, Any]) -> None:
        """Adds a session to environment.json: call it once each time a run starts or resumes.

        `session` is plain data; its key "cohorts" maps each cohort's name to at least `parameters`
        and `flops_per_step`. The file keeps every session as it was passed, in order, and at its
        top the cohorts of the latest. RecordConflict when a cohort's parameters have changed.
        """
        cohorts = dict(session["cohorts"])
        before = read_environment(self.paths) if self.paths.environment.exists() else {}
        for name, known in before.get("cohorts", {}).items():
            if name in cohorts and cohorts[name]["parameters"] != known["parameters"]:
                raise RecordConflict(
                    f"cohort {name!r} has {cohorts[name]['parameters']} parameters, but had "
                    f"{known['parameters']} when the run began: the lab's code has changed"
                )
        document = {
            "schema": ENVIRONMENT_SCHEMA,
            "cohorts": {**before.get("cohorts", {}), **cohorts},
            "sessions": [*before.get("sessions", []), dict(session)],
        }
        write_whole(self.paths.environment, json.dumps(document, indent=2) + "\n")

    def amend_environment(self, cohorts: Mapping[str, Mapping[str, Any]]) -> None:
        """Adds to the latest session, under "throughput", how fast each cohort was trained."""
        document = read_environment(self.paths)
        document["sessions"][-1]["throughput"] = {name: dict(one) for name, one in cohorts.items()}
        write_whole(self.paths.environment, json.dumps(document, indent=2) + "\n")

    def write_verdict(self, text: str) -> None:
        """Writes verdict.json; `text` is what lab.verdicts.document.to_json gives."""
        write_whole(self.paths.verdict, text)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a run folder; UsageError, naming the file, when it is none."""
    try:
        return parsed_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}: give the run's command again, which writes it anew"
        ) from error


def require_tunable(root: str | Path) -> None:
    """UsageError unless searches may begin in the folder, or have begun there."""
    paths = RunPaths(Path(root))
    _require_free_or_run(paths, tuned=True)
    if paths.study.exists() and not paths.tuning.exists():
        raise UsageError(
            f"{paths.root} holds a study whose hyperparameters were not searched for: pass another "
            "--out, or --tune=none"
        )


def _require_apart(names: Sequence[str]) -> None:
    """UsageError for cohorts whose folders would be one where upper and lower case are not two."""
    counts = Counter(name.casefold() for name in names)
    alike = [name for name in names if counts[name.casefold()] > 1]
    if alike:
        raise UsageError(
            f"cohorts {', '.join(alike)} differ in upper and lower case alone, and some disks hold "
            "their folders for one: give them other names"
        )


def _require_free_or_run(paths: RunPaths, tuned: bool) -> None:
    """The folder is missing, a run folder, or empty but for what a killed start left.

    Where a study is `tuned` its searches come first, and lie there before it.
    """
    try:
        names = {entry.name for entry in paths.root.iterdir() if not is_leftover(entry)}
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(paths.root, error) from error
    ours = {paths.lock.name, *([paths.tuning.name] if tuned else [])}
    if paths.study.name not in names and names - ours:
        raise UsageError(
            f"{paths.root} is not empty and holds no {paths.study.name}, so it is no run folder: "
            "pass a new --out"
        )


def _same_study(path: Path, asked: StudySpec) -> StudySpec:
    """The study there, which may count seconds where what is asked does not, and may not."""
    there = read_study_file(path)
    asked = dataclasses.replace(asked, clocks=_clocks(asked, Clock.SECONDS in there.clocks))
    if there == asked:
        return there
    found = list(_differences("", json.loads(there.to_json()), json.loads(asked.to_json())))
    shown = "; ".join(found[:_MOST_DIFFERENCES])
    more = f"; and {len(found) - _MOST_DIFFERENCES} more" if len(found) > _MOST_DIFFERENCES else ""
    raise UsageError(
        f"{path.parent} holds another study: {shown}{more}: pass another --out, or the same flags "
        "as before"
    )


def _clocks(study: StudySpec, seconds: bool) -> tuple[Clock, ...]:
    others = tuple(clock for clock in study.clocks if clock is not Clock.SECONDS)
    if not seconds:
        return others
    return study.clocks if Clock.SECONDS in study.clocks else (*others, Clock.SECONDS)


def read_study_file(path: Path) -> StudySpec:
    """The study at `path`; UsageError, naming the file, when it cannot be read."""
    try:
        return StudySpec.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}; pass a run folder") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _differences(where: str, there: Any, asked: Any) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*there, *asked]):
            inner = f"{where}.{key}" if where else key
            yield from _differences(inner, there.get(key), asked.get(key))
    elif isinstance(there, list) and isinstance(asked, list) and len(there) == len(asked):
        for index, (mine, theirs) in enumerate(zip(there, asked, strict=True)):
            yield from _differences(f"{where}[{index}]", mine, theirs)
    elif isinstance(there, list) and isinstance(asked, list):
        yield f"{where}: {len(there)} items there, {len(asked)} asked"
    elif there != asked:
        yield f"{where}: {json.dumps(there)} there, {json.dumps(asked)} asked"
