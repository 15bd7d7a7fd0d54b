"""Where cohorts that start from trained weights get them: once, into the run folder."""

from collections.abc import Collection
from pathlib import Path

from lab.errors import UsageError
from lab.models.weights import Weights
from lab.records.paths import RunPaths
from lab.specs import CohortSpec, SourceSpec, StudySpec
from lab.training.replay import replay
from lab.training.weights import digest, read_checkpoint, read_copy, write_copy


def load_sources(
    study: StudySpec,
    paths: RunPaths,
    going_on: Collection[str],
    data_dir: Path | None,
    *,
    trust: bool = False,
) -> dict[str, Weights]:
    """The trained weights of each cohort that starts from some, by its name.

    Each is copied into the run folder, and read from there by whoever goes on with the run or
    replays a member, so that the folder needs nothing outside. Cohorts in `going_on` have records:
    UsageError where their checkpoint is there still, but is another now. `trust` is `replay`'s.
    """
    found: dict[SourceSpec, Weights] = {}
    weights = {}
    for cohort in study.cohorts:
        source = cohort.initial.source
        if source is None:
            continue
        copy = paths.initial(cohort.name)
        if cohort.name in going_on:
            weights[cohort.name] = read_copy(copy)
            _require_unchanged(cohort, source, weights[cohort.name])
            continue
        if source not in found:
            found[source] = _resolved(source, data_dir, trust)
        weights[cohort.name] = found[source]
        write_copy(copy, found[source])
    return weights


def _resolved(source: SourceSpec, data_dir: Path | None, trust: bool) -> Weights:
    """Reads a checkpoint, or trains a member of an earlier run once more."""
    if source.cohort is None or source.member is None:
        return read_checkpoint(Path(source.folder))
    again = replay(source.folder, source.cohort, source.member, data_dir=data_dir, trust=trust)
    if again.weights is None:
        raise UsageError(
            f"member {source.member} of cohort {source.cohort!r} in {source.folder} comes to other "
            f"weights here than it was recorded with ({again.changed or again.difference}): keep "
            "them where the run was made, by scripts/replay --weights=FOLDER, and pass that folder"
        )
    return again.weights


def _require_unchanged(cohort: CohortSpec, source: SourceSpec, copy: Weights) -> None:
    """What a run recorded of a member never changes; a folder of the user's may."""
    if source.cohort is not None or not Path(source.folder).exists():
        return
    if digest(read_checkpoint(Path(source.folder))) != digest(copy):
        raise UsageError(
            f"{source.folder} no longer holds the weights that cohort {cohort.name!r} starts from: "
            "restore it, or move it away to go on with the run's own copy, or pass another --out"
        )
