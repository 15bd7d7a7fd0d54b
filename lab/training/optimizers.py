"""Optimizer spec to pure functions of one member's parameters and hyperparameters."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, assert_never

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from lab.models.paths import named, renamed
from lab.specs import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    LAMBSpec,
    LionSpec,
    MuonSpec,
    NAdamSpec,
    OptimizerSpec,
    ProdigySpec,
    RecipeSpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    SGDSpec,
)
from lab.training.hyperparameters import Hyperparameters
from lab.training.schedules import learning_rate

Params = Any
Rates = Mapping[str, float]
"""By what factor each tensor's rate differs, by its path; without any all have the same."""


ALL_ALIKE: Rates = {}


class Optimizer(NamedTuple):
    """`update` takes gradients at `params`; `evaluated` gives the parameters to be evaluated.

    `update(gradients, state, params, hyper, step)`, where `step` (int32) is the number of updates
    that the member has done.
    """

    init: Callable[[Params, Hyperparameters], optax.OptState]
    update: Callable[
        [Params, optax.OptState, Params, Hyperparameters, jax.Array],
        tuple[Params, optax.OptState],
    ]
    evaluated: Callable[[Params, optax.OptState], Params]


def build_optimizer(spec: OptimizerSpec, recipe: RecipeSpec, rates: Rates = ALL_ALIKE) -> Optimizer:
    """Optax's transformation of `spec`, built anew at every update with the member's own numbers.

    So hyperparameters are traced scalars, which `vmap` maps over like anything else, and the
    member's own step is the only one that a schedule counts. Optax keeps its state's types by
    itself, mixing types on the way, for which strict promotion is lifted. `rates` multiply what
    follows from gradients, not weight decay: that stays a pull by the declared rate times the
    declared decay, whatever the width, as in the `mup` package of Yang et al. 2022.
    """

    def init(params: Params, hyper: Hyperparameters) -> optax.OptState:
        with jax.numpy_dtype_promotion("standard"):
            return _with_rates(spec, hyper.learning_rate, hyper, rates).init(params)

    def update(
        gradients: Params,
        state: optax.OptState,
        params: Params,
        hyper: Hyperparameters,
        step: jax.Array,
    ) -> tuple[Params, optax.OptState]:
        rate = learning_rate(recipe.schedule, step, hyper)
        with jax.numpy_dtype_promotion("standard"):
            if hyper.clip_norm is not None:
                clip = optax.clip_by_global_norm(hyper.clip_norm)
                gradients, _ = clip.update(gradients, clip.init(params))
            transformation = _with_rates(spec, rate, hyper, rates)
            updates, state = transformation.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    def evaluated(params: Params, state: optax.OptState) -> Params:
        if isinstance(spec, ScheduleFreeSpec):
            return contrib.schedule_free_eval_params(state, params)
        return params

    return Optimizer(init, update, evaluated)


def averaged(old: Any, new: Any, decay: jax.Array) -> Any:
    """One step of the exponential moving average of a tree of arrays."""
    return jax.tree.map(lambda mean, value: decay * mean + (1 - decay) * value, old, new)


def _with_rates(
    spec: OptimizerSpec, rate: jax.Array, hyper: Hyperparameters, rates: Rates
) -> optax.GradientTransformation:
    """Factors of what follows from gradients alone: before what is linear, after what is not."""
    if not rates:
        return _transformation(spec, rate, hyper)
    if isinstance(spec, SGDSpec):
        return optax.chain(_times(rates), _transformation(spec, rate, hyper))
    undecayed = _transformation(spec, rate, hyper._replace(weight_decay=None))
    if hyper.weight_decay is None:
        return optax.chain(undecayed, _times(rates))
    decay = optax.add_decayed_weights(-rate * hyper.weight_decay, _decayed)
    return optax.chain(undecayed, _times(rates), decay)


def _times(rates: Rates) -> optax.GradientTransformation:
    def update(updates: Params, params: Params | None = None) -> Params:
        del params
        return renamed(updates, {path: leaf * rates[path] for path, leaf in named(updates).items()})

    return optax.stateless(update)


def _transformation(
    spec: OptimizerSpec, rate: jax.Array, hyper: Hyperparameters
) -> optax.GradientTransformation:
    decay = 0.0 if hyper.weight_decay is None else hyper.weight_decay
    match spec:
        case AdamSpec():
            return optax.adam(rate)
        case SGDSpec():
            return optax.chain(
                optax.add_decayed_weights(hyper.weight_decay, _decayed)
                if hyper.weight_decay is not None
                else optax.identity(),
                optax.sgd(rate, momentum=hyper.momentum, nesterov=spec.nesterov),
            )
        case AdamWSpec():
            return optax.adamw(rate, weight_decay=decay, mask=_decayed)
        case NAdamSpec():
            return optax.nadam(rate)
        case RMSPropSpec():
            return optax.rmsprop(rate, momentum=hyper.momentum)
        case AdagradSpec():
            return optax.adagrad(rate)
        case LionSpec():
            return optax.lion(rate, weight_decay=decay, mask=_decayed)
        case LAMBSpec():
            return optax.lamb(rate, weight_decay=decay, mask=_decayed)
        case MuonSpec():
            return contrib.muon(
                rate,
                beta=0.0 if hyper.momentum is None else hyper.momentum,
                weight_decay=decay,
                weight_decay_mask=_decayed,
                muon_weight_dimension_numbers=_as_matrices,
            )
        case ScheduleFreeSpec():
            base = optax.adamw(rate, b1=0.0, weight_decay=decay, mask=_decayed)
            return contrib.schedule_free(base, learning_rate=rate)
        case ProdigySpec():
            return contrib.prodigy(rate)
        case _:
            assert_never(spec)


def _decayed(params: Params) -> Params:
    """Kernels and embeddings; not biases, nor the scales of normalisation."""
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) >= 2, params)


def _as_matrices(params: Params) -> Params:
    """Fan-in against features: what Muon orthogonalises; None is left to Adam."""
    return jax.tree.map(
        lambda leaf: (
            contrib.MuonDimensionNumbers(tuple(range(leaf.ndim - 1)), leaf.ndim - 1)
            if leaf.ndim >= 2
            else None
        ),
        params,
    )
