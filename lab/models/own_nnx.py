"""A user's nnx module, unmodified: split into what is trained, what it draws with, and the rest."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx, traverse_util

from lab.errors import UsageError
from lab.models.own_passes import Passes, mode_options


class _Part(NamedTuple):
    """One of the states that a module is split into, and its leaves by name."""

    structure: Any
    names: tuple[tuple[str, ...], ...]
    leaves: tuple[jax.ShapeDtypeStruct, ...]

    def tree(self, state: Any) -> dict[str, Any]:
        """As nested dictionaries of arrays, as linen has them."""
        named = dict(zip(self.names, jax.tree.leaves(state), strict=True))
        return dict(traverse_util.unflatten_dict(named))

    def state(self, tree: dict[str, Any]) -> Any:
        """As nnx has it."""
        named = traverse_util.flatten_dict(tree)
        return jax.tree.unflatten(self.structure, [named[name] for name in self.names])


def nnx_passes(path: str, construct: Callable[[nnx.Rngs], nnx.Module]) -> Passes:
    """Initial variables are those of `construct(nnx.Rngs(key))`.

    In each pass the module's random streams begin anew from that pass's key, so that no count of
    draws is carried from step to step; all variables but parameters and streams are model state.
    """
    abstract = nnx.eval_shape(lambda: construct(nnx.Rngs(0)))
    graph, *states = _split(abstract)
    trained, drawn, held = map(_part, states)
    how, evaluated = (
        mode_options(type(abstract).__call__, training)  # type: ignore[operator]
        for training in (True, False)
    )

    def init(key: jax.Array) -> tuple[Any, Any]:
        _, params, _, rest = _split(construct(nnx.Rngs(key)))
        return trained.tree(params), held.tree(rest)

    def built(params: Any, state: Any, key: jax.Array) -> nnx.Module:
        # Without the copy its variables would belong to the trace outside of the gradient's.
        return nnx.merge(
            graph, trained.state(params), _streams(drawn, key), held.state(state), copy=True
        )

    def train(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> tuple[Any, Any]:
        module = built(params, state, key)
        module.train()
        outputs, _ = _called(path, module, inputs, how)
        _, _, _, rest = _split(module)
        return outputs, held.tree(rest)

    def evaluate(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> Any:
        module = built(params, state, key)
        module.eval()
        outputs, _ = _called(path, module, inputs, evaluated)
        return outputs

    def activations(params: Any, state: Any, inputs: jax.Array, key: jax.Array) -> Any:
        module = built(params, state, key)
        module.train()
        _, seen = _called(path, module, inputs, how, method_outputs=nnx.Intermediate)
        return _part(seen).tree(seen)

    return Passes(init, train, evaluate, activations)


def _called(
    path: str, module: Any, inputs: jax.Array, options: dict[str, bool], **capture: Any
) -> tuple[Any, Any]:
    """Outputs and what was sown; UsageError where the call changed more than values."""
    before = nnx.graphdef(module)
    outputs, seen = nnx.capture(module, nnx.Intermediate, **capture)(inputs, **options)
    if nnx.graphdef(module) != before:
        raise UsageError(
            f"calling {path} changes an attribute of the module that is no variable, or adds one; "
            "a model must be a pure function of its variables and random streams: keep what "
            "changes in an nnx.Variable that __init__ makes"
        )
    return outputs, seen


def _split(module: nnx.Module) -> tuple[Any, Any, Any, Any]:
    graph, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
    params, streams, rest = states
    return graph, params, streams, rest


def _part(state: Any) -> _Part:
    paths, structure = jax.tree_util.tree_flatten_with_path(state)
    names = tuple(tuple(_written(path)) for path, _ in paths)
    return _Part(structure, names, tuple(leaf for _, leaf in paths))


def _written(path: tuple[Any, ...]) -> Iterator[str]:
    """Keys and places; the last part only says that a Variable holds a value."""
    for part in path:
        if isinstance(part, jax.tree_util.DictKey):
            yield str(part.key)
        elif isinstance(part, jax.tree_util.SequenceKey):
            yield str(part.idx)


def _streams(drawn: _Part, key: jax.Array) -> Any:
    """Each stream's key from this pass's key and the stream's place; counts begin at 0."""
    leaves = []
    for place, leaf in enumerate(drawn.leaves):
        own = jax.random.fold_in(key, place)
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaves.append(jnp.zeros(leaf.shape, leaf.dtype))
        else:
            leaves.append(jax.random.split(own, leaf.shape) if leaf.shape else own)
    return jax.tree.unflatten(drawn.structure, leaves)
