"""The layers of a model: names, shapes, parameters and FLOPs, by shapes alone."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from lab.models.flops import Placed, count_flops, walk
from lab.models.network import Network, Noise
from lab.models.signature import Signature

Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """A layer without the layers in it; the model itself is what lies outside of its layers.

    FLOPs are those of one example's evaluation, as `lab.models.flops` counts them; `output` is the
    shape of what the layer gave last for one example, None where that cannot be told.
    """

    name: str  # names from the model down, joined by /; empty for the model itself
    kind: str  # its class; empty where the framework does not say
    output: tuple[int, ...] | None
    parameters: int
    flops: int


@dataclasses.dataclass(frozen=True, slots=True)
class LayerTable:
    """Every layer that holds parameters or computes, outer before inner, else as they are called.

    `training_flops` are of one training step's forward and backward pass over `batch_size`
    examples, the loss and the optimizer aside.
    """

    layers: tuple[Layer, ...]
    training_flops: int
    batch_size: int

    @property
    def parameters(self) -> int:
        """Of the model."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        """Of one example's evaluation."""
        return sum(layer.flops for layer in self.layers)


class _Called(NamedTuple):
    kind: str
    output: tuple[int, ...] | None


def layer_table(network: Network, signature: Signature, batch_size: int) -> LayerTable:
    """The table of any network.

    Layers are told apart by the names that Flax linen gives to modules. What a framework names
    only parameters in, as nnx does, stands with the layer whose parameters it reads, and with the
    model itself where it reads none.
    """
    params, state = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))
    placed, called = _evaluation(network, params, state, signature)
    held = _parameters(params)
    modules = {path[:depth] for path in (*held, *called) for depth in range(len(path) + 1)}
    flops: dict[Path, int] = {(): 0}
    outputs: dict[Path, tuple[int, ...] | None] = {}
    for one in placed:
        path = _path(one, modules)
        for depth in range(len(path) + 1):
            flops.setdefault(path[:depth], 0)
        flops[path] += one.flops
        outputs[path] = _of_one(one.equation.outvars[0].aval)
    outputs[()] = signature.outputs
    layers = [
        Layer(
            name="/".join(path),
            kind=called[path].kind if path in called else "",
            output=called[path].output if path in called else outputs.get(path),
            parameters=held.get(path, 0),
            flops=flops.get(path, 0),
        )
        for path in dict.fromkeys((*flops, *held))
        if held.get(path, 0) or flops.get(path, 0)
    ]
    return LayerTable(
        tuple(layers), _training_flops(network, params, state, signature, batch_size), batch_size
    )


def _evaluation(
    network: Network, params: Any, state: Any, signature: Signature
) -> tuple[list[Placed], dict[Path, _Called]]:
    """One example's evaluation: its equations, and the linen modules that it calls."""
    called: dict[Path, _Called] = {}

    def noted(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        given = call(*args, **kwargs)
        if context.method_name == "__call__":
            leaves = jax.tree.leaves(given)
            output = _of_one(leaves[0]) if len(leaves) == 1 else None
            called[context.module.path] = _Called(type(context.module).__name__, output)
        return given

    with nn.intercept_methods(noted):
        closed = jax.make_jaxpr(network.evaluate)(params, state, signature.example())
    variables = jax.tree_util.tree_leaves_with_path((params, state))
    labels = {
        variable: frozenset([_owner(path[1:])])
        for variable, (path, _) in zip(closed.jaxpr.invars, variables, strict=False)
    }
    return list(walk(closed.jaxpr, labels)), called


def _training_flops(
    network: Network, params: Any, state: Any, signature: Signature, batch_size: int
) -> int:
    inputs = signature.example(batch_size)
    noise = Noise(jax.eval_shape(lambda: jax.random.key(0)), None) if network.draws else None

    def step(params: Any, state: Any, inputs: jax.Array, noise: Any, cotangents: jax.Array) -> Any:
        def passed(params: Any) -> tuple[jax.Array, Any]:
            return network.train(params, state, inputs, noise)

        _, pull_back, updated = jax.vjp(passed, params, has_aux=True)
        return pull_back(cotangents), updated

    outputs, _ = jax.eval_shape(network.train, params, state, inputs, noise)
    return count_flops(step, params, state, inputs, noise, outputs)


def _path(placed: Placed, modules: set[Path]) -> Path:
    """The module that an equation belongs to, by its scopes or else by what it reads."""
    path: Path = ()
    for scope in placed.scopes:
        # Flax names other methods than __call__ with the module's name before a dot.
        names = ((*path, scope), (*path, scope.partition(".")[0]))
        path = next((one for one in names if one in modules), path)
    return path or _common(owner for owner in placed.labels if owner in modules)


def _common(paths: Iterable[Path]) -> Path:
    """The innermost module that holds them all."""
    columns = zip(*paths, strict=False)
    shared: list[str] = []
    for names in columns:
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)


def _parameters(params: Any) -> dict[Path, int]:
    """How many each module holds itself."""
    counts: dict[Path, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        owner = _owner(path)
        counts[owner] = counts.get(owner, 0) + math.prod(leaf.shape)
    return counts


def _owner(path: tuple[Any, ...]) -> Path:
    names = (jax.tree_util.keystr((key,), simple=True) for key in path)
    return tuple(names)[:-1]


def _of_one(array: Any) -> tuple[int, ...]:
    return tuple(array.shape[1:])
