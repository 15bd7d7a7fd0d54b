"""What a trajectory's bits depend on: the width of a block, and no other number of the layout.

tests/training/test_lanes.py has the same laws of a small MLP, with refill and neighbours.
"""

import collections
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from toys import easy_images, easy_masks, mlp_cohort, unet_cohort

from lab.specs import CNNSpec, CohortSpec, MLPSpec
from lab.training.lanes import Layout, make_lanes, replicated
from lab.training.member import make_member
from lab.training.problem import make_problem
from lab.training.resident import make_resident

Curves = dict[int, np.ndarray]
TESTS = Path(__file__).parents[1]


def cohort_of(kind: str) -> CohortSpec:
    match kind:
        case "mlp":
            return mlp_cohort(model=MLPSpec(width=32, depth=2), members=9)
        case "cnn":
            return mlp_cohort(model=CNNSpec(width=4, depth=2), members=6, budget_steps=12)
        case _:
            return unet_cohort(members=3)


@functools.cache
def curves(kind: str, layout: Layout, evaluations: int, devices: int = 1) -> Curves:
    """Every metric at every evaluation, by member."""
    cohort, used = cohort_of(kind), jax.devices()[:devices]
    data = easy_masks() if kind == "unet" else easy_images()
    member = make_member(cohort, make_problem(cohort.data, data))
    program = make_lanes(member, cohort, layout, evaluations, used)
    resident = jax.device_put(make_resident(data), replicated(used))
    lanes, ended, rows = program.empty(), 0, collections.defaultdict(list)
    while ended < cohort.members:
        lanes, trace = program.advance(lanes, resident)
        trace = jax.device_get(trace)
        for at in zip(*np.nonzero(trace.active), strict=True):
            rows[int(trace.info.member[at])].append(trace.info.metrics_M[at])
        ended += int((trace.active & trace.info.ended).sum())
    return {member: np.array(found) for member, found in rows.items()}


def require_equal(one: Curves, other: Curves) -> None:
    assert one.keys() == other.keys()
    for member, rows in one.items():
        np.testing.assert_array_equal(rows, other[member])


@pytest.mark.parametrize(("kind", "width"), [("mlp", 1), ("mlp", 4), ("cnn", 2), ("unet", 1)])
def test_one_block_and_many_give_the_same_bits(kind: str, width: int) -> None:
    """A loop over one block is no loop to XLA; each block's step must be compiled alike even so."""
    alone = curves(kind, Layout(1, width), 1)
    assert len({rows.tobytes() for rows in alone.values()}) == cohort_of(kind).members
    require_equal(curves(kind, Layout(3, width), 2), alone)


def test_widths_agree_closely() -> None:
    """Sums are ordered otherwise: losses within 1e-4 over these 40 steps of Adam."""
    one, four = curves("mlp", Layout(1, 1), 1), curves("mlp", Layout(1, 4), 1)
    for member, rows in one.items():
        shared = min(len(rows), len(four[member]))
        np.testing.assert_allclose(rows[:shared, 0], four[member][:shared, 0], atol=1e-4)


def test_eight_devices_change_no_bit() -> None:
    """Compiled without XLA's optimisations, which takes a third of the time; two devices with."""
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }
    ended = subprocess.run(
        [sys.executable, str(TESTS / "laws/eight_devices.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    one, two, eight = json.loads(ended.stdout)
    assert one == two == eight
    assert len(set(one.values())) == len(one) == 13
