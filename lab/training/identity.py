"""What a cohort's program computes, part by part: kept with a run, compared when it is taken up.

The parts are traced of one member, so that no number of lanes, width or length of a dispatch is in
them, and neither are seeds or members. A digest says that a part is the same, never why it is not:
where JAX or the lab itself is another than then, these may be the reason, and are named.
"""

import functools
import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import lab
from lab.data.arrays import DataArrays
from lab.models import Network, Noise
from lab.models.start import ALL_TRAINED, Start
from lab.models.weights import Weights
from lab.ops import chosen_here, recorded
from lab.specs import CohortSpec, OwnModelSpec, OwnTaskSpec
from lab.training.fingerprint import fingerprint
from lab.training.forward import make_forward
from lab.training.initial import network_of, start_of
from lab.training.member import MemberState, make_member, member_of, noise_of
from lab.training.objectives import objective
from lab.training.optimizers import build_optimizer
from lab.training.own_objective import own_measures
from lab.training.problem import Problem, make_problem
from lab.training.resident import Examples, Window, chunk_shapes, to_inputs
from lab.training.rounding import BITS_DEPEND_ON
from lab.words import Task

NETWORK = ("initialisation", "training pass", "evaluation pass")
"""Parts that the code of a model makes."""
LOSS, MEASUREMENT, METRIC = "loss", "measurement of ready-made metrics", "metric "
"""Parts that the code of a task makes; after the last follows the metric's name."""
OPTIMIZER, ORDER = "optimizer", "order of the data"
REST = ("rest of a training step", "rest of an evaluation")
"""The lab's own code around those, and these with it."""

_COMPUTES = ("models", "ops", "training", "randomness.py")
"""Where the lab's code lies that members are computed by."""


class Identity(NamedTuple):
    """A digest of each part by its name, and the versions by which they were traced."""

    parts: Mapping[str, str]
    made_with: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """What environment.json keeps."""
        return {"parts": dict(self.parts), "made_with": dict(self.made_with)}


class Change(NamedTuple):
    """Which parts of a cohort's program are not what they were, causes before what follows them.

    `versions` are those that differ, as (what, then, now): each may be the reason.
    """

    cohort: CohortSpec
    parts: tuple[str, ...]
    versions: tuple[tuple[str, str, str], ...]


def identify(
    cohort: CohortSpec,
    data: DataArrays,
    operations: Mapping[str, str],
    source: Weights | None = None,
) -> Identity:
    """The identity of the program that a cohort's members run; traced, never compiled.

    Args:
        cohort: whose it is.
        data: of which the shapes and the task's functions are read.
        operations: the forms of the model's operations, as the run's record has them.
        source: the trained weights that the cohort starts from, if it does.
    """
    problem = make_problem(cohort.data, data)
    choose = recorded(operations, chosen_here)
    network = make_forward(network_of(cohort, problem.signature), cohort.precision, choose)
    member = make_member(cohort, problem, choose, source)
    index, roll = jax.ShapeDtypeStruct((), jnp.int32), _shapes(member.roll)
    state = jax.eval_shape(member.start, index, roll)
    batch = _batch(cohort, data)
    inputs = jax.eval_shape(to_inputs, batch.inputs)
    noise = jax.eval_shape(lambda state: noise_of(cohort, network, state), state)
    passed = (state.params, state.model_state, inputs)
    outputs, _ = jax.eval_shape(network.train, *passed, noise)
    if isinstance(cohort.model, OwnModelSpec):
        # A user may have written a rule of differentiation, which the pass alone does not show.
        train = fingerprint(functools.partial(_pulled_back, network), *passed, noise, outputs)
    else:
        train = fingerprint(network.train, *passed, noise)
    digests = (
        fingerprint(member.start, index, roll),
        train,
        fingerprint(network.evaluate, *passed),
    )
    parts = dict(zip(NETWORK, digests, strict=True))
    parts |= _task_parts(cohort, problem, data, outputs, batch.targets)
    parts[OPTIMIZER] = _optimizer_part(cohort, problem, state, source)
    parts[ORDER] = fingerprint(member.draw, state, _train(cohort, data, batch))
    parts |= _rest(cohort, problem, data, batch, outputs)
    return Identity(parts, made_with())


def made_with() -> dict[str, str]:
    """Versions of all that a trace depends on, beside the code of a model and a task."""
    packages = {name: importlib.metadata.version(name) for name in BITS_DEPEND_ON}
    return packages | {
        "platform": jax.default_backend(),
        "lab": f"{lab.__version__}, source {_source_digest()}",
    }


def changed(cohort: CohortSpec, before: Mapping[str, Any], now: Identity) -> Change | None:
    """What is not as it was; None where all is, or where the run did not keep it.

    `before` are the cohort's facts in environment.json, of any age.
    """
    kept = before.get("program")
    if kept is None:
        return None
    then, made = kept["parts"], kept["made_with"]
    parts = tuple(name for name, one in now.parts.items() if then.get(name, one) != one)
    versions = tuple(
        (name, made[name], one)
        for name, one in now.made_with.items()
        if name in made and made[name] != one
    )
    return Change(cohort, _causes(parts), versions) if parts else None


def told(changes: Sequence[Change]) -> str:
    """What changed in which cohorts, and what may be the reason; a sentence without its remedy."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        groups.setdefault(change.parts, []).append(repr(change.cohort.name))
    return "; ".join(
        f"the {_joined(parts)} of {'cohort' if len(names) == 1 else 'cohorts'} {_joined(names)} "
        f"{'is' if len(parts) == 1 else 'are'} not what this run began with"
        for parts, names in groups.items()
    ) + _reasons(changes)


def remedy(changes: Sequence[Change]) -> str:
    """What to put back, so that the program is what it was."""
    if any(change.versions for change in changes):
        return "go on with those"
    owners = [_owner(change.cohort, part) for change in changes for part in change.parts]
    return f"put back the code of {_joined(tuple(dict.fromkeys(owners)))}, and what it calls"


def _reasons(changes: Sequence[Change]) -> str:
    versions = dict.fromkeys(one for change in changes for one in change.versions)
    reasons = tuple(f"{name} was {then} and is {now}" for name, then, now in versions)
    return f", which may be because {_joined(reasons)}" if reasons else ""


def _causes(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Without what only follows: the optimizer has a model's shapes, the rest has all of a task."""
    causes = tuple(part for part in parts if part not in REST)
    if set(causes) & set(NETWORK):
        causes = tuple(part for part in causes if part != OPTIMIZER)
    return causes or parts


def _owner(cohort: CohortSpec, part: str) -> str:
    """Whose code makes a part."""
    if part in NETWORK and isinstance(cohort.model, OwnModelSpec):
        return cohort.model.path
    of_task = part in (LOSS, MEASUREMENT) or part.startswith(METRIC)
    if of_task and isinstance(cohort.data, OwnTaskSpec):
        return cohort.data.path
    return "the lab"


def _joined(parts: Sequence[str]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1]) if len(parts) > 1 else parts)


def _task_parts(
    cohort: CohortSpec, problem: Problem, data: DataArrays, outputs: Any, targets: Any
) -> dict[str, str]:
    """The loss with its gradient; what is measured, each metric of a user's by its name."""
    found = {LOSS: fingerprint(jax.value_and_grad(problem.objective.loss), outputs, targets)}
    own, ready = data.own, problem.objective
    if own is not None:
        for name, measure in own_measures(cohort.data.name, own).items():
            found[f"{METRIC}{name}"] = fingerprint(measure, outputs, targets)
        if not isinstance(own.loss, Task):
            return found
        ready = objective(own.loss, own.characters_per_token)

    def measured(outputs: jax.Array, targets: jax.Array, weights_B: jax.Array) -> jax.Array:
        return ready.score(ready.tally(outputs, targets, weights_B))

    weights = jax.ShapeDtypeStruct(outputs.shape[:1], jnp.float32)
    return found | {MEASUREMENT: fingerprint(measured, outputs, targets, weights)}


def _optimizer_part(
    cohort: CohortSpec, problem: Problem, state: MemberState, source: Weights | None
) -> str:
    start = start_of(cohort, problem.signature, source)
    optimizer = build_optimizer(cohort.optimizer, cohort.recipe, start.rates)
    trained = jax.eval_shape(start.division.trained, state.params)
    return fingerprint(
        optimizer.update, trained, state.opt_state, trained, state.hyperparameters, state.step
    )


def _rest(
    cohort: CohortSpec, problem: Problem, data: DataArrays, batch: Examples, outputs: Any
) -> dict[str, str]:
    """Steps and evaluations of a network that has one number and says it, whatever it is given."""
    shape = outputs.shape[1:]

    def says(params: Any, inputs: jax.Array) -> jax.Array:
        return jnp.broadcast_to(params["number"], (inputs.shape[0], *shape))

    def init(key: jax.Array) -> tuple[Any, Any]:
        return {"number": jax.random.normal(key)}, {}

    def train(
        params: Any, model_state: Any, inputs: jax.Array, noise: Noise | None
    ) -> tuple[jax.Array, Any]:
        del noise
        return says(params, inputs), model_state

    def evaluate(params: Any, model_state: Any, inputs: jax.Array) -> jax.Array:
        del model_state
        return says(params, inputs)

    network = Network(init, train, evaluate, activations=train)
    member = member_of(cohort, problem.objective, network, Start(init, ALL_TRAINED, {}))
    index, roll = jax.ShapeDtypeStruct((), jnp.int32), _shapes(member.roll)
    state = jax.eval_shape(member.start, index, roll)
    digests = (
        fingerprint(member.learn, state, batch),
        fingerprint(member.evaluate, state, chunk_shapes(data.validation)),
    )
    return dict(zip(REST, digests, strict=True))


def _pulled_back(
    network: Network,
    params: Any,
    model_state: Any,
    inputs: jax.Array,
    noise: Noise | None,
    along: jax.Array,
) -> Any:
    """A training pass, and the gradient with respect to parameters of its outputs `along` these."""
    outputs, back, updated = jax.vjp(
        lambda params: network.train(params, model_state, inputs, noise), params, has_aux=True
    )
    return outputs, updated, back(along)


def _batch(cohort: CohortSpec, data: DataArrays) -> Examples:
    """The shapes of what a training step sees."""
    shapes: list[Any] = [
        jax.ShapeDtypeStruct((cohort.batch_size, *one.shape[1:]), one.dtype)
        for one in (data.train.inputs, data.train.targets)
    ]
    return Examples(*shapes)


def _train(cohort: CohortSpec, data: DataArrays, batch: Examples) -> Examples | Window:
    """The shapes that a batch is drawn from; of a streamed split one step's, whatever it holds."""
    if data.source is None:
        return Examples(*_shapes((data.train.inputs, data.train.targets)))
    shapes: list[Any] = [
        jax.ShapeDtypeStruct((), jnp.int32),
        jax.ShapeDtypeStruct((1, cohort.batch_size), jnp.int32),
        *(jax.ShapeDtypeStruct((1, *one.shape), one.dtype) for one in batch),
    ]
    return Window(*shapes)


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


@functools.cache
def _source_digest() -> str:
    """Of the lab's own modules that compute; 12 hexadecimal digits, none where they are not files.

    Cached, for what runs is what was there when it was imported.
    """
    folder = Path(lab.__file__).parent
    files = [folder / name for name in _COMPUTES]
    files = sorted(one for there in files for one in (there, *there.rglob("*.py")) if one.is_file())
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(folder).as_posix()}\n".encode() + file.read_bytes())
    return found.hexdigest()[:12]
