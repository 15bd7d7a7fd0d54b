"""What cohorts have in common is compiled once, and nothing else is."""

import concurrent.futures
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.training.programs import Programs

(DEVICE,) = jax.devices()[:1]
NUMBER = jax.ShapeDtypeStruct((), jnp.float32)


def lowered(added: object = 1.0) -> jax.stages.Lowered:
    return jax.jit(lambda x: x + jnp.sum(jnp.asarray(added))).lower(NUMBER)


@pytest.fixture(name="compilations")
def compilations_fixture(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each began; each takes long enough for others to ask meanwhile."""
    begun: list[float] = []
    compile_it = jax.stages.Lowered.compile

    def slowly(self: jax.stages.Lowered) -> jax.stages.Compiled:
        begun.append(time.monotonic())
        time.sleep(0.2)
        return compile_it(self)

    monkeypatch.setattr(jax.stages.Lowered, "compile", slowly)
    return begun


def test_threads_that_ask_side_by_side_get_one_program(compilations: list[float]) -> None:
    programs = Programs()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(programs.compiled, lowered(), DEVICE, {}) for _ in range(8)]
    assert len({id(one.result()) for one in asked}) == len(compilations) == 1
    assert asked[0].result()(jnp.float32(1)) == 2


def test_what_differs_in_a_constant_a_shape_an_option_or_the_device_is_another_program() -> None:
    programs, other = Programs(), jax.devices()[-1]
    one, another = np.zeros((300, 300), np.float32), np.zeros((300, 300), np.float32)
    another[150, 150] = 1  # In the middle, which a text that is cut short would leave out.
    vector = jax.jit(lambda x: x + 1).lower(jax.ShapeDtypeStruct((3,), jnp.float32))
    found = [
        programs.compiled(lowered(one), DEVICE, {}),
        programs.compiled(lowered(another), DEVICE, {}),
        programs.compiled(vector, DEVICE, {}),
        programs.compiled(lowered(one), DEVICE, {"xla_cpu_multi_thread_eigen": False}),
        *([programs.compiled(lowered(one), other, {})] if other != DEVICE else []),
    ]
    assert len(set(map(id, found))) == len(found)
    assert [float(program(jnp.float32(0))) for program in found[:2]] == [0, 1]


def test_no_more_are_compiled_at_once_than_there_are_cores(
    compilations: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    programs = Programs()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda added: programs.compiled(lowered(added), DEVICE, {}), (0.0, 1.0, 2.0)))
    assert len(compilations) == 3
    assert np.diff(compilations).min() >= 0.2


def test_whoever_waits_for_what_cannot_be_compiled_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()

    def too_large(_: jax.stages.Lowered) -> jax.stages.Compiled:
        started.wait(10)
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr(jax.stages.Lowered, "compile", too_large)
    programs = Programs()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(programs.compiled, lowered(), DEVICE, {}) for _ in range(2)]
        started.set()
        for one in asked:
            with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
                one.result()
