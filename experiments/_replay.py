"""Is member 47 of this run what the record says, and what did it compute on the way?

    scripts/replay runs/unet_size-1a2b3c4d --cohort=small --member=47
    scripts/replay RUN --cohort=small --member=47 --steps=0,100 --values=gradients --out=FILE.npz
    scripts/replay RUN --cohort=small --member=47 --weights=FOLDER

Trains one member again, at the recorded lane width, and compares every evaluation and the member's
row with the record, bit by bit; the run folder is left as it is. With --steps it keeps what was
asked for as it is before each of those steps, in arrays named as step-000100/gradients/head/kernel.
With --weights it keeps the weights that it was evaluated with when it reached the target, or at its
end where it did not, as an Orbax checkpoint: other runs start from it by --pretrained=FOLDER.
Exit status 0 when all is equal, 1 when anything differs.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from absl import flags

from experiments import _data, _flags
from experiments._trust import TRUST
from experiments._unused import require_only, require_unused
from lab.errors import UsageError
from lab.records.files import given_file, given_path, write_whole
from lab.records.reader import read_study
from lab.specs import OwnTaskSpec
from lab.training.observation import Value
from lab.training.replay import Replay, replay
from lab.training.weights import require_new, write_checkpoint
from lab.words import Outcome

T = TypeVar("T")

_RUN = flags.DEFINE_string("run", None, "Run folder; it may stand first, without the flag.")
_COHORT = flags.DEFINE_string("cohort", None, "Name of the member's cohort.")
_MEMBER = flags.DEFINE_integer("member", None, "Which member; they count from 0.")
_STEPS = flags.DEFINE_list("steps", [], "Steps to look at; 0 is before the first.")
_VALUES = flags.DEFINE_list(
    "values", [], f"Of {', '.join(value.value for value in Value)}; all by default."
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "File for the values; by default replay-COHORT-MEMBER.npz, here.",
    allow_override=True,
)
_WEIGHTS = flags.DEFINE_string(
    "weights", None, "Folder, a new one, for the member's weights as an Orbax checkpoint."
)
flags.declare_key_flag("data_dir")
flags.declare_key_flag("trust")
flags.declare_key_flag("deterministic")

_ENDED = {
    Outcome.REACHED: "reached at step",
    Outcome.DIVERGED: "diverged at step",
    Outcome.EXHAUSTED: "out of budget at step",
}


def main() -> None:
    run = given_path("run", _required("run", _RUN.value))
    cohort = _required("cohort", _COHORT.value)
    member = _required("member", _MEMBER.value)
    require_only(("data_dir", "deterministic"), _flags.SHARED)
    steps, values = _steps(_STEPS.value), _values(_VALUES.value)
    if not steps:
        require_unused(["out"], "no steps are looked at", "pass --steps=0,100")
    file = _file(run, cohort, member) if steps else None
    weights = None if _WEIGHTS.value is None else _new_folder(run, _WEIGHTS.value)
    _require_data_of_a_folder(run, cohort)
    again = replay(
        run,
        cohort,
        member,
        steps=steps,
        values=values,
        data_dir=_data.data_dir(),
        trust=TRUST.value,
    )
    print(told(again), flush=True)
    if again.difference is not None:
        sys.exit(1)
    if file is not None:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **again.values)
        write_whole(file, buffer.getvalue())
        print(f"{len(again.values)} arrays of {len(steps)} steps: {file}")
    if weights is not None and again.weights is not None:
        write_checkpoint(weights, again.weights)
        print(f"weights of {len(again.weights.params)} tensors: {weights}")


def _require_data_of_a_folder(run: Path, cohort: str) -> None:
    """UsageError for --data_dir where the user's own task brings the data."""
    for one in read_study(run).cohorts:
        if one.name == cohort and isinstance(one.data, OwnTaskSpec):
            require_unused(["data_dir"], f"the task {one.data.path} brings its own data")


def told(again: Replay) -> str:
    """Whether it agrees, and how far."""
    lines = [
        f"member {again.member} of cohort {again.cohort}: {_ENDED[again.outcome]} {again.step}; "
        f"{again.agreeing} of {again.evaluations} evaluations equal the record to the bit"
    ]
    if again.difference is not None:
        lines.append(
            f"first difference: {again.difference}. "
            + (
                f"{again.changed[:1].upper()}{again.changed[1:]}"
                if again.changed is not None
                else "Another processor or another version of the lab computes other last digits"
            )
        )
    if again.stepwise is False:
        lines.append(
            "the values come from single steps, which round otherwise in the last digits than the "
            "loop of steps that the member was trained by"
        )
    return "\n".join(lines)


def _required(flag: str, value: T | None) -> T:
    if value is None:
        raise UsageError(f"--{flag} is missing: scripts/replay RUN --cohort=NAME --member=NUMBER")
    return value


def _steps(texts: Sequence[str]) -> tuple[int, ...]:
    if not all(text.strip().isdecimal() for text in texts):
        raise UsageError(
            f"steps is {','.join(texts)!r}; it must be whole numbers: pass --steps=0,100"
        )
    if not texts:
        require_unused(["values"], "no steps are looked at", "pass --steps=0,100")
    return tuple(sorted({int(text) for text in texts}))


def _values(texts: Sequence[str]) -> tuple[Value, ...]:
    known = {value.value: value for value in Value}
    for text in texts:
        if text.strip() not in known:
            raise UsageError(
                f"values has {text!r}; there are {', '.join(known)}: pass some of them"
            )
    return tuple(known[text.strip()] for text in texts) or tuple(Value)


def _new_folder(run: Path, text: str) -> Path:
    """Seen to be free before anything is trained."""
    folder = given_path("weights", text)
    if run.resolve() in folder.resolve().parents:
        raise UsageError(
            f"weights is {folder}, in the run folder, which is left alone: pass another"
        )
    require_new(folder)
    return folder


def _file(run: Path, cohort: str, member: int) -> Path:
    """Seen to be writable before anything is trained."""
    file = given_file("out", _OUT.value or f"replay-{cohort}-{member}.npz")
    if run.resolve() in file.resolve().parents:
        raise UsageError(f"out is {file}, in the run folder, which is left alone: pass another")
    return file


if __name__ == "__main__":
    _flags.run_main(main)
