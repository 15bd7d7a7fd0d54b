"""The lab's lanes, and JAX as a user would map it: the same member, compiled in three ways."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from benchmarks.engine import Engine
from benchmarks.work import Work
from benchmarks.workloads import STEPS_ON_XLA
from lab.specs import StudySpec
from lab.training.lanes import make_lanes, replicated
from lab.training.member import Member, MemberState, make_member
from lab.training.planning import CohortPlan, plan_study
from lab.training.problem import make_problem
from lab.training.resident import make_resident


def lanes(work: Work) -> Engine:
    """The lab's own program: a dispatch is [refill, steps, evaluation] of all lanes, once."""
    return _lanes(work, _plan(work))


def lanes_on_xla(work: Work) -> Engine:
    """That program on Flax's own layers: what lab/ops is for shows in the difference.

    It evaluates more often, so that a dispatch comes to an end; that is a tenth of its time.
    """
    eval_every = min(work.cohort.eval_every, STEPS_ON_XLA)
    cohort = dataclasses.replace(
        work.cohort,
        eval_every=eval_every,
        budget_steps=work.cohort.budget_steps // eval_every * eval_every,
    )
    short = dataclasses.replace(work, cohort=cohort)
    plan = dataclasses.replace(_plan(short), member=on_flax_layers(short), compiler_options={})
    return _lanes(short, plan)


def _lanes(work: Work, plan: CohortPlan) -> Engine:
    program = make_lanes(
        plan.member, plan.cohort, plan.layout, 1, plan.devices, plan.compiler_options
    )
    data = jax.device_put(make_resident(work.data), replicated(plan.devices))
    now = program.empty()
    advance_once: Any = program.advance

    def compile_ahead() -> None:
        nonlocal advance_once
        advance_once = program.compile(data).advance

    def advance(units: int) -> int:
        nonlocal now
        for _ in range(units):
            now, _ = advance_once(now, data)
        jax.block_until_ready(now)
        if not now.active_L.all():
            raise RuntimeError("a member has ended, so its lane is timed while it does nothing")
        return units * work.cohort.eval_every * work.lanes

    def weights() -> Mapping[str, np.ndarray]:
        # Block b of B holds members b, b + B, b + 2B...
        order = np.argsort(np.asarray(now.states.member))
        return {name: array[order] for name, array in _named(now.states.params).items()}

    facts = {
        **_facts(),
        "lane_width": plan.layout.width,
        "lane_width_chosen": plan.lane_width_chosen,
    }
    return Engine(
        compile_ahead, advance, weights, work.cohort.eval_every, facts, _accelerator_bytes
    )


def _plan(work: Work) -> CohortPlan:
    """The lab's own: it measures widths where a study is long, as this one is if told to `tune`."""
    cohort, data = work.cohort, {work.cohort.data: work.data}
    if not work.facts.get("tune", False):
        cohort = dataclasses.replace(cohort, budget_steps=cohort.eval_every)
    (first,) = plan_study(StudySpec("bench", (cohort,), ()), data, work.lanes, None, {})
    facts = {cohort.name: first.facts()}
    (plan,) = plan_study(StudySpec("bench", (work.cohort,), ()), data, None, None, facts)
    return plan


def jax_loop(work: Work) -> Engine:
    """A jitted step of one member on Flax's own layers, one member after another."""
    member = on_flax_layers(work)
    examples = make_resident(work.data).train
    step: Any = jax.jit(member.step, donate_argnums=0)
    states = [_initial(member)(index) for index in range(work.lanes)]
    calls = 0

    def compile_ahead() -> None:
        nonlocal step
        step = step.lower(states[0], examples).compile()

    def advance(units: int) -> int:
        nonlocal calls
        index = calls % work.lanes
        calls += 1
        for _ in range(units):
            states[index] = step(states[index], examples)
        jax.block_until_ready(states[index])
        return units

    def weights() -> Mapping[str, np.ndarray]:
        return _named(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states).params)

    return Engine(compile_ahead, advance, weights, 1, _facts(), _accelerator_bytes)


def jax_vmap(work: Work) -> Engine:
    """Plain `jax.vmap` of that step over all members: XLA's grouped convolutions."""
    member = on_flax_layers(work)
    examples = make_resident(work.data).train
    step: Any = jax.jit(jax.vmap(member.step, in_axes=(0, None)), donate_argnums=0)
    states = jax.jit(jax.vmap(member.init))(jnp.arange(work.lanes, dtype=jnp.int32))

    def compile_ahead() -> None:
        nonlocal step
        step = step.lower(states, examples).compile()

    def advance(units: int) -> int:
        nonlocal states
        for _ in range(units):
            states = step(states, examples)
        jax.block_until_ready(states)
        return units * work.lanes

    return Engine(
        compile_ahead, advance, lambda: _named(states.params), 1, _facts(), _accelerator_bytes
    )


def on_flax_layers(work: Work) -> Member:
    """The member as Flax computes it by itself."""
    return make_member(work.cohort, make_problem(work.cohort.data, work.data), choose=None)


def _initial(member: Member) -> Callable[[int], MemberState]:
    init = jax.jit(member.init)
    return lambda index: init(jnp.asarray(index, jnp.int32))


def _named(tree: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in flatten_dict(tree, sep="/").items()}


def _accelerator_bytes() -> int | None:
    """The sum over devices of what each held at most; the CPU's client keeps no count."""
    counts = [device.memory_stats() for device in jax.devices()]
    return sum(count["peak_bytes_in_use"] for count in counts if count) if all(counts) else None


def _facts() -> dict[str, Any]:
    devices = jax.devices()
    return {
        "platform": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "devices": len(devices),
        "versions": {"jax": jax.__version__},
    }
