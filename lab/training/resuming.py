"""What a run is gone on with: the facts that it began with, once training left something."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.errors import UsageError
from lab.models.weights import Weights
from lab.records.paths import RunPaths
from lab.specs import AnyDataSpec, CohortSpec, OwnTaskSpec
from lab.training.identity import Identity, changed, remedy, told
from lab.training.weights import digest

FACTS = frozenset(
    (
        "flops_per_step",
        "lanes",
        "lane_width",
        "lane_width_chosen",
        "evaluations_per_dispatch",
        "operations",
        "compiler_options",
        "data_digest",
    )
)
"""What a run goes on with."""


def with_records(
    paths: RunPaths, cohorts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Those of the cohorts in environment.json whose facts bind: training left something of them.

    A start that failed before, for want of memory say, may be made again with other lanes.
    """
    return {name: facts for name, facts in cohorts.items() if has_records(paths, name)}


def has_records(paths: RunPaths, cohort: str) -> bool:
    """Whether the cohort has a part file or a checkpoint."""
    folder, checkpoints = paths.cohort(cohort), paths.checkpoints(cohort)
    parts = (part for kind in ("members", "curves") for part in folder.glob(f"{kind}-*"))
    saved = (entry for entry in checkpoints.glob("*") if entry.name.isdecimal())
    return any(parts) or any(saved)


def require_as_before(
    cohort: CohortSpec,
    data_digest: str,
    lanes: int | None,
    width: int | None,
    before: Mapping[str, Any],
) -> None:
    """UsageError where what is asked, or lies there as data, is not what the run began with."""
    name = cohort.name
    missing = FACTS - before.keys()
    if missing:
        raise UsageError(
            f"environment.json lacks {', '.join(sorted(missing))} of cohort {name!r}, so this run "
            "cannot be gone on with: pass another --out"
        )
    if before["data_digest"] != data_digest:
        raise UsageError(_other_data(cohort.data))
    for asked, there, flag, said in (
        (lanes, before["lanes"], "lanes", "lanes"),
        (width, before["lane_width"], "lane_width", "lanes in a block"),
    ):
        if asked is not None and asked != there:
            raise UsageError(
                f"cohort {name!r} began with {there} {said}, and {asked} were asked: pass "
                f"--{flag}={there}, or another --out"
            )


def _other_data(data: AnyDataSpec) -> str:
    remedy = (
        "let that function give the same arrays again"
        if isinstance(data, OwnTaskSpec)
        else "pass the --data_dir that holds them"
    )
    return (
        f"the data of {data.name} are not those that this run began with: {remedy}, or pass "
        "another --out"
    )


def require_source_as_before(
    cohort: CohortSpec, source: Weights | None, before: Mapping[str, Any]
) -> None:
    """The same of the trained weights that the cohort starts from."""
    if source is not None and before.get("source_digest") != digest(source):
        raise UsageError(
            f"the trained weights that cohort {cohort.name!r} starts from are not those it began "
            "with: restore them, or pass another --out"
        )


def require_program_as_before(
    cohorts: Sequence[tuple[CohortSpec, Identity, int]],
    before: Mapping[str, Mapping[str, Any]],
    *,
    finished: bool,
) -> str | None:
    """What a run was trained by is what is there now: network, loss, metrics and the lab's own.

    Args:
        cohorts: each with its program's identity and its number of parameters, as they are now.
        before: the facts of cohorts that have records; older runs kept no identity.
        finished: whether nothing is left to train, so that the records are only told again.

    Returns:
        A warning, where a finished run's program comes out otherwise under other versions of JAX
        or of the lab than it was trained with, so that nothing can be said of the user's code.

    Raises:
        UsageError: a part of a program is another than the records were made by; it is named.
    """
    known = [(one, before[one[0].name]) for one in cohorts if one[0].name in before]
    changes = [
        change
        for (cohort, identity, _), facts in known
        if (change := changed(cohort, facts, identity)) is not None
    ]
    if finished and changes and all(change.versions for change in changes):
        return f"{told(changes)}; its records are told as they are"
    if changes:
        raise UsageError(f"{told(changes)}: {remedy(changes)}, or pass another --out")
    for (cohort, _, parameters), facts in known:
        if facts.get("parameters", parameters) != parameters:
            raise UsageError(
                f"cohort {cohort.name!r} has {parameters} parameters, and had "
                f"{facts['parameters']} when this run began: put its code back as it was, or pass "
                "another --out"
            )
    return None
