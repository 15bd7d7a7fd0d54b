"""The flags that every experiment shares, and how they become specs."""

import contextlib
import itertools
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from experiments import _clocks, _data, _initial, _training, _tuning
from experiments._door import enter
from experiments._unused import require_unused
from lab.errors import UsageError
from lab.records.files import given_path
from lab.specs import (
    AnyDataSpec,
    CohortSpec,
    ModelSpec,
    NamedMetric,
    SeedsSpec,
    SequentialSpec,
    cohort_seeds,
    in_turn,
)
from lab.specs.seeds import CROSSED
from lab.specs.sequential import MOST_MEMBERS
from lab.training.compilation import use_compilation_cache, use_deterministic_operations
from lab.training.devices import use_all_cores
from lab.words import Metric

_OUT = flags.DEFINE_string(
    "out",
    None,
    "Run folder. An existing one is gone on with if its study is the same, and refused if not. "
    "By default a folder under runs/ that is named after the study.",
)
_MEMBERS = flags.DEFINE_integer(
    "members", 64, "Members of each cohort; with --sequential the most, by default 1024."
)
_SEQUENTIAL = flags.DEFINE_bool(
    "sequential", False, "Add members until the answer is clear; look at 64, 96, 128, 192, ..."
)
_PLANNED = flags.DEFINE_bool(
    "planned",
    False,
    "With --sequential: spend the level over these looks alone (O'Brien and Fleming), which takes "
    "fewer members than intervals that hold at any look.",
)
_LANES = flags.DEFINE_string("lanes", "auto", "Members trained at once: a number, or auto.")
_LANE_WIDTH = flags.DEFINE_string(
    "lane_width",
    "auto",
    "Lanes that are computed together, in blocks: a number, or auto. It changes the last digits.",
)
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", True, "On a GPU, only operations that give the same bits every time."
)
SEED = flags.DEFINE_integer("seed", 0, "Root of every random draw.")
_CROSS = flags.DEFINE_list(
    "cross",
    [],
    "Seeds that members share, crossed: --cross=init:8,order:8 gives members of 8 initial weights "
    "and 8 data orders in all combinations, so that scripts/luck can tell what each is to blame "
    "for; verdicts then count data orders, not members.",
)
_PAIRS = flags.DEFINE_bool(
    "pairs", False, "Give member i of every cohort the same data order: members are then pairs."
)
_TRAIN_SHARE = flags.DEFINE_float(
    "train_share",
    1.0,
    "Each member learns from a share of the training examples of its own; --cross=split:8 makes it "
    "one of 8.",
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Examples a step.")
flags.adopt_module_key_flags(_clocks)
flags.adopt_module_key_flags(_data)
flags.adopt_module_key_flags(_initial)
flags.adopt_module_key_flags(_training)
flags.adopt_module_key_flags(_tuning)

_PARTS = (_clocks, _data, _initial, _training, _tuning)
SHARED = (__name__, *(module.__name__ for module in _PARTS))
"""Modules whose flags every experiment takes."""


def members() -> int:
    """Of each cohort, or the most of each."""
    if _SEQUENTIAL.value and not flags.FLAGS["members"].present:
        return MOST_MEMBERS
    return _MEMBERS.value


def seeds(count: int) -> tuple[int, ...]:
    """Of `count` cohorts: one for all where they share data orders, else each its own."""
    if _PAIRS.value and crossed().order is not None:
        require_unused(
            ["pairs"], "--cross gives members of all cohorts the same data orders already"
        )
    apart = cohort_seeds(SEED.value, count)
    return apart[:1] * count if _PAIRS.value or crossed().order is not None else apart


def crossed() -> SeedsSpec:
    """How members share seeds."""
    levels: dict[str, int] = {}
    known = [factor.value for factor in CROSSED]
    for part in _CROSS.value:
        name, _, number = part.partition(":")
        if name not in known or name in levels or not number.isdecimal():
            raise UsageError(
                f"cross has {part!r}; it must be FACTOR:LEVELS, each of {', '.join(known)} once: "
                "pass --cross=init:8,order:8"
            )
        levels[name] = int(number)
    return SeedsSpec(**levels)


def sequential() -> SequentialSpec | None:
    """When members are added in turn, at which numbers of them a verdict is sought."""
    if not _SEQUENTIAL.value:
        if _PLANNED.value:
            raise UsageError("planned says how to add members in turn: pass --sequential too")
        return None
    return in_turn(members(), planned=_PLANNED.value)


def lanes() -> int | None:
    """How many lanes; None is auto."""
    return _number_or_auto("lanes", _LANES.value)


def lane_width() -> int | None:
    """How many lanes a block has; None is auto."""
    return _number_or_auto("lane_width", _LANE_WIDTH.value)


def _number_or_auto(flag: str, text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(
            f"{flag} is {text}; it must be a positive number or auto: pass --{flag}=auto"
        )
    return int(text)


def _prepare_jax() -> None:
    """Settings of the process, before anything touches a device: cores, bits, compiled programs."""
    use_all_cores()
    warnings = [use_deterministic_operations() if _DETERMINISTIC.value else None]
    warnings.append(use_compilation_cache())
    for warning in filter(None, warnings):
        print(f"warning: {warning}", file=sys.stderr, flush=True)


def cohort_spec(
    *,
    name: str,
    data: AnyDataSpec,
    model: ModelSpec,
    seed: int,
    metric: Metric | NamedMetric,
    thresholds: Sequence[str],
    learning_rate: float,
    budget_steps: int,
    eval_every: int,
) -> CohortSpec:
    """A cohort of the flags; what each experiment has flags of its own for, it hands over."""
    _tuning.require_sound()
    return CohortSpec(
        name=name,
        data=data,
        model=model,
        optimizer=_training.optimizer_spec(learning_rate),
        target=_training.target_spec(metric, thresholds),
        batch_size=_BATCH_SIZE.value,
        budget_steps=budget_steps,
        eval_every=eval_every,
        members=members(),
        seed=seed,
        recipe=_training.recipe_spec(budget_steps),
        vary=_training.varied(),
        divergence_factor=_training.divergence_factor(),
        precision=_training.precision(),
        seeds=crossed(),
        train_share=_TRAIN_SHARE.value,
        initial=_initial.initial_spec(),
    )


def require_increasing(flag: str, values: Sequence[int]) -> None:
    """UsageError unless the values are positive and each is larger than the one before."""
    if any(value <= 0 for value in values):
        raise UsageError(f"{flag}: got {_joined(values)}; all must be positive: pass larger ones")
    if any(after <= before for before, after in itertools.pairwise(values)):
        raise UsageError(
            f"{flag}: got {_joined(values)}; the smaller network comes first: "
            f"pass {_joined(sorted(set(values)))}"
        )


def _joined(values: Sequence[int]) -> str:
    return ",".join(str(value) for value in values)


def out_folder(experiment: str, fingerprint: str) -> Path:
    """Where the run is kept."""
    if _OUT.value is not None:
        return given_path("out", _OUT.value)
    return Path("runs") / f"{experiment}-{fingerprint[:8]}"


def command() -> str:
    """The command line that was given, to be repeated by hand."""
    module = sys.modules["__main__"].__spec__
    name = module.name.removeprefix("experiments.") if module else Path(sys.argv[0]).stem
    # Of those that are no experiments each has a program of its own name.
    program = [f"scripts/{name[1:]}"] if name.startswith("_") else ["scripts/run", name]
    return shlex.join([*program, *sys.argv[1:]])


def run_main(main: Callable[[], None]) -> None:
    """Runs an experiment's main; a user's mistake ends in one line on stderr and exit status 2."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _terminated)
    enter(
        lambda _: _prepared(main),
        arguments=False,
        on_conflict="; another machine, another version or another lane width computes other last "
        "digits: go on where the run began, or pass another --out",
        end=_end,
    )


def _prepared(main: Callable[[], None]) -> None:
    _prepare_jax()
    main()


def _end(status: int) -> NoReturn:
    """At once: after a failed save Orbax's threads would hold the process for minutes."""
    os._exit(status)


def _interrupted(*_: object) -> None:
    """Ends at once, as a kill would, which loses nothing; compiling would hold an exception up."""
    os.write(2, b"\nerror: interrupted; the same command goes on from here\n")
    os._exit(130)


def _terminated(*_: object) -> NoReturn:
    """As above: outside of training there is nothing to save."""
    os.write(2, b"\nerror: terminated; the same command goes on from here\n")
    os._exit(143)


@contextlib.contextmanager
def termination_held() -> Iterator[Callable[[], bool]]:
    """While it lasts SIGTERM is noted, not obeyed; what it gives says whether one came."""
    came = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


def end_saved() -> NoReturn:
    """The end of a run that was asked to, with its lanes saved; devices may be at work still."""
    sys.stdout.flush()
    os.write(2, b"\nerror: terminated; training is saved, and the same command goes on from here\n")
    os._exit(143)
