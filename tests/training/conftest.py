"""Lanes are sharded over devices, so the tests need more than one."""

import os

import jax
import pytest

# While tests are collected, nothing has touched a device yet; later it would be too late.
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture
def two_devices() -> list[jax.Device]:
    """Two devices; on a machine that has but one the test is skipped, and says so."""
    if jax.device_count() < 2:
        pytest.skip("one device here, and its number was fixed before the tests began")
    return jax.devices()[:2]
