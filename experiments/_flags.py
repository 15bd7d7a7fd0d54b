"""The flags that every experiment shares, and how they become specs."""

import io
import itertools
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags, logging

from lab.errors import UsageError
from lab.records.parts import RecordConflict
from lab.specs import AdamSpec, DataSpec, OptimizerSpec, SGDSpec, TargetSpec
from lab.words import Direction, Metric, Task

_OUT = flags.DEFINE_string(
    "out",
    None,
    "Run folder. An existing one is gone on with if its study is the same, and refused if not. "
    "By default a folder under runs/ that is named after the study.",
)
MEMBERS = flags.DEFINE_integer("members", 64, "Members of each cohort.")
_LANES = flags.DEFINE_string("lanes", "auto", "Members trained at once: a number, or auto.")
SEED = flags.DEFINE_integer("seed", 0, "Root of every random draw.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Examples a step.")
_SUSTAIN = flags.DEFINE_integer(
    "sustain", 2, "Evaluations in a row that must be at the target before it counts as reached."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "TFDS data folder; by default $TFDS_DATA_DIR or ~/tensorflow_datasets."
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "Resize images to this many pixels square; by default their own size."
)
_TRAIN_SPLIT = flags.DEFINE_string(
    "train_split", None, "TFDS split expression, as train[:80%]; by default the set's train split."
)
_VALIDATION_SPLIT = flags.DEFINE_string(
    "validation_split",
    None,
    "TFDS split expression; by default the set's validation split, or 15% of train held out.",
)
_OPTIMIZER = flags.DEFINE_enum("optimizer", "adam", ["adam", "sgd"], "Optimizer.")
_MOMENTUM = flags.DEFINE_float("momentum", None, "Momentum of sgd; 0.9 by default.")


def data_dir() -> Path | None:
    """Where TFDS keeps its data; None is TFDS's own default."""
    return None if _DATA_DIR.value is None else Path(_DATA_DIR.value)


def lanes() -> int | None:
    """Lane width; None means by rule."""
    if _LANES.value == "auto":
        return None
    if not _LANES.value.isdecimal() or int(_LANES.value) == 0:
        raise UsageError(
            f"lanes is {_LANES.value}; it must be a positive number or auto: pass --lanes=auto"
        )
    return int(_LANES.value)


def data_spec(name: str, task: Task, foreground: Sequence[str] = ("1",)) -> DataSpec:
    """The data set of the flags."""
    try:
        values = tuple(int(value) for value in foreground)
    except ValueError:
        raise UsageError(
            f"foreground is {','.join(foreground)!r}; it must be mask values: pass --foreground=1"
        ) from None
    return DataSpec(
        name=name,
        task=task,
        image_size=_IMAGE_SIZE.value,
        train_split=_TRAIN_SPLIT.value,
        validation_split=_VALIDATION_SPLIT.value,
        foreground=values,
    )


def optimizer_spec(learning_rate: float) -> OptimizerSpec:
    """The optimizer of the flags at one rate; UsageError for a momentum that would do nothing."""
    if _OPTIMIZER.value == "sgd":
        return SGDSpec(learning_rate, 0.9 if _MOMENTUM.value is None else _MOMENTUM.value)
    if _MOMENTUM.value is not None:
        raise UsageError(
            f"momentum is {_MOMENTUM.value}, but {_OPTIMIZER.value} takes none: drop --momentum, "
            "or pass --optimizer=sgd"
        )
    return AdamSpec(learning_rate)


def target_spec(metric: Metric, thresholds: Sequence[str]) -> TargetSpec:
    """The target of the flags; thresholds may come in any order."""
    try:
        values = {float(threshold) for threshold in thresholds}
    except ValueError:
        raise UsageError(
            f"target is {','.join(thresholds)!r}; it must be numbers: pass --target=0.5,0.6"
        ) from None
    ordered = sorted(values, reverse=metric.direction is Direction.MINIMIZE)
    return TargetSpec(metric, tuple(ordered), _SUSTAIN.value)


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
        return Path(_OUT.value).expanduser()
    return Path("runs") / f"{experiment}-{fingerprint[:8]}"


def command() -> str:
    """The command line that was given, to be repeated by hand."""
    module = sys.modules["__main__"].__spec__
    name = module.name.removeprefix("experiments.") if module else Path(sys.argv[0]).stem
    return shlex.join(["scripts/run", name, *sys.argv[1:]])


def run_main(main: Callable[[], None]) -> None:
    """Runs an experiment's main; a user's mistake ends in one line on stderr and exit status 2."""
    logging.set_verbosity(logging.WARNING)
    signal.signal(signal.SIGINT, _interrupted)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A narrow locale must not end a study.
    app.run(lambda _: _guarded(main), flags_parser=_parse)


def _interrupted(*_: object) -> None:
    """Ends at once, as a kill would, which loses nothing; compiling would hold an exception up."""
    os.write(2, b"\nerror: interrupted; the same command goes on from here\n")
    os._exit(130)


def _parse(arguments: Sequence[str]) -> list[str]:
    if any(argument in ("--help", "-help") for argument in arguments):
        print(sys.modules["__main__"].__doc__)
        print(flags.FLAGS.main_module_help())
        sys.exit(0)
    try:
        rest = flags.FLAGS(arguments)
    except flags.Error as error:
        _fail(f"{' '.join(str(error).split())}; --help lists the flags", 2)
    if rest[1:]:
        _fail(f"argument {rest[1]!r} is no flag; flags begin with --, see --help", 2)
    return rest


def _guarded(main: Callable[[], None]) -> None:
    try:
        main()
    except UsageError as error:
        _fail(str(error), 2)
    except RecordConflict as error:
        _fail(
            f"{error}; another machine, another version or another lane width computes other last "
            "digits: go on where the run began, or pass another --out",
            1,
        )


def _fail(message: str, status: int) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(status)
