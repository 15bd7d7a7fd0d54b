"""From a study to its answer, in its run folder and in words: one path, whoever asks."""

import dataclasses
import datetime
import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

import lab
from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.models.weights import Weights
from lab.records.cohort import CohortRecords
from lab.records.costs import SoloSeconds
from lab.records.environment import read_environment
from lab.records.reader import read_records
from lab.records.store import RunFolder, read_json
from lab.reports import costs, text
from lab.reports.report import counted, write_report
from lab.specs import AnyDataSpec, StudySpec
from lab.training.compilation import instructions, operations_are_deterministic
from lab.training.identity import identify
from lab.training.planning import AS_THEY_ARE, CohortPlan, plan_study
from lab.training.progress import CohortProgress
from lab.training.resuming import has_records, require_program_as_before, with_records
from lab.training.rounding import FRESH, require_same_bits
from lab.training.runner import Looks, Stop, all_done, memory_explained, run
from lab.training.sources import load_sources
from lab.training.timing import time_alone
from lab.tuning.found import best_of, tuning_found
from lab.verdicts import document
from lab.verdicts.judge import StudyVerdict, judge
from lab.verdicts.looking import at_look, deciding_look
from lab.verdicts.settings import told_apart
from lab.watching import Say, Watcher, layout_line, throughput, throughput_lines
from lab.words import Clock

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "numpy")


class How(NamedTuple):
    """How a session trains, and to whom it talks: no part of what is asked.

    `lanes` and `lane_width` None mean auto. `data_dir` is where the data of an earlier run lie, if
    a cohort starts from a member of one, and `trust` lets that run name any code. `command` is what
    environment.json says the session was started by. `say` is told what happens, `show` where the
    members stand, over and over, in place of what it was shown before, and `warn` what may be
    amiss; without them that is said too. `stop` makes, for each study that is trained, what says
    whether to stop.
    """

    lanes: int | None = None
    lane_width: int | None = None
    data_dir: Path | None = None
    command: str = ""
    trust: bool = False
    say: Say = print
    show: Say | None = None
    warn: Say | None = None
    stop: Callable[[], Stop] | None = None

    def caution(self, line: str) -> None:
        """Tells a warning to whoever is told of them."""
        if self.warn is None:
            self.say(f"warning: {line}")
        else:
            self.warn(line)


PLAIN = How()


def run_study(
    study: StudySpec,
    data: Mapping[AnyDataSpec, DataArrays],
    root: Path,
    how: How = PLAIN,
    *,
    seconds: bool = True,
) -> dict[str, Any]:
    """Declares, trains, judges, reports; the verdict as it stands in `root`/verdict.json.

    A folder that holds the same study is gone on with. Without `seconds` no member is timed alone,
    and a run that begins does not count in them.

    Raises:
        UsageError: the study cannot be run here, or the folder holds another.
        lab.training.runner.Stopped: `how.stop` asked to; training is saved.
    """
    if not seconds:
        untimed = tuple(clock for clock in study.clocks if clock is not Clock.SECONDS)
        study = dataclasses.replace(study, clocks=untimed)
    with RunFolder.open(root, study) as folder:
        study = folder.study  # As it was begun, with the clocks that it was begun with.
        ended = _members(folder, data, how, introduced=True)
        records = read_records(folder.paths.root)
        folder.write_verdict(document.to_json(_verdict(study, records, folder)))
        page = write_report(folder.paths.root)
        verdict = read_json(folder.paths.verdict)
        shown = counted(records, verdict)
        apart = told_apart(study.comparison, shown)[1]
        how.say("\n" + text.closing(apart, verdict, text.incomplete_line(study, shown)))
        how.say("\n" + costs.text(read_environment(folder.paths)))
        how.say("\n" + "\n".join(throughput_lines(ended)))
        how.say(f"\nReport: {page}")
        return verdict


def _verdict(
    study: StudySpec, records: Mapping[str, CohortRecords], folder: RunFolder
) -> StudyVerdict:
    """With what the searches below the folder found."""
    verdict = judge(study.comparison, records)
    looked = {
        name: one if verdict.look is None else one.part(0, verdict.look)
        for name, one in records.items()
    }
    tuning = tuning_found(folder.paths.root, study, looked)
    return dataclasses.replace(verdict, tuning=tuning, best_of=best_of(study, tuning))


def gather(
    study: StudySpec,
    data: Mapping[AnyDataSpec, DataArrays],
    root: Path,
    how: How = PLAIN,
    *,
    laid_out_for: Mapping[str, int] = AS_THEY_ARE,
) -> dict[str, CohortRecords]:
    """Declares and trains, as `run_study` does, but judges nothing; the records of every cohort.

    `laid_out_for` is `plan_study`'s.
    """
    with RunFolder.open(root, study) as folder:
        _members(folder, data, how, introduced=False, laid_out_for=laid_out_for)
        return read_records(folder.paths.root)


def _members(
    folder: RunFolder,
    data: Mapping[AnyDataSpec, DataArrays],
    how: How,
    *,
    introduced: bool,
    laid_out_for: Mapping[str, int] = AS_THEY_ARE,
) -> tuple[CohortProgress, ...]:
    """Trains all that the folder lacks; how this session went. `introduced` by what is declared.

    What is introduced is also timed, if it is judged in seconds.
    """
    study, say = folder.study, how.say
    known = read_environment(folder.paths) if folder.paths.environment.exists() else {}
    before = with_records(folder.paths, known.get("cohorts", {}))
    sources = load_sources(study, folder.paths, before, how.data_dir, trust=how.trust)
    plans = plan_study(study, data, how.lanes, how.lane_width, before, sources, laid_out_for)
    finished = bool(known) and (all_done(plans, folder) or _is_settled(study, folder))
    fresh = not any(has_records(folder.paths, plan.cohort.name) for plan in plans)
    if not finished and not fresh:
        if not known and not all_done(plans, folder):
            raise UsageError(
                f"{folder.paths.environment} is gone, and with it how members that are still to be "
                "trained would round: restore it from a copy, or pass another --out"
            )
        require_same_bits(known)
    plans = _identified(plans, data, sources)
    programs = [(plan.cohort, plan.identity, plan.parameters) for plan in plans if plan.identity]
    if unsure := require_program_as_before(programs, before, finished=finished):
        how.caution(unsure)
    if introduced:
        say(text.opening(study, {plan.cohort.name: plan.facts() for plan in plans}))
        say("\n".join(map(layout_line, plans)))
    if not finished:
        measured = introduced and Clock.SECONDS in study.clocks
        plans = _timed(plans, data, {} if fresh else known.get("cohorts", {}), measured, say)
        folder.write_environment(_session(plans, how.command) | {FRESH: fresh})
    if introduced:
        say(f"\nRun folder {folder.paths.root}; compiling...")
    if finished:
        return ()
    ended = _train(study, plans, data, folder, how)
    folder.amend_environment(throughput(ended))
    return ended


def _train(
    study: StudySpec,
    plans: Sequence[CohortPlan],
    data: Mapping[AnyDataSpec, DataArrays],
    folder: RunFolder,
    how: How,
) -> tuple[CohortProgress, ...]:
    """To the end, or to the first look that settles a study whose members are added in turn."""
    looks = None
    if study.sequential is not None:
        looks = Looks(study.sequential.looks, lambda look: _looked(study, folder, look, how.say))
    stop = None if how.stop is None else how.stop()
    watch = Watcher(how.say, how.show)
    return run(plans, data, folder, watch, stop=stop, looks=looks, warn=how.caution)


def _looked(study: StudySpec, folder: RunFolder, look: int, say: Say) -> bool:
    """Prints the running verdict; whether it is clear."""
    running = at_look(study.comparison, read_records(folder.paths.root), look)
    say(f"\n{running.line}{': enough' if running.settled else ''}")
    return running.settled


def _is_settled(study: StudySpec, folder: RunFolder) -> bool:
    """Whether the records hold a look that settled the study in an earlier session."""
    if study.sequential is None:
        return False
    return deciding_look(study.comparison, read_records(folder.paths.root)) is not None


def _session(plans: Sequence[CohortPlan], command: str) -> dict[str, Any]:
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "versions": {
            "python": platform.python_version(),
            "lab": lab.__version__,
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "platform": platform.platform(),
        "devices": [str(device) for device in jax.devices()],
        "device_kind": jax.devices()[0].device_kind,
        "instructions": instructions(),
        "deterministic": operations_are_deterministic(),
        "cohorts": {plan.cohort.name: plan.facts() for plan in plans},
    }


def _identified(
    plans: Sequence[CohortPlan],
    data: Mapping[AnyDataSpec, DataArrays],
    sources: Mapping[str, Weights],
) -> tuple[CohortPlan, ...]:
    """With the identity of each cohort's program, as its code is now."""
    return tuple(
        dataclasses.replace(
            plan,
            identity=identify(
                plan.cohort,
                data[plan.cohort.data],
                plan.operations,
                sources.get(plan.cohort.name),
            ),
        )
        for plan in plans
    )


def _timed(
    plans: Sequence[CohortPlan],
    data: Mapping[AnyDataSpec, DataArrays],
    before: Mapping[str, Mapping[str, Any]],
    measured: bool,
    say: Say,
) -> tuple[CohortPlan, ...]:
    """With solo seconds: those that the run has, or if wanted all cohorts' taken now, in turn."""
    known = [before.get(plan.cohort.name, {}).get("solo_seconds") for plan in plans]
    solos = [SoloSeconds.of_facts(one) for one in known]
    if measured and not any(known):
        say("\nTiming one member of each alone, before the others keep the machine busy...")
        with memory_explained():
            solos = list(time_alone(plans, data))
    return tuple(
        dataclasses.replace(plan, solo_seconds=solo)
        for plan, solo in zip(plans, solos, strict=True)
    )
