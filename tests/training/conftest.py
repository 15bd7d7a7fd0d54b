"""Lanes are sharded over devices, so the tests need more than one."""

import os
from typing import Any

import jax
import optax
import pytest

from lab.specs import OptimizerSpec
from lab.training import member, optimizers

# While tests are collected, nothing has touched a device yet; later it would be too late.
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture
def two_devices() -> list[jax.Device]:
    """Two devices; on a machine that has but one the test is skipped, and says so."""
    if jax.device_count() < 2:
        pytest.skip("one device here, and its number was fixed before the tests began")
    return jax.devices()[:2]


@pytest.fixture(autouse=True)
def _optax_may_promote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's bias correction mixes types; inside Optax alone JAX is as lenient as by default."""
    build = optimizers.build_optimizer

    def lenient(spec: OptimizerSpec) -> optax.GradientTransformation:
        optimizer = build(spec)

        def update(*arguments: Any) -> Any:
            with jax.numpy_dtype_promotion("standard"):
                return optimizer.update(*arguments)

        return optax.GradientTransformation(optimizer.init, update)

    monkeypatch.setattr(member, "build_optimizer", lenient)
