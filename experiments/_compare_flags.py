"""What scripts/compare is told of curves: target, grid, sizes and costs, from its flags."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from absl import flags

from experiments._unused import require_unused
from lab.errors import UsageError
from lab.records.cohort import AnyMetric, CohortRecords
from lab.records.costs import COST_RULE, exact_cost
from lab.records.imported.curves import Grid, Rules, Short
from lab.records.imported.reading import MOST_COUNTED, MOST_STEPS, SYNONYMS, Source
from lab.records.reader import read_study
from lab.specs import NamedMetric, TargetSpec
from lab.words import Direction, Metric

T = TypeVar("T")

_METRIC = flags.DEFINE_string("metric", None, "Column of the metric; of a run folder its own.")
_DIRECTION = flags.DEFINE_enum_class(
    "direction", None, Direction, "Which way the metric improves; known of iou, accuracy and loss."
)
_TARGET = flags.DEFINE_list(
    "target", [], "Thresholds, the hardest decides; of a run folder its own, or easier ones."
)
_SUSTAIN = flags.DEFINE_integer("sustain", 2, "Evaluations in a row that must hold it.")
_SMOOTHING = flags.DEFINE_integer("smoothing", 1, "Evaluations that are averaged.")
_BUDGET = flags.DEFINE_integer(
    "budget",
    None,
    "Steps that runs were to take: evaluations after it are left out, and runs that reached the "
    "target or diverged are known up to it.",
)
_SHORT = flags.DEFINE_enum_class(
    "short",
    Short.CENSOR,
    Short,
    "A run that ends early without the target: right-censored there, refused, never (it died), or "
    "all are compared only as far as the shortest.",
)
_GRID = flags.DEFINE_enum_class("grid", Grid.SAME, Grid, "At which steps runs are compared.")
_COLUMNS = flags.DEFINE_list("columns", [], "Other names: cohort=group,run=id,step=iteration.")
_PARAMETERS = flags.DEFINE_list("parameters", [], "Of cohorts: small:2900,large:5000.")
_FLOPS = flags.DEFINE_list("flops_per_step", [], "Of cohorts: small:3e7,large:5e7.")
_BATCH = flags.DEFINE_list("batch_size", [], "Of cohorts: small:16,large:16.")

_SIZES = ("parameters", "flops_per_step", "batch_size")
_COUNT = f"VALUE, a whole number above 0, at most {MOST_COUNTED:.0e}"
_COST = f"VALUE, {COST_RULE}"


def target(runs: Sequence[Source], files: Sequence[Source]) -> TargetSpec | None:
    """None where every run folder keeps its own."""
    own = next((read_study(one.path).cohorts[0].target for one in runs), None)
    if not files and not _TARGET.value:
        require_unused(
            ["metric", "direction", "sustain", "smoothing"],
            "all inputs are run folders, which keep the target that their members stopped by",
        )
        return None
    if _METRIC.value is None and own is not None:
        require_unused(["direction"], f"the metric is {own.metric.value}, as the run has it")
    if not _TARGET.value and own is None:
        raise UsageError("no target was given: pass --target=0.9")
    if _METRIC.value is None and own is None:
        raise UsageError("no metric was given: pass --metric with the name of its column")
    metric = _metric(_METRIC.value) if _METRIC.value is not None else own.metric if own else None
    given = tuple(_number("target", value) for value in _TARGET.value)
    if metric is None or (not given and own is None):
        raise UsageError("no metric was given: pass --metric with the name of its column")
    falling = metric.direction is Direction.MINIMIZE
    thresholds = tuple(sorted(set(given), reverse=falling)) or (own.thresholds if own else ())
    mine = flags.FLAGS["sustain"].present or own is None
    return TargetSpec(
        metric=metric,
        thresholds=thresholds,
        sustain=_SUSTAIN.value if mine or own is None else own.sustain,
        smoothing=_SMOOTHING.value
        if flags.FLAGS["smoothing"].present or own is None
        else own.smoothing,
    )


def rules(target: TargetSpec) -> Rules:
    budget = _BUDGET.value
    if budget is not None and not 0 < budget <= MOST_STEPS:
        raise UsageError(
            f"budget is {budget}; it must lie in [1, 2**53]: pass --budget=1000, in training steps"
        )
    return Rules(
        target=target,
        short=_SHORT.value,
        grid=_GRID.value,
        budget=budget,
        batch_sizes=_mapping(_BATCH.value, "batch_size", _count, _COUNT),
        parameters=_mapping(_PARAMETERS.value, "parameters", _count, _COUNT),
        flops_per_step=_mapping(_FLOPS.value, "flops_per_step", exact_cost, _COST),
    )


def columns() -> dict[str, str]:
    found = _mapping(_COLUMNS.value, "columns", str, "COLUMN", "=")
    for name in found:
        if name not in SYNONYMS:
            raise UsageError(
                f"columns names {name!r}; it can name {', '.join(SYNONYMS)}: pass "
                "--columns=step=iteration (the metric's column is --metric)"
            )
    return found


def require_known(rules: Rules, imported: Mapping[str, CohortRecords]) -> None:
    """UsageError for what is said of a cohort that no file has: it would be said in vain."""
    said = (rules.parameters, rules.flops_per_step, rules.batch_sizes)
    for flag, names in zip(_SIZES, said, strict=True):
        unknown = [name for name in names if name not in imported]
        if unknown:
            raise UsageError(
                f"{flag} names {unknown[0]!r}; the cohorts of the files are "
                f"{', '.join(imported)}: name one of them"
            )


def require_no_rules() -> None:
    """UsageError for flags on how files are read where there are none."""
    require_unused(
        (*_SIZES, "columns", "short", "grid", "budget"),
        "it says how files of curves are read, and all inputs are run folders",
    )


def _metric(name: str) -> AnyMetric:
    known = {metric.value: metric for metric in Metric}
    direction = _DIRECTION.value
    if name in known:
        if direction not in (None, known[name].direction):
            raise UsageError(
                f"{name} is {known[name].direction.value}d: drop --direction, or rename the column"
            )
        return known[name]
    if direction is None:
        raise UsageError(
            f"nobody can tell from its name which way {name!r} improves: pass "
            "--direction=maximize or --direction=minimize"
        )
    return NamedMetric(name, direction)


def _count(text: str) -> int:
    """A whole number above 0 that a float can hold; ValueError for anything else."""
    value = int(text)
    if not 0 < value <= MOST_COUNTED:
        raise ValueError(text)
    return value


def _mapping(
    texts: Sequence[str], flag: str, kind: Callable[[str], T], wanted: str, stop: str = ":"
) -> dict[str, T]:
    found = {}
    for part in texts:
        name, given, value = part.rpartition(stop) if stop == ":" else part.partition(stop)
        try:
            found[name] = kind(value)
        except ValueError:
            given = ""
        if not given or not name:
            raise UsageError(
                f"{flag} has {part!r}; it must be NAME{stop}{wanted}; several with commas between"
            )
    return found


def _number(flag: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{flag} is {value!r}; it must be a number: pass --{flag}=0.9") from None
