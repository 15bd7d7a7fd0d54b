"""What memory there is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

from lab.training import devices


def test_a_machine_has_memory_left() -> None:
    free = devices.available_bytes(jax.devices())
    assert free is not None
    assert 2**20 < free < 2**50


def test_an_accelerator_counts_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_host_bytes", lambda: pytest.fail("not the host's"))
    stats = [{"bytes_limit": 100, "bytes_in_use": 30}, {"bytes_limit": 100, "bytes_in_use": 60}]
    pair: list[Any] = [SimpleNamespace(memory_stats=lambda one=one: one) for one in stats]
    assert devices.available_bytes(pair) == 80


@pytest.mark.parametrize(
    ("place", "files", "left"),
    [
        (".", {"memory.max": "1000", "memory.current": "700", "memory.stat": "x 1"}, [300]),
        (
            ".",
            {"memory.max": "1000", "memory.current": "700", "memory.stat": "inactive_file 200"},
            [500],
        ),
        (".", {"memory.max": "max", "memory.current": "700", "memory.stat": ""}, []),
        (
            "memory",
            {
                "memory.limit_in_bytes": "1000",
                "memory.usage_in_bytes": "900",
                "memory.stat": "inactive_file 1\ntotal_inactive_file 50",
            },
            [150],
        ),
        (".", {}, []),
    ],
)
def test_a_limit_of_the_control_group_counts(
    tmp_path: Path, place: str, files: dict[str, str], left: list[int]
) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    for name, text in files.items():
        (tmp_path / place / name).write_text(text + "\n")
    assert devices._group_bytes(tmp_path) == left


def test_the_tightest_limit_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_machine_bytes", lambda: 500)
    monkeypatch.setattr(devices, "_group_bytes", lambda: [300, 400])
    assert devices._host_bytes() == 300
    monkeypatch.setattr(devices, "_machine_bytes", lambda: None)
    monkeypatch.setattr(devices, "_group_bytes", list)
    assert devices._host_bytes() is None
