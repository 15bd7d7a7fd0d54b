"""PyTorch as a user would write it: eager, a loop over members or torch.func's vmap over them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from benchmarks.engine import Engine
from benchmarks.torch_nets import build_net, from_flax, to_flax
from benchmarks.work import Work
from lab.specs import AdamSpec, DataSpec, FamilySpec, OwnModelSpec, SGDSpec
from lab.words import Task

TRIALS = 5

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def torch_loop(work: Work) -> Engine:
    """An eager training loop over one member after another."""
    _compute_as_jax_does()
    batch = _batches(work)
    loss = _loss(work)
    starts = from_flax(work.weights)
    nets = [_net(work) for _ in range(work.lanes)]
    for member, net in enumerate(nets):
        net.load_state_dict({name: start[member] for name, start in starts.items()}, strict=False)
    optimizers = [_optimizer(work, net.parameters()) for net in nets]
    steps = [0] * work.lanes
    calls = 0

    def advance(units: int) -> int:
        nonlocal calls
        member = calls % work.lanes
        calls += 1
        net, optimizer = nets[member], optimizers[member]
        for _ in range(units):
            inputs, targets = batch(steps[member], member)
            optimizer.zero_grad()
            loss(net(inputs), targets).backward()
            optimizer.step()
            steps[member] += 1
        _wait()
        return units

    def try_gradient() -> None:
        inputs, targets = batch(0, 0)
        loss(nets[0](inputs), targets).backward()

    def weights() -> Mapping[str, np.ndarray]:
        members = [dict(net.named_parameters()) for net in nets]
        stacked = {name: torch.stack([one[name] for one in members]) for name in members[0]}
        return to_flax(stacked, work.weights)

    _choose_threads(try_gradient)
    return Engine(lambda: None, advance, weights, 1, _facts(), _accelerator_bytes)


def torch_vmap(work: Work) -> Engine:
    """`torch.func.vmap` over `functional_call`; one optimizer holds the stacked weights."""
    _compute_as_jax_does()
    batch = _batches(work)
    loss = _loss(work)
    net = _net(work)
    starts = from_flax(work.weights)
    params = {name: nn.Parameter(start.to(_device())) for name, start in starts.items()}
    buffers = {
        name: buffer.expand(work.lanes, *buffer.shape).clone()
        for name, buffer in net.named_buffers()
    }
    optimizer = _optimizer(work, params.values())
    steps = 0

    def member_loss(
        params: Any, buffers: Any, inputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        return loss(functional_call(net, (params, buffers), (inputs,)), targets)

    gradients_of = vmap(grad(member_loss))

    def gradients() -> Mapping[str, torch.Tensor]:
        detached = {name: param.detach() for name, param in params.items()}
        return gradients_of(detached, buffers, *batch(steps, slice(None)))

    def advance(units: int) -> int:
        nonlocal steps
        for _ in range(units):
            for name, gradient in gradients().items():
                params[name].grad = gradient
            optimizer.step()
            steps += 1
        _wait()
        return units * work.lanes

    _choose_threads(gradients)
    return Engine(
        lambda: None,
        advance,
        lambda: to_flax(params, work.weights),
        1,
        _facts(),
        _accelerator_bytes,
    )


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _compute_as_jax_does() -> None:
    """On a GPU, float32 products of both are TensorFloat-32's; on a CPU this changes nothing."""
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")


def _wait() -> None:
    """To the end of what was dispatched."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _accelerator_bytes() -> int | None:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def _choose_threads(trial: Callable[[], object]) -> None:
    """One thread or one a core, whichever is faster here: small networks lose by more."""
    if torch.cuda.is_available():
        return

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        trial()
        started = time.perf_counter()
        for _ in range(TRIALS):
            trial()
        return time.perf_counter() - started

    torch.set_num_threads(min({1, torch.get_num_threads()}, key=seconds))


def _net(work: Work) -> nn.Module:
    shape = work.data.train.inputs.shape[1:]
    return build_net(_family(work), work.weights, shape, work.data.classes).to(_device()).train()


def _batches(work: Work) -> Callable[[int, int | slice], tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and targets of a step, of one member or of all.

    Images are [..., B, C, H, W] in [0, 1], tokens [..., B, T].
    """
    task = _task(work)
    stored = torch.from_numpy(work.data.train.inputs)
    # Classes and tokens are int64 in PyTorch, pixels of a mask float32 where the loss takes them.
    inputs = (stored.long() if task is Task.LANGUAGE else _channels_first(stored)).to(_device())
    targets = torch.from_numpy(work.data.train.targets).to(_device())
    targets = targets if task is Task.SEGMENTATION else targets.long()
    order_TxLxB = torch.from_numpy(work.batches_TxLxB).long().to(_device())

    def batch(step: int, member: int | slice) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = order_TxLxB[step % len(order_TxLxB), member]
        drawn = inputs[chosen]
        return drawn if task is Task.LANGUAGE else drawn.float() / 255.0, targets[chosen]

    return batch


def _family(work: Work) -> FamilySpec:
    assert not isinstance(work.cohort.model, OwnModelSpec)
    return work.cohort.model


def _task(work: Work) -> Task:
    assert isinstance(work.cohort.data, DataSpec)
    return work.cohort.data.task


def _channels_first(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2).contiguous()


def _loss(work: Work) -> Loss:
    match _task(work):
        case Task.SEGMENTATION:
            return lambda logits, mask: functional.binary_cross_entropy_with_logits(
                logits, mask.float()
            )
        case Task.CLASSIFICATION:
            return functional.cross_entropy
        case Task.LANGUAGE:
            return lambda logits, following: functional.cross_entropy(
                logits.flatten(0, 1), following.flatten()
            )
        case Task.REGRESSION:
            return functional.mse_loss


def _optimizer(work: Work, params: Any) -> torch.optim.Optimizer:
    match work.cohort.optimizer:
        case AdamSpec(learning_rate=rate):
            return torch.optim.Adam(params, lr=rate)
        case SGDSpec(learning_rate=rate, momentum=momentum):
            return torch.optim.SGD(params, lr=rate, momentum=momentum)


def _facts() -> dict[str, Any]:
    versions = {"versions": {"torch": torch.__version__}}
    if torch.cuda.is_available():
        kind = torch.cuda.get_device_name()
        return {"platform": "gpu", "device_kind": kind, "devices": 1, **versions}
    return {"platform": "cpu", "devices": 1, "threads": torch.get_num_threads(), **versions}
