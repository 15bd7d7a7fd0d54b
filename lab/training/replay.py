"""One member out of a run, again: checked against the record, with all that it computes on the way.

    from lab.training.replay import Value, replay

    again = replay("runs/unet_size-1a2b3c4d", "small", 47, steps=(100,), values=(Value.GRADIENTS,))
    assert again.difference is None
    again.values["step-000100/gradients/head/kernel"]

A member's bits depend on its address and on the width of its block alone, so it is trained in one
block of the recorded width, in its first lane; whoever comes after it in the queue fills the rest.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lab.data.arrays import DataArrays
from lab.data.loading import load
from lab.errors import UsageError
from lab.models.paths import named
from lab.models.weights import Weights
from lab.ops import chosen_here, recorded
from lab.records.environment import read_environment
from lab.records.paths import RunPaths
from lab.records.reader import read_study
from lab.specs import CohortSpec, StudySpec
from lab.training.comparison import compare, read_member, require_steps_taken
from lab.training.identity import changed, identify, told
from lab.training.lanes import LaneProgram, Lanes, Layout, make_lanes, replicated
from lab.training.member import MemberInfo, MemberState
from lab.training.observation import Observe, Value, make_observe
from lab.training.observation import named as named_values
from lab.training.planning import CohortPlan, plan_study
from lab.training.problem import make_problem
from lab.training.resident import make_resident
from lab.training.rounding import BITS_DEPEND_ON, other_bits
from lab.training.streaming import Feed
from lab.training.weights import read_copy
from lab.trust import require_harmless
from lab.words import Outcome


@dataclasses.dataclass(frozen=True)
class Replay:
    """What came of it. `values` is empty unless some were asked for and all agrees.

    `weights`, if all agrees, are those of the evaluation at which the member reached its hardest
    threshold, or else of its last one: what was evaluated, be it an average of others.

    `difference` says where the replay first leaves the record, or is None; `stepwise` whether the
    program of single steps, which the values come from, kept to the bits of the one that trains
    (None where it was not run). `changed` names what of the program is not what the run kept of
    it, where something differs and the run kept anything.
    """

    cohort: str
    member: int
    outcome: Outcome
    step: int  # of the hit, the divergence, or the budget's end
    agreeing: int
    evaluations: int
    difference: str | None
    values: Mapping[str, np.ndarray]
    weights: Weights | None
    stepwise: bool | None
    changed: str | None = None


def replay(
    run: str | Path,
    cohort: str,
    member: int,
    *,
    steps: Collection[int] = (),
    values: Collection[Value] = tuple(Value),
    data_dir: Path | None = None,
    trust: bool = False,
) -> Replay:
    """Trains the member once more, as far as it got; nothing in the run folder is touched.

    At each of `steps` (0 is before the first) `values` are kept, as they are before that step.
    They come from a program of single steps, mapped over the same width, that sets out from the
    training program's state after every evaluation; XLA may round it otherwise than the loop of
    steps that it compiles for training, and `stepwise` says whether it did here.

    A folder that somebody sent may name any code: of it a module class of Flax and a function that
    says that it gives an `OwnTask` are called, and with `trust` whatever is named.

    UsageError for a member that the run does not hold whole, for other data, for other versions
    of what the last digits depend on, for steps that it never took, and for code that is not
    trusted.
    """
    paths = RunPaths(Path(run))
    spec = _cohort(read_study(paths.root), paths, cohort)
    if not trust:
        require_harmless(spec, paths.root)
    environment = read_environment(paths)
    _require_same_versions(environment)
    record = read_member(paths, spec, member)
    require_steps_taken(spec, record, member, steps)
    data = load(spec.data, data_dir)
    facts = environment.get("cohorts", {}).get(cohort, {})
    source = None if spec.initial.source is None else read_copy(paths.initial(cohort))
    (plan,) = plan_study(
        StudySpec("replay", (spec,), ()),
        {spec.data: data},
        None,
        None,
        {cohort: facts},
        {} if source is None else {cohort: source},
    )
    observe = (
        make_observe(
            spec,
            plan.member,
            make_problem(spec.data, data),
            values,
            recorded(plan.operations, chosen_here),
        )
        if steps
        else None
    )
    infos, kept, weights = [], {}, None
    with contextlib.closing(_Follower(plan, data, member, observe)) as follower:
        for evaluation in range(record.evaluations):
            first = evaluation * spec.eval_every
            wanted = [step for step in steps if first <= step < first + spec.eval_every]
            info, found = follower.advance(first, wanted)
            infos.append(info)
            kept.update(found)
            if info.ended or first + spec.eval_every == record.step:
                weights = weights or follower.weights()
            if info.ended:
                break
    agreeing, difference = compare(spec, record, infos)
    change = None
    if difference is not None:
        change = changed(spec, facts, identify(spec, data, plan.operations, source))
    return Replay(
        cohort=cohort,
        member=member,
        outcome=record.outcome,
        step=record.step,
        agreeing=agreeing,
        evaluations=record.evaluations,
        difference=difference,
        values=kept if difference is None else {},
        weights=weights if difference is None else None,
        stepwise=follower.stepwise,
        changed=None if change is None else told([change]),
    )


class _Follower:
    """The member in lane 0, evaluation by evaluation."""

    def __init__(
        self, plan: CohortPlan, data: DataArrays, member: int, observe: Observe | None
    ) -> None:
        devices = jax.devices()[:1]
        width = plan.layout.width
        self._data = jax.device_put(make_resident(data), replicated(devices))
        self._feed = None
        if data.source is not None:
            steps = plan.cohort.eval_every
            self._feed = Feed(plan.cohort, data.source, self._data, steps, devices)
            self._data = self._feed.at(0)
        program: LaneProgram = make_lanes(
            plan.member, plan.cohort, Layout(1, width), 1, devices, plan.compiler_options
        )
        start = program.empty()._replace(taken_B=jnp.array([member], jnp.int32))
        self._lanes: Lanes = jax.device_put(start, program.sharding)
        self._advance = program.compile(self._data).advance
        members = jnp.arange(member, member + width, dtype=jnp.int32)
        self._init = lambda: jax.jit(jax.vmap(plan.member.init))(members)
        self._step = jax.jit(
            jax.vmap(plan.member.step, (0, None)), compiler_options=dict(plan.compiler_options)
        )
        self._observe = None if observe is None else jax.jit(jax.vmap(observe, (0, None)))
        self._evaluated = jax.jit(jax.vmap(plan.member.evaluated))
        self.stepwise: bool | None = None

    def advance(
        self, first: int, wanted: Sequence[int]
    ) -> tuple[MemberInfo, dict[str, np.ndarray]]:
        """The next evaluation, and the values of the steps wanted; `first` is the step now."""
        if self._feed is not None:
            self._data = self._feed.at(first)
        before = self._init() if first == 0 and wanted else self._lanes.states
        self._lanes, trace = self._advance(self._lanes, self._data)
        info: MemberInfo = jax.tree.map(lambda leaf: leaf[0, 0], jax.device_get(trace.info))
        return info, self._look(before, first, wanted) if wanted else {}

    def close(self) -> None:
        """No more data are read."""
        if self._feed is not None:
            self._feed.close()

    def weights(self) -> Weights:
        """What the last evaluation was of."""
        trees = jax.device_get(self._evaluated(self._lanes.states))
        return Weights(*({path: leaf[0] for path, leaf in named(tree).items()} for tree in trees))

    def _look(
        self, states: MemberState, first: int, wanted: Sequence[int]
    ) -> dict[str, np.ndarray]:
        """Goes the same steps one by one, and looks whether it comes to the same state."""
        assert self._observe is not None
        found: dict[str, np.ndarray] = {}
        end = self._lanes.states
        for step in range(first, int(end.step[0])):
            if step in wanted:
                observed = self._observe(states, self._data.train)
                found |= named_values(step, jax.tree.map(lambda leaf: leaf[0], observed))
            states = self._step(states, self._data.train)
        same = _same_bits(_learnt(states), _learnt(end))
        self.stepwise = same if self.stepwise is None else self.stepwise and same
        return found


def _learnt(states: MemberState) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], (states.params, states.model_state, states.opt_state))


def _same_bits(one: Any, other: Any) -> bool:
    return all(
        np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()
        for mine, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def _cohort(study: StudySpec, paths: RunPaths, name: str) -> CohortSpec:
    names = [cohort.name for cohort in study.cohorts]
    if name not in names:
        raise UsageError(f"{paths.root} has no cohort {name!r}: pass one of {', '.join(names)}")
    return study.cohort(name)


def _require_same_versions(environment: Mapping[str, Any]) -> None:
    """Of every session that trained, for the member may have been trained in any."""
    other = other_bits(environment)
    if other is None:
        return
    what, then, now = other
    if what not in BITS_DEPEND_ON:
        raise UsageError(
            f"the run was made on {then}, and this is {now}, which rounds otherwise: replay it "
            f"on {then}"
        )
    raise UsageError(
        f"the run was made with {what} {then}, and this is {now}, which rounds otherwise: install "
        f"{what}=={then}"
    )
