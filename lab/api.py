"""The lab from Python: a race of networks, your own or the lab's, on your data or any TFDS set.

    import flax.linen as nn
    from lab.api import own_model, own_task, race

    result = race(
        {"small": own_model(UNet, width=8), "large": own_model(UNet, width=16)},
        own_task(cells),                      # a function that gives an OwnTask
        target=("iou", 0.7),
        members=64,
        out="runs/cells",
    )
    print(result.answer)

A class or a function is named by its module, so that the run folder says how to run it again; what
a notebook or a script defines itself is found while that runs. Importing this module imports JAX.
"""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lab.data.own import OwnTask, resolve_task
from lab.errors import UsageError
from lab.races import open_data, race_study
from lab.searches import DEFAULT_SEARCH, tune_study
from lab.specs import (
    AdamSpec,
    AnyDataSpec,
    CohortSpec,
    InitialSpec,
    ModelSpec,
    OptimizerSpec,
    OwnModelSpec,
    RecipeSpec,
    SearchSpec,
    SeedsSpec,
    TargetSpec,
    cohort_seeds,
    in_turn,
)
from lab.specs.sequential import MOST_MEMBERS
from lab.studies import How, run_study
from lab.training.budgets import equal_budgets
from lab.training.compilation import use_compilation_cache, use_deterministic_operations
from lab.training.devices import use_all_cores
from lab.watching import Say, by_line, over_the_last, warn_on_stderr
from lab.words import Clock, Tune

__all__ = ["OwnTask", "Result", "own_model", "own_task", "race"]

MEMBERS = 64
"""Of each network, by default."""

_PLAIN = RecipeSpec()
_FAMILY = InitialSpec()
_OWN_SEEDS = SeedsSpec()


class Result(NamedTuple):
    """What came of a race: one plain sentence, all of verdict.json, and the run folder."""

    answer: str
    verdict: Mapping[str, Any]
    folder: Path


def own_model(cls: type, **kwargs: Any) -> OwnModelSpec:
    """A linen or nnx class of your own, and what it is constructed with (numbers, strings, lists).

    UsageError where an argument cannot be written down as JSON.
    """
    return OwnModelSpec(_path(cls), _as_json(cls, kwargs))


def own_task(function: Callable[..., OwnTask], **kwargs: Any) -> AnyDataSpec:
    """A task of your own: a function that gives an `OwnTask`, and its arguments."""
    return resolve_task(_path(function), _as_json(function, kwargs))


def race(
    models: Mapping[str, ModelSpec],
    task: AnyDataSpec,
    *,
    target: tuple[str, float] | TargetSpec,
    out: str | Path,
    members: int | None = None,
    optimizer: OptimizerSpec | None = None,
    recipe: RecipeSpec = _PLAIN,
    initial: InitialSpec = _FAMILY,
    batch_size: int = 16,
    budget_steps: int = 2000,
    budget_clock: Clock = Clock.STEPS,
    eval_every: int = 20,
    seed: int = 0,
    seeds: SeedsSpec = _OWN_SEEDS,
    sequential: bool = False,
    planned: bool = False,
    tune: Tune = Tune.NONE,
    search: SearchSpec = DEFAULT_SEARCH,
    lanes: int | None = None,
    data_dir: str | Path | None = None,
    seconds: bool = True,
    trust: bool = False,
    say: Say | None = None,
) -> Result:
    """Trains members of each network and says which converges first; goes on where `out` stands.

    Args:
        models: a name for each network and its spec: `own_model(...)`, or one of `lab.specs`.
        task: `own_task(...)`, or a `lab.specs.DataSpec` of any TFDS set.
        target: a metric and the threshold that counts as converged, held for two evaluations in a
            row; a `TargetSpec` says more.
        out: the run folder; report.html in it shows the evidence.
        optimizer: Adam at 0.003 by default, for all networks alike.
        budget_clock: with `lab.words.Clock.FLOPS` members of smaller networks take more steps,
            until they have spent what `budget_steps` of the costliest come to.
        seeds: which seeds members share; `SeedsSpec(order=1)` lets large data be streamed.
        members: of each network, by default 64; with `sequential` the most, by default 1024.
        sequential: members are added until the answer is clear: at 64 of each network, 96, 128,
            192 and so on, up to `members`.
        planned: the level is spent over these looks alone, which takes fewer members.
        tune: how each network comes by its learning rate: `lab.words.Tune.GRID` searches for one
            for each, about the `optimizer`'s, on members apart.
        search: how many trials of how many members, over which range.
        lanes: members trained at once; None is as many as fit.
        seconds: a step of one member of each is timed alone, and time counted in seconds too.
        trust: a run that `initial` takes weights from may name any code (see `lab.trust`).
        say: is told each line of what happens, warnings too, as plain text without its end; an
            empty one parts what it stands between. By default lines are printed, where members
            stand in place on a terminal; `lambda line: None` is for silence.

    Raises:
        UsageError: what was asked breaks a rule, which it names, with the remedy.
    """
    if planned and not sequential:
        raise UsageError("planned says how to add members in turn: pass sequential=True too")
    how = How(
        lanes,
        data_dir=None if data_dir is None else Path(data_dir),
        trust=trust,
        command=_command(),
        say=print if say is None else by_line(say),
        show=_show if say is None and sys.stdout.isatty() else None,
        warn=warn_on_stderr if say is None else None,
    )
    _prepare(how)
    count = (MOST_MEMBERS if sequential else MEMBERS) if members is None else members
    named, data = open_data(task, how.data_dir)
    apart = cohort_seeds(seed, len(models))
    roots = apart if seeds.order is None else apart[:1] * len(models)
    cohorts = [
        CohortSpec(
            name=name,
            data=named,
            model=model,
            optimizer=optimizer or AdamSpec(0.003),
            target=_target(target, named),
            batch_size=batch_size,
            budget_steps=budget_steps,
            eval_every=eval_every,
            members=count,
            seed=own_seed,
            recipe=recipe,
            initial=initial,
            seeds=seeds,
        )
        for (name, model), own_seed in zip(models.items(), roots, strict=True)
    ]
    looks = in_turn(count, planned=planned) if sequential else None
    study, folder = race_study(cohorts, data, looks), Path(out).expanduser()
    followed = equal_budgets(study.cohorts, data, budget_clock)
    study = dataclasses.replace(study, cohorts=followed)
    tuned = tune_study(study, dict.fromkeys(models, tune), search, {named: data}, folder, how)
    verdict = run_study(tuned, {named: data}, folder, how, seconds=seconds)
    return Result(verdict["answer"], verdict, folder)


def _prepare(how: How) -> None:
    """Settings of the process; a notebook in which JAX has begun already keeps its devices."""
    with contextlib.suppress(RuntimeError):
        use_all_cores()
    for warning in filter(None, (use_deterministic_operations(), use_compilation_cache())):
        how.caution(warning)


def _target(target: tuple[str, float] | TargetSpec, data: AnyDataSpec) -> TargetSpec:
    if isinstance(target, TargetSpec):
        return target
    name, threshold = target
    known = {metric.value: metric for metric in data.metrics}
    if name not in known:
        raise UsageError(
            f"target is about {name!r}; measured are {', '.join(known)}: name one of them"
        )
    return TargetSpec(known[name], (threshold,))


def _path(thing: type | Callable[..., Any]) -> str:
    """`package.module:Name`, by which a run folder finds it again."""
    if "<" in thing.__qualname__:
        raise UsageError(
            f"{thing.__qualname__} is defined within a function, where nobody finds it again: "
            "define it in a module, or in a notebook's cell"
        )
    return f"{thing.__module__}:{thing.__qualname__}"


def _as_json(thing: type | Callable[..., Any], kwargs: Mapping[str, Any]) -> str:
    try:
        return json.dumps(kwargs)
    except TypeError as error:
        raise UsageError(
            f"an argument of {thing.__qualname__} cannot be written down ({error}): pass numbers, "
            "strings, booleans and lists"
        ) from None


def _command() -> str:
    """What environment.json says the session was started by."""
    return f"lab.api.race in {getattr(sys.modules['__main__'], '__file__', 'a notebook')}"


def _show(line: str) -> None:
    print(over_the_last(line), end="", flush=True)
