"""How fast a width is, measured once for each program and kind of device, and remembered."""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib

from lab.costs import StepCost
from lab.data.arrays import DataArrays
from lab.errors import UsageError
from lab.records.files import write_whole
from lab.specs import CohortSpec
from lab.training.member import Member, MemberState
from lab.training.resident import Examples, make_resident


def measured_speed(
    member: Member,
    data: DataArrays,
    compiler_options: Mapping[str, str | bool],
    width: int,
    seconds: float = 0.3,
) -> float:
    """Member-steps per second of `width` lanes mapped together on one device, by its best try."""
    train = make_resident(data).train

    def run(states: MemberState, train: Examples, steps: jax.Array) -> MemberState:
        step = jax.vmap(lambda state: member.step(state, train))
        return jax.lax.fori_loop(0, steps, lambda _, states: step(states), states)

    states = jax.jit(jax.vmap(member.init))(jnp.arange(width, dtype=jnp.int32))
    compiled = (
        jax.jit(run, compiler_options=dict(compiler_options))
        .lower(states, train, jnp.int32(1))
        .compile()
    )

    def taken(steps: int) -> float:
        started = time.perf_counter()
        jax.block_until_ready(compiled(states, train, jnp.int32(steps)))
        return time.perf_counter() - started

    steps = 1
    taken(steps)  # The first call pays for what later ones find ready.
    while taken(steps) < seconds / 2:
        steps *= 2
    return width * steps / min(taken(steps) for _ in range(3))


class Speeds:
    """Measured speeds of one program by width, in a file that many programs share."""

    def __init__(self, file: Path | None, program: str) -> None:
        """`program` is what tells it from others; without a file nothing is remembered."""
        self._file = file
        self._program = program

    def recall(self) -> dict[int, float]:
        """What is known; nothing, where the file cannot be read."""
        known = self._all().get(self._program, {})
        try:
            return {int(width): float(speed) for width, speed in known.items()}
        except (AttributeError, TypeError, ValueError):
            return {}

    def keep(self, speeds: Mapping[int, float]) -> None:
        """Writes them down; where that cannot be, they are measured again another time."""
        if self._file is None:
            return
        texts = {str(width): speed for width, speed in sorted(speeds.items())}
        document = json.dumps(self._all() | {self._program: texts}, indent=2)
        with contextlib.suppress(UsageError):
            write_whole(self._file, document + "\n")

    def _all(self) -> dict[str, Any]:
        try:
            document = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def program_digest(
    cohort: CohortSpec,
    data: DataArrays,
    compiler_options: Mapping[str, str | bool],
    operations: Mapping[str, str],
    cost: StepCost,
) -> str:
    """What a step's speed depends on: the cohort without its members, seed, name and budget.

    Of what varies, the names; and how the program is compiled, out of which forms of operations.
    What a step costs tells networks apart whose code, a user's, bears the same name.
    """
    no_matter = {"name", "members", "seed", "budget_steps", "eval_every", "target", "vary"}
    fields = {
        field.name: repr(getattr(cohort, field.name))
        for field in dataclasses.fields(cohort)
        if field.name not in no_matter
    }
    vary = sorted(one.hyperparameter.value for one in cohort.vary)
    device = jax.devices()[0]
    machine = [
        jax.__version__,
        jaxlib.__version__,
        device.platform,
        device.device_kind,
        os.cpu_count(),
    ]
    shapes = [data.train.inputs.shape[1:], data.train.targets.shape[1:], data.classes]
    text = json.dumps(
        [
            fields,
            vary,
            machine,
            shapes,
            dict(compiler_options),
            dict(operations),
            [float(cost.flops), float(cost.moved_bytes), int(cost.state_bytes)],
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()
