"""Compiled programs are kept where they may be, and change no bit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from lab.training import compilation
from lab.training.compilation import (
    operations_are_deterministic,
    use_compilation_cache,
    use_deterministic_operations,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither the user's cache nor the other tests' settings are touched."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_enable_compilation_cache", True)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_by_default_for_this_jaxlib_and_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert use_compilation_cache() is None
    folder = Path(jax.config.jax_compilation_cache_dir)
    assert folder.is_dir()
    assert folder.parent == tmp_path / "convergence-lab"
    assert compilation.jaxlib.__version__ in folder.name
    assert compilation.widths_file() == folder / "lane-widths.json"
    monkeypatch.setattr(compilation, "_processor", lambda: "another")
    assert compilation.default_folder() != folder


def test_a_folder_that_the_user_names_is_taken(tmp_path: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    assert use_compilation_cache() is None
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()


def test_a_folder_that_cannot_be_made_costs_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "file" / "cache"))
    warning = use_compilation_cache()
    assert warning is not None
    assert "\n" not in warning
    assert "JAX_COMPILATION_CACHE_DIR" in warning
    assert not jax.config.jax_enable_compilation_cache
    assert compilation.widths_file() is None


def test_switched_off_it_makes_nothing(tmp_path: Path) -> None:
    jax.config.update("jax_enable_compilation_cache", False)
    assert use_compilation_cache() is None
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_is_left_to_jax() -> None:
    jax.config.update("jax_compilation_cache_dir", "gs://bucket/cache")
    assert use_compilation_cache() is None
    assert compilation.widths_file() is None


@pytest.mark.parametrize(
    ("before", "after", "deterministic"),
    [
        ("", "--xla_gpu_deterministic_ops=true", True),
        ("--a=1", "--a=1 --xla_gpu_deterministic_ops=true", True),
        ("--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false", False),
    ],
)
def test_deterministic_operations_leave_the_users_flags_alone(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str, deterministic: bool
) -> None:
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr(compilation, "_has_begun", lambda: False)
    assert use_deterministic_operations() is None
    assert use_deterministic_operations() is None
    assert os.environ["XLA_FLAGS"] == after
    assert operations_are_deterministic() is deterministic


def test_what_comes_too_late_for_xla_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """XLA has read its flags once a device is there, as in a notebook that has computed."""
    devices = jax.devices()
    before = jax.config.jax_num_cpu_devices
    monkeypatch.setenv("XLA_FLAGS", "--a=1")
    assert use_deterministic_operations() is None  # Elsewhere than on a GPU it is all the same.
    assert os.environ["XLA_FLAGS"] == "--a=1"
    assert not operations_are_deterministic()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    line = use_deterministic_operations()
    assert line is not None
    assert "XLA_FLAGS=--xla_gpu_deterministic_ops=true" in line
    assert not operations_are_deterministic()
    assert jax.config.jax_num_cpu_devices == before
    assert jax.devices() == devices


LATE = """
import jax
from lab.training import compilation

before = jax.config.jax_num_cpu_devices
assert not compilation._has_begun()
assert jax.config.jax_num_cpu_devices == before
jax.devices()
assert compilation._has_begun()
"""


def test_asking_whether_jax_has_begun_begins_nothing() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", LATE], check=True, env=environment)


def test_instructions_are_those_on_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "flags : fpu avx2 smep sse4_2 fma smap avx512f tsc pni bmi2"
    monkeypatch.setattr(compilation, "_processor_flags", lambda: line)
    kind, *found = compilation.instructions()
    assert kind == compilation.platform.machine()
    assert found == ["avx2", "avx512f", "fma", "pni", "sse4_2"]
    monkeypatch.setattr(compilation, "_processor_flags", lambda: "")
    assert compilation.instructions() == [kind]


PROGRAM = """
import hashlib, sys
sys.path.insert(0, "tests")
import jax, numpy as np
from lab.training.compilation import use_compilation_cache, use_deterministic_operations

use_deterministic_operations()
assert use_compilation_cache() is None
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
hits = []
jax.monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)
from toys import TWO_CLASSES, easy_images, mlp_cohort
from lab.training.lanes import Layout, make_lanes, replicated
from lab.training.member import make_member
from lab.training.resident import make_resident

devices = jax.devices()[:1]
cohort = mlp_cohort()
program = make_lanes(make_member(cohort, TWO_CLASSES), cohort, Layout(2, 2), 10, devices)
data = jax.device_put(make_resident(easy_images()), replicated(devices))
lanes, trace = program.compile(data).advance(program.empty(), data)
digest = hashlib.sha256()
for leaf in jax.tree.leaves((lanes, trace)):
    digest.update(np.asarray(leaf).tobytes())
print(len(hits), digest.hexdigest())
"""


def test_a_kept_program_computes_the_same_bits(tmp_path: Path) -> None:
    """XLA's flag is known to this jaxlib too, or the process would not have started."""

    def once() -> tuple[int, str]:
        names = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")
        environment = {name: value for name, value in os.environ.items() if name not in names}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment | {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        hits, digest = done.stdout.split()
        return int(hits), digest

    (none, fresh), (some, kept) = once(), once()
    assert none == 0
    assert some > 0
    assert kept == fresh
