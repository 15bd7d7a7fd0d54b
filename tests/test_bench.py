"""The benchmark measures engines that do the same work, and says what it did not measure."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import toys
from flax.traverse_util import unflatten_dict

from benchmarks import jax_engines, preparation, results
from benchmarks.__main__ import _chosen
from benchmarks.cells import Cell, Limits, measure
from benchmarks.engine import Engine, timed
from benchmarks.text import VOCABULARY, WINDOW, python_topics
from benchmarks.work import Work
from benchmarks.workloads import ENGINES, NEVER, TORCH_LOOP, TORCH_VMAP, WORKLOADS
from lab.data.arrays import DataArrays, Split
from lab.errors import UsageError
from lab.models import Signature, build_module, count_parameters
from lab.specs import (
    AdamSpec,
    CNNSpec,
    DataSpec,
    DeepLinearSpec,
    ResNetSpec,
    SGDSpec,
    TransformerSpec,
)
from lab.training.problem import make_problem
from lab.training.resident import to_inputs
from lab.words import Task

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = {
    "workload": str,
    "engine": str,
    "member_steps_per_second": float,
    "compile_seconds": float,
    "peak_bytes": int,
    "fraction_of_peak": float,
    "device": str,
}
MEMBERS, STEPS = 12, 3
HAS_TORCH = importlib.util.find_spec("torch") is not None


def easy_text() -> DataArrays:
    """Windows of 6 tokens of 7, each the one before it or the next."""
    steps = np.random.default_rng(4).integers(0, 2, (60, 7))
    tokens = (steps.cumsum(1) % 7).astype(np.uint16)
    return DataArrays(
        Split(tokens[:50, :-1], tokens[:50, 1:]), Split(tokens[50:, :-1], tokens[50:, 1:]), 7, 7
    )


def lit_above() -> DataArrays:
    """`easy_masks` as two classes: whether the square's centre is above the image's."""
    train, validation = (
        Split(split.inputs, (split.targets[:, :4].sum((1, 2)) > 8).astype(np.int32))
        for split in (toys.easy_masks().train, toys.easy_masks().validation)
    )
    return DataArrays(train, validation, 2)


# Adam divides a gradient by its own size, so that one which is zero but for rounding moves a weight
# by the whole learning rate, either way. The U-Net has such gradients: its scales before a ReLU6.
ADAM, SGD = {"optimizer": AdamSpec(1e-2)}, {"optimizer": SGDSpec(0.1)}
TEXT = DataSpec("text", Task.LANGUAGE)
# Normalised nets get 16 examples, at 1/8 of whose resolution a channel has 16 values. Of 4, the
# variance comes as low as a tenth of what normalisation adds to it, so that a step magnifies
# rounding a hundred times: lab/ops and Flax's layers agreed to 1e-12 there in float64, and of 60
# members in float32 half to 2e-5 and the worst to 0.1.
FAMILIES: dict[str, Any] = {
    "mlp": (toys.mlp_cohort, toys.easy_images, ADAM),
    "unet": (toys.unet_cohort, toys.easy_masks, {**SGD, "batch_size": 16}),
    "transformer": (
        toys.mlp_cohort,
        easy_text,
        {**SGD, "model": TransformerSpec(width=8, depth=2, heads=2), "data": TEXT},
    ),
}
if HAS_TORCH:  # For their ports alone: to JAX they hold nothing that the others do not.
    FAMILIES["cnn"] = (toys.mlp_cohort, toys.easy_images, {**ADAM, "model": CNNSpec(4)})
    FAMILIES["deep linear"] = (
        toys.mlp_cohort,
        toys.easy_images,
        {**ADAM, "model": DeepLinearSpec(8, depth=3)},
    )
    FAMILIES["resnet"] = (
        toys.mlp_cohort,
        lit_above,
        {**SGD, "model": ResNetSpec(width=4, blocks=2), "batch_size": 16},
    )


@contextlib.contextmanager
def smooth() -> Iterator[None]:
    """Networks with tanh in place of ReLU and ReLU6.

    Rounding puts an activation of one U-Net in some forty on the other side of a kink, by which
    the member's weights are 1e-3 apart two steps later, whichever engines are compared.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.models.activations.relu6", jax.numpy.tanh)
        patch.setattr("flax.linen.relu", jax.numpy.tanh)
        if HAS_TORCH:
            tanh = importlib.import_module("torch").tanh
            patch.setattr("torch.nn.functional.relu6", tanh)
            patch.setattr("torch.nn.functional.relu", tanh)
        yield


@pytest.fixture(scope="module", params=FAMILIES)
def work(request, tmp_path_factory) -> Work:
    """Little work of each family, as an engine reads it."""
    make_cohort, make_data, changes = FAMILIES[request.param]
    cohort = make_cohort(
        members=MEMBERS, eval_every=STEPS, budget_steps=30, target=NEVER, **changes
    )
    folder = tmp_path_factory.mktemp(request.param)
    with lenient():
        preparation.make_work(cohort, make_data(), {}).save(folder)
    return Work.load(folder)


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """Optax promotes types, as in every program outside the tests; and compile in a hurry."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        with jax.numpy_dtype_promotion("standard"):
            yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def trained(make_engine, work: Work) -> dict[str, np.ndarray]:
    """Weights of all members after `STEPS` steps each."""
    with lenient(), smooth():
        engine: Engine = make_engine(work)
        engine.compile()
        done = 0
        while done < MEMBERS * STEPS:
            done += engine.advance(STEPS // engine.steps_per_unit)
        assert done == MEMBERS * STEPS
        return dict(engine.weights())


@pytest.fixture(scope="module")
def reference(work) -> dict[str, np.ndarray]:
    """What one member at a time comes to on Flax's own layers."""
    return trained(jax_engines.jax_loop, work)


def assert_same_training(work: Work, weights, reference) -> None:
    assert weights.keys() == reference.keys() == work.weights.keys()
    for name, array in reference.items():
        np.testing.assert_allclose(weights[name], array, rtol=1e-4, atol=1e-5, err_msg=name)
    moved = [np.abs(reference[name] - start).max() for name, start in work.weights.items()]
    assert max(moved) > 1e-3  # A hundred times what is tolerated: the comparison says something.


@pytest.mark.parametrize("engine", [jax_engines.lanes, jax_engines.jax_vmap])
def test_engines_of_jax_train_alike(engine, work, reference):
    assert_same_training(work, trained(engine, work), reference)


@pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch: pip install -e '.[bench]'")
@pytest.mark.parametrize("name", [TORCH_LOOP, TORCH_VMAP])
def test_engines_of_torch_train_alike(name, work, reference):
    from benchmarks.worker import engine_maker

    assert_same_training(work, trained(engine_maker(name), work), reference)


@pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch: pip install -e '.[bench]'")
def test_twins_in_torch_give_the_same_logits(work):
    """With the activations that training is compared without; scales bring them to both kinks."""
    import torch

    from benchmarks.torch_nets import build_net, from_flax

    weights = {
        name: array * 6 if name.endswith("scale") else array for name, array in work.weights.items()
    }
    inputs = work.data.train.inputs[:16]
    params = unflatten_dict({name: array[0] for name, array in weights.items()}, sep="/")
    with lenient():
        signature = make_problem(work.cohort.data, work.data).signature
        logits, _ = build_module(work.cohort.model, signature).apply(
            {"params": params}, to_inputs(inputs), train=True, mutable=["batch_stats"]
        )
    net = build_net(work.cohort.model, weights, inputs.shape[1:], work.data.classes)
    starts = from_flax(weights)
    net.load_state_dict({name: start[0] for name, start in starts.items()}, strict=False)
    stored = torch.from_numpy(inputs)
    images = stored.ndim == 4
    with torch.no_grad():
        twin = net(stored.permute(0, 3, 1, 2).float() / 255 if images else stored.long())
    assert np.abs(logits).max() > 0.1
    np.testing.assert_allclose(twin.numpy(), logits, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch: pip install -e '.[bench]'")
def test_twins_in_torch_have_no_parameter_more(work):
    from benchmarks.torch_nets import build_net, from_flax

    shape = preparation.input_shape(work.data)
    net = build_net(work.cohort.model, work.weights, shape, work.data.classes)
    ported = {name: array.shape[1:] for name, array in from_flax(work.weights).items()}
    assert {name: array.shape for name, array in net.named_parameters()} == ported


def test_flax_layers_have_xlas_convolutions_and_the_labs_have_none(work):
    def convolutions(member) -> int:
        examples = jax_engines.make_resident(work.data).train
        state = jax.eval_shape(member.init, jax.ShapeDtypeStruct((), "int32"))
        with lenient():
            return jax.jit(member.step).lower(state, examples).as_text().count("convolution(")

    layers = sum(array.ndim == 5 for array in work.weights.values())
    assert convolutions(jax_engines._plan(work).member) == 0
    # Forward, and back to the kernel; only the first layer has no gradient of its input.
    on_flax = convolutions(jax_engines.on_flax_layers(work))
    assert on_flax == (3 * layers - 1 if layers else 0)


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "benchmarks", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    environment.pop("XLA_FLAGS", None)
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_bench_writes_the_contract_and_prints_a_table(tmp_path):
    file = tmp_path / "bench.json"
    done = run_bench(
        f"--json={file}",
        "--workloads=mlp-64-32-32-10",
        "--engines=jax vmap,lanes",
        "--lanes=2",
        "--seconds=0.2",
        f"--data_dir={tmp_path / 'data'}",
    )
    assert done.returncode == 0, done.stderr
    records = json.loads(file.read_text())
    assert [record["engine"] for record in records] == ["lanes", "jax vmap"]
    for record in records:
        assert list(record)[: len(CONTRACT)] == list(CONTRACT)
        assert all(isinstance(record[key], kind) for key, kind in CONTRACT.items())
        assert record["workload"] == "mlp-64-32-32-10"
        assert record["parameters"] == 64 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10
        assert record["slowest"] <= record["member_steps_per_second"] <= record["fastest"]
        assert record["repeats"] >= 1
        assert record["fraction_of_peak"] > 0
        assert record["peak_bytes"] > 0
        assert record["limit"] in ("flops", "bytes")
    assert records[0]["lane_width"] in (1, 2)
    assert all(f" {record['engine']} " in done.stdout for record in records)
    assert "bench: mlp-64-32-32-10: lanes\n" in done.stderr


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("--lanes=0", ("lanes is 0", "--lanes")),
        ("--lanes=x", ("lanes",)),
        ("--seconds=nan", ("seconds is nan", "--seconds")),
        ("--limit=-1", ("limit is -1", "--limit")),
        ("--workloads=cnn16", ("'cnn16'", "did you mean cnn16-8x8?")),
        ("--engines=", ("engines", "there are: lanes")),
        ("--json=/no/such/folder/x.json", ("/no/such/folder/x.json", "--json")),
        ("--member=3", ("member",)),
        ("lanes", ("'lanes' is no flag",)),
    ],
)
def test_mistakes_are_one_line_and_status_2(argument, parts):
    done = run_bench(argument)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("bench: ")]
    assert len(lines) == 1
    assert all(part in lines[0] for part in parts), lines


def test_names_are_taken_in_the_known_order_and_once():
    assert _chosen("engines", ["torch vmap", "lanes", "lanes"], ENGINES) == ["lanes", "torch vmap"]
    assert _chosen("engines", None, ENGINES) == list(ENGINES)
    with pytest.raises(UsageError, match="did you mean jax vmap"):
        _chosen("engines", ["jax_vmap"], ENGINES)


def reporting(*events: dict, then: str) -> list[str]:
    """A program that reports these events, and then does something else."""
    lines = "".join(f"print({json.dumps(json.dumps(event))}, flush=True);" for event in events)
    return [sys.executable, "-c", f"import sys, time;{lines}{then}"]


COMPILED = {"event": "compiled", "compile_seconds": 2.5}
FIRST = {"event": "first", "member_steps": 16, "seconds": 0.1}
MEASURED = {"event": "measured", "member_steps_per_second": 8.0, "peak_bytes": 5, "repeats": 5}


def test_lanes_that_hold_no_member_are_not_timed():
    """Members of a budget of two evaluations end with the second."""
    cohort = toys.mlp_cohort(members=2, target=NEVER, budget_steps=8)
    with lenient():
        engine = jax_engines.lanes(preparation.make_work(cohort, toys.easy_images(), {}))
        engine.compile()
        assert engine.advance(1) == 2 * cohort.eval_every
        with pytest.raises(RuntimeError, match="a member has ended"):
            engine.advance(1)


def test_first_step_over_its_limit_is_a_bound_and_never_a_number():
    command = reporting(COMPILED, then="time.sleep(60)")
    cell = measure("jax vmap", command, 16, Limits(seconds=1, first_step=0.5))
    assert (cell.rate, cell.below, cell.failed) == (None, 32.0, False)
    assert cell.compile_seconds == 2.5
    assert "first step not done after 0.5 s" in cell.trouble
    fast = Cell("lanes", rate=3200.0, details={"repeats": 5, "slowest": 1.0, "fastest": 2.0})
    assert results.ratio(fast, cell) == "> 100x"
    assert results.ratio(cell, fast) == "< 0.01x"
    assert results.ratio(cell, cell) == ""
    assert results.ratio(fast, None) == ""


def test_compilation_over_its_limit_bounds_nothing():
    command = reporting(then="time.sleep(60)")
    cell = measure("lanes", command, 16, Limits(1, 1, start=0.2, compile=0.2))
    assert (cell.rate, cell.below, cell.failed) == (None, None, False)
    assert "not compiled" in cell.trouble


@pytest.mark.parametrize("events", [[], [COMPILED], [COMPILED, FIRST]])
def test_engine_that_fails_is_told_from_one_that_is_slow(events):
    command = reporting(*events, then="sys.exit('out of memory')")
    cell = measure("lanes", command, 16, Limits(seconds=1, first_step=30))
    assert (cell.rate, cell.below, cell.failed) == (None, None, True)
    assert cell.trouble == "failed: out of memory"


def test_measured_engine_keeps_what_it_reported():
    command = reporting(COMPILED, FIRST, MEASURED, then="")
    cell = measure("lanes", command, 16, Limits(seconds=1, first_step=30))
    assert (cell.rate, cell.compile_seconds, cell.peak_bytes) == (8.0, 2.5, 5)
    assert cell.details == {"repeats": 5}


def test_unmeasured_engine_has_null_in_the_contract():
    facts = {
        "flops_per_step": 1e6,
        "matmul_flops_per_second": 1e9,
        "bytes_per_step": 1e6,
        "copy_bytes_per_second": 1e10,
    }
    slow = results.record("w", facts, Cell("jax vmap", below=0.5, trouble="slow"))
    assert set(CONTRACT) <= set(slow)
    assert slow["member_steps_per_second"] is None
    assert slow["fraction_of_peak"] is None
    assert slow["member_steps_per_second_below"] == 0.5
    fast = results.record("w", facts, Cell("lanes", rate=250.0))
    assert (fast["limit"], fast["fraction_of_peak"]) == ("flops", 0.25)


def engine_of_speed(seconds: float, monkeypatch) -> Engine:
    """An engine whose unit of 16 member-steps takes so long, on a clock that moves only with it."""
    clock = [0.0]
    monkeypatch.setattr("benchmarks.engine.time.perf_counter", lambda: clock[0])

    def advance(units: int) -> int:
        clock[0] += units * seconds
        return 16 * units

    return Engine(lambda: None, advance, dict, 1, {})


@pytest.mark.parametrize(("unit_seconds", "repeats"), [(0.01, 5), (2.0, 5), (5.0, 2), (50.0, 1)])
def test_repeats_share_the_time_and_slow_engines_make_fewer(unit_seconds, repeats, monkeypatch):
    engine = engine_of_speed(unit_seconds, monkeypatch)
    *_, last = timed(engine, 4.0, baseline_bytes=0)
    assert last["repeats"] == repeats
    assert last["member_steps_per_second"] == pytest.approx(16 / unit_seconds)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_each_workload_is_a_network_that_takes_its_data(workload):
    """Shapes alone. Residual net 20 has 0.27M parameters (He et al. 2016, table 6)."""
    stored = {"sklearn_digits": (8, 1, 10), "digits_on_photographs": (32, 3, 2)}
    side, channels, classes = stored.get(workload.data.name, (0, 0, VOCABULARY))
    side = workload.data.image_size or side
    shape = (side, side, channels) if side else (WINDOW,)
    inputs = np.zeros((1, *shape), np.uint8)
    masks = workload.data.task is Task.SEGMENTATION
    split = Split(inputs, np.zeros((1, *shape[:2]) if masks else 1, np.int32))
    data = DataArrays(split, split, classes, vocabulary=0 if side else VOCABULARY)
    model = preparation.model_of(workload, data)
    parameters = count_parameters(model, make_problem(workload.data, data).signature)
    known = {
        "resnet20-32x32": 269_434,
        "transformer-97k-text": 97_284,
        "mlp-64-256-256-10": 64 * 256 + 256 * 256 + 256 * 10 + 256 + 256 + 10,
        "deep-linear-64": 64 * 64 + 7 * 64 * 64 + 64 * 10,
    }
    assert parameters == known.get(workload.name, parameters)
    if workload.name.startswith("unet"):
        wanted = float(workload.name.split("-")[1].removesuffix("k")) * 1000
        assert parameters == pytest.approx(wanted, rel=0.02)
    assert workload.convolutional == workload.name.startswith(("cnn", "unet", "resnet"))


def test_text_is_prose_whose_targets_are_the_characters_that_follow():
    text = python_topics()
    assert text.classes == VOCABULARY
    for split in (text.train, text.validation):
        assert split.inputs.shape == split.targets.shape == (len(split.inputs), WINDOW)
        assert split.inputs.dtype == split.targets.dtype == np.uint16
        assert split.inputs.max() < VOCABULARY
        np.testing.assert_array_equal(split.inputs[:, 1:], split.targets[:, :-1])
        np.testing.assert_array_equal(split.inputs[1:, 0], split.targets[:-1, -1])
    assert len(text.train.inputs) > 1000
    characters = np.append(np.arange(32, 127), 10).astype(np.uint8)
    said = characters[text.train.inputs].tobytes().decode()
    assert " the " in said
    assert "\n" in said


def test_traffic_of_a_step_counts_outputs_of_layers_and_state():
    """64-32-10 on a batch of 16: by hand."""
    cohort = toys.mlp_cohort(model=WORKLOADS[0].model, batch_size=16)
    parameters, outputs = 3466, 16 * (32 + 32 + 10)
    signature = Signature((8, 8, 1), (10,))
    moved, held = preparation.step_bytes(cohort, signature, parameters)
    assert moved == 4 * (5 * outputs + 6 * parameters)
    assert held == 4 * (outputs + 3 * parameters)
