"""Writes a workload's work: initial weights, data, batches, and what the results are judged by.

python -m benchmarks.preparation NAME LANES TUNE FOLDER [DATA_DIR]
"""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from benchmarks.machine import copy_bytes_per_second, matmul_flops_per_second
from benchmarks.text import python_topics
from benchmarks.work import Work
from benchmarks.workloads import (
    BATCH_SIZE,
    EXPANSION,
    NEVER,
    OPTIMIZER,
    WORKLOADS,
    UNetOfSize,
    Workload,
)
from lab.costs import step_cost
from lab.data.arrays import DataArrays, Split
from lab.data.loading import load
from lab.errors import UsageError
from lab.models import Signature, build_module, count_parameters, match_parameters
from lab.randomness import Stream, batch_indices, member_key
from lab.specs import MAX_EXAMPLES, CohortSpec, ModelSpec, OwnModelSpec, UNetSpec
from lab.training.member import make_member
from lab.training.problem import make_problem
from lab.words import Task

STEPS = 64
_LINEAR = (nn.Conv, nn.Dense)


def main() -> int:
    """The program; a user's mistake is one line on stderr and status 2."""
    name, lanes, tune, folder, *data_dir = sys.argv[1:]
    try:
        work = prepare(name, int(lanes), tune == "tune", Path(data_dir[0]) if data_dir else None)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    work.save(Path(folder))
    return 0


def prepare(name: str, lanes: int, tune: bool, data_dir: Path | None) -> Work:
    """Loads the data, finds the network, measures the machine."""
    workload = {workload.name: workload for workload in WORKLOADS}[name]
    is_text = workload.data.task is Task.LANGUAGE
    data = python_topics() if is_text else load(workload.data, data_dir)
    cohort = CohortSpec(
        name="bench",
        data=workload.data,
        model=model_of(workload, data),
        optimizer=OPTIMIZER,
        target=NEVER,
        batch_size=BATCH_SIZE,
        budget_steps=MAX_EXAMPLES // BATCH_SIZE // workload.eval_every * workload.eval_every,
        eval_every=workload.eval_every,
        members=lanes,
        seed=0,
    )
    return make_work(cohort, data, {"tune": tune, **facts(cohort, data)})


def facts(cohort: CohortSpec, data: DataArrays) -> dict[str, Any]:
    """What a step takes, and what this machine can do."""
    problem = make_problem(cohort.data, data)
    parameters = count_parameters(cohort.model, problem.signature)
    moved, held = step_bytes(cohort, problem.signature, parameters)
    return {
        "parameters": parameters,
        "lanes": cohort.members,
        "batch_size": cohort.batch_size,
        "flops_per_step": step_cost(
            make_member(cohort, problem), data.train, cohort.batch_size
        ).flops,
        "bytes_per_step": moved,
        "matmul_flops_per_second": matmul_flops_per_second(),
        "copy_bytes_per_second": copy_bytes_per_second(held, cohort.members),
    }


def make_work(cohort: CohortSpec, data: DataArrays, facts: Mapping[str, Any]) -> Work:
    """The work of training all the cohort's members."""
    member = make_member(cohort, make_problem(cohort.data, data))
    members = jnp.arange(cohort.members, dtype=jnp.int32)
    params = jax.jit(jax.vmap(lambda index: member.init(index).params))(members)
    weights = {name: np.asarray(leaf) for name, leaf in flatten_dict(params, sep="/").items()}

    def batch(step: jax.Array, index: jax.Array) -> jax.Array:
        key = member_key(cohort.seed, Stream.ORDER, index)
        return batch_indices(key, step, cohort.batch_size, len(data.train.inputs))

    batches = jax.jit(jax.vmap(jax.vmap(batch, (None, 0)), (0, None)))
    # The lab's program evaluates as it trains: on one batch, so that it hardly counts.
    inputs, targets = data.validation.inputs, data.validation.targets
    validation = Split(inputs[: cohort.batch_size], targets[: cohort.batch_size])
    return Work(
        cohort=cohort,
        data=dataclasses.replace(data, validation=validation),
        weights=weights,
        batches_TxLxB=np.asarray(batches(jnp.arange(STEPS, dtype=jnp.int32), members)),
        facts=facts,
    )


def step_bytes(cohort: CohortSpec, signature: Signature, parameters: int) -> tuple[int, int]:
    """Bytes that a member's step must move however it is compiled, and bytes that it works on.

    The output of each convolution and dense layer is written once and read forward and backward,
    its gradient written and read; all between (normalisation, activation) is taken to be fused.
    Weights and Adam's two moments are read and written.
    """
    assert not isinstance(cohort.model, OwnModelSpec)
    module = build_module(cohort.model, signature)
    batch = signature.example(cohort.batch_size)

    def outputs(key: jax.Array, x: jax.Array) -> Any:
        _, state = module.init_with_output(
            key,
            x,
            train=True,
            capture_intermediates=lambda layer, _: isinstance(layer, _LINEAR),
        )
        return state["intermediates"]

    leaves = jax.tree.leaves(jax.eval_shape(outputs, jax.random.key(0), batch))
    activations = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    state = 3 * parameters
    return 4 * (5 * activations + 2 * state), 4 * (activations + state)


def input_shape(data: DataArrays) -> tuple[int, ...]:
    """(H, W, C) of images, (T,) of windows of tokens."""
    return tuple(int(size) for size in data.train.inputs.shape[1:])


def model_of(workload: Workload, data: DataArrays) -> ModelSpec:
    """The workload's network for that data."""
    if not isinstance(workload.model, UNetOfSize):
        return workload.model
    image = input_shape(data)
    spec = UNetSpec(1.0, EXPANSION)
    return match_parameters(spec, workload.model.parameters, Signature(image, image[:2])).spec


if __name__ == "__main__":
    sys.exit(main())
