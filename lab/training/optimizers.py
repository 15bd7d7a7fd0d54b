"""Optimizer spec to Optax transformation."""

from typing import assert_never

import optax

from lab.specs import AdamSpec, OptimizerSpec, SGDSpec


def build_optimizer(spec: OptimizerSpec) -> optax.GradientTransformation:
    """The transformation of `spec`."""
    match spec:
        case AdamSpec(learning_rate=rate):
            return optax.adam(rate)
        case SGDSpec(learning_rate=rate, momentum=momentum):
            return optax.sgd(rate, momentum=momentum or None)
        case _:
            assert_never(spec)
