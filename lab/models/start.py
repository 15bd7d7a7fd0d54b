"""The state that a cohort's members start from, and which of it they train."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lab.errors import UsageError
from lab.models.network import Network
from lab.models.parametrisation import draw_factors, rate_factors
from lab.models.paths import chosen, named, renamed
from lab.models.schemes import redrawn
from lab.models.weights import Weights, taken
from lab.specs import InitialSpec, OptimizerSpec
from lab.words import Scheme, Use

_SCHEME_DRAWS, _MATCHED_DRAWS = 1, 2
"""Folded into a member's key of its initial weights; the network itself draws with that key."""


class Division(NamedTuple):
    """A network's parameters in trained and frozen ones.

    `trained(params)` are those that are updated, `whole(trained, params)` all, the frozen ones from
    `params`. Gradients are taken with respect to the former, so that for the others none are
    computed, no optimizer state is held, and neither decay nor a norm knows of them.
    """

    trained: Callable[[Any], Any]
    whole: Callable[[Any, Any], Any]


class Start(NamedTuple):
    """`init(key)` gives params and model state; `rates` the learning rates' factors, by path.

    No rates means that all tensors have the optimizer's own.
    """

    init: Callable[[jax.Array], tuple[Any, Any]]
    division: Division
    rates: Mapping[str, float]


ALL_TRAINED = Division(lambda params: params, lambda trained, params: trained)


def make_start(
    spec: InitialSpec,
    network: Network,
    base: Network | None,
    optimizer: OptimizerSpec,
    branch_ends: tuple[str, ...],
    source: Weights | None = None,
) -> Start:
    """The start that `spec` asks of the network; UsageError where they do not fit.

    `base` is the network at the base width, under muP; `branch_ends` are patterns of the tensors
    that end residual branches; `source` is what `spec.source` names.
    """
    params, model_state = variables(network)
    zero = _zeroed(spec, params, branch_ends)
    weights = None
    if spec.source is not None:
        assert source is not None
        weights = _taken(spec, source, params, model_state)
        _require_no_zero_in(weights, zero)
    draws: Mapping[str, float] = {}
    rates: Mapping[str, float] = {}
    if base is not None:
        at_base, _ = variables(base)
        draws = draw_factors(spec, params, at_base)
        rates = rate_factors(optimizer, params, at_base)

    def init(key: jax.Array) -> tuple[Any, Any]:
        params, model_state = network.init(key)
        if spec.scheme is not Scheme.FAMILY:
            params = redrawn(spec, params, jax.random.fold_in(key, _SCHEME_DRAWS))
        own = named(params)
        params = renamed(params, {path: own[path] * factor for path, factor in draws.items()})
        params = renamed(params, {path: jnp.zeros_like(own[path]) for path in zero})
        if weights is None:
            return params, model_state
        if spec.use is Use.MATCHED:
            return renamed(params, _matched(weights, jax.random.fold_in(key, _MATCHED_DRAWS))), (
                model_state
            )
        return tuple(
            renamed(tree, {path: jnp.asarray(value) for path, value in there.items()})
            for tree, there in zip((params, model_state), weights, strict=True)
        )

    plain = spec == InitialSpec()
    return Start(
        init=network.init if plain else init,
        division=_division(spec, params),
        rates={} if all(factor == 1 for factor in rates.values()) else rates,
    )


def variables(network: Network) -> tuple[Any, Any]:
    """Shapes and types of the network's params and model state."""
    return jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))


def _zeroed(spec: InitialSpec, params: Any, branch_ends: tuple[str, ...]) -> frozenset[str]:
    if spec.zero_branches and not branch_ends:
        raise UsageError(
            "zero_branches starts residual branches at 0, and this network has none: drop "
            "--zero_branches, or name tensors by --zero"
        )
    paths = named(params)
    ends = chosen(paths, branch_ends, "zero_branches") if spec.zero_branches else frozenset()
    return ends | chosen(paths, spec.zero, "zero")


def _taken(spec: InitialSpec, source: Weights, params: Any, model_state: Any) -> Weights:
    """Batch statistics come along with weights, but are none that could be matched."""
    if spec.use is Use.MATCHED:
        source, model_state = source._replace(model_state={}), {}
    paths = named(params).keys() | named(model_state).keys()
    paths |= source.params.keys() | source.model_state.keys()
    weights = taken(source, params, model_state, chosen(paths, spec.fresh, "fresh"))
    if not weights.params:
        raise UsageError(
            "nothing is taken from the trained weights, for all is fresh: name less by --fresh, or "
            "drop --pretrained"
        )
    return weights


def _require_no_zero_in(weights: Weights, zero: frozenset[str]) -> None:
    for path in sorted(zero & weights.params.keys()):
        raise UsageError(
            f"{path} is to start at 0, and comes from the trained weights: pass --fresh={path} "
            "too, or drop --zero"
        )


def _matched(weights: Weights, key: jax.Array) -> dict[str, jax.Array]:
    """Normal draws of each tensor's mean and deviation (Raghu et al. 2019, "Transfusion", 4.2)."""
    draws = jax.random.normal(key, (sum(value.size for value in weights.params.values()),))
    values, used = {}, 0
    for path, value in weights.params.items():
        own, used = draws[used : used + value.size], used + value.size
        values[path] = own.reshape(value.shape) * float(value.std()) + float(value.mean())
    return values


def _division(spec: InitialSpec, params: Any) -> Division:
    if not spec.frozen:
        return ALL_TRAINED
    paths = named(params)
    frozen = chosen(paths, spec.frozen, "frozen")
    if len(frozen) == len(paths):
        raise UsageError(
            "all tensors are frozen, so that nothing is trained: name less by --frozen"
        )
    return Division(
        lambda params: {path: leaf for path, leaf in named(params).items() if path not in frozen},
        lambda trained, params: renamed(params, trained),
    )
