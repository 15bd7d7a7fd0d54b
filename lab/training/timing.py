"""Solo seconds: what a training step takes of one member that has one device to itself.

Latency, not throughput: the ensemble's lanes share what a step alone leaves idle. The program is
the cohort's own member, with its precision and its forms of operations, without lanes around it.
All cohorts of a study are timed in turn, so that whatever else the machine does meets all of them.
"""

import concurrent.futures
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import DataArrays
from lab.records.costs import SoloSeconds
from lab.specs import AnyDataSpec
from lab.specs.comparison import DEFAULT_MARGINS
from lab.statistics.quantiles import median_of
from lab.training.member import MemberState
from lab.training.planning import CohortPlan, guessed_seconds
from lab.training.programs import Programs
from lab.training.resident import Examples, Window

REPEATS = 15
REPEAT_SECONDS = 0.05
CALL_SECONDS = 0.01
"""What a call of the program is guessed to take; a repeat is as many calls as are needed."""
MOST_STEPS, MOST_CALLS = 256, 1024
LEVEL = 1 - DEFAULT_MARGINS.alpha_win / 2
"""Of each cohort's interval: the ratio of two then has that of the win probability (Bonferroni)."""


class _Alone(NamedTuple):
    """A compiled program of so many steps of one member, and what it reads."""

    program: jax.stages.Compiled
    state: MemberState
    train: Examples | Window
    steps: int
    compile_seconds: float

    def seconds(self, calls: int) -> float:
        """A step's, over so many calls from the same state."""
        started = time.perf_counter()
        for _ in range(calls):
            jax.block_until_ready(self.program(self.state, self.train))
        return (time.perf_counter() - started) / (calls * self.steps)

    def calls(self) -> int:
        """How many a repeat takes; the first call pays for what later ones find ready."""
        self.seconds(1)
        wanted = REPEAT_SECONDS / (self.seconds(1) * self.steps)
        return max(1, min(MOST_CALLS, round(wanted)))


def time_alone(
    plans: Sequence[CohortPlan], data: Mapping[AnyDataSpec, DataArrays]
) -> tuple[SoloSeconds, ...]:
    """Of each cohort, in order; the machine should be at nothing else."""
    trains = {_place(plan): _train(plan, data[plan.cohort.data]) for plan in plans}
    shared = Programs()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        programs = list(pool.map(lambda plan: _compiled(plan, trains[_place(plan)], shared), plans))
    calls = [one.calls() for one in programs]
    taken_RxC = np.empty((REPEATS, len(programs)))
    for repeat in range(REPEATS):
        # There and back, so that no cohort always follows the same other.
        for index in range(len(programs))[:: 1 if repeat % 2 == 0 else -1]:
            taken_RxC[repeat, index] = programs[index].seconds(calls[index])
    return tuple(
        _told(plan, program, number, taken_R)
        for plan, program, number, taken_R in zip(plans, programs, calls, taken_RxC.T, strict=True)
    )


def _told(plan: CohortPlan, program: _Alone, calls: int, taken_R: np.ndarray) -> SoloSeconds:
    median = median_of(taken_R, LEVEL)
    return SoloSeconds(
        estimate=median.estimate,
        lower=median.lower,
        upper=median.upper,
        level=LEVEL,
        repeats=len(taken_R),
        steps_per_repeat=calls * program.steps,
        compile_seconds=program.compile_seconds,
        device=plan.devices[0].device_kind,
    )


def _compiled(plan: CohortPlan, train: Examples | Window, shared: Programs) -> _Alone:
    member = plan.member
    guess = CALL_SECONDS / guessed_seconds(plan.flops_per_step)
    steps = max(1, min(MOST_STEPS, round(guess)))

    def step(state: MemberState, train: Examples | Window) -> MemberState:
        if isinstance(train, Window):  # Of one batch, which stands for that of every step.
            train = train._replace(first=state.step)
        return member.step(state, train)

    def run(state: MemberState, train: Examples | Window) -> MemberState:
        # Of known length, as in the lanes: a GPU need not ask after each step whether to go on.
        state, _ = jax.lax.scan(lambda now, _: (step(now, train), None), state, length=steps)
        return state

    with jax.default_device(plan.devices[0]):
        state = jax.jit(member.init)(jnp.zeros((), jnp.int32))
    started = time.perf_counter()
    jitted = jax.jit(run, compiler_options=dict(plan.compiler_options))
    lowered = jitted.lower(state, train)
    program = shared.compiled(lowered, plan.devices[0], plan.compiler_options)
    return _Alone(program, state, train, steps, time.perf_counter() - started)


def _place(plan: CohortPlan) -> tuple[AnyDataSpec, jax.Device, int]:
    return plan.cohort.data, plan.devices[0], plan.cohort.batch_size


def _train(plan: CohortPlan, data: DataArrays) -> Examples | Window:
    """The training split on the cohort's first device; of one that is streamed a single batch."""
    inputs, targets = data.train.inputs, data.train.targets
    if data.source is None:
        return Examples(*jax.device_put((inputs, targets), plan.devices[0]))
    index = np.arange(plan.cohort.batch_size, dtype=np.int32) % len(inputs)
    batch = (np.int32(0), index[None], inputs[index][None], targets[index][None])
    return Window(*jax.device_put(batch, plan.devices[0]))
