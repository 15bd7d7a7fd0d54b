"""Detection inside the program is the definition, written down in plain Python."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.specs import TargetSpec
from lab.training import detection
from lab.training.detection import DetectionState, detector
from lab.words import Metric

EVALUATIONS = 10
LADDERS = {Metric.IOU: (0.3, 0.6, 0.9), Metric.LOSS: (0.9, 0.6, 0.3)}
EXACT = [np.float32(one) for one in LADDERS[Metric.IOU]]
VALUES = st.sampled_from(
    [
        *EXACT,
        *(np.nextafter(one, np.float32(2)) for one in EXACT),
        *(np.nextafter(one, np.float32(-2)) for one in EXACT),
        *map(np.float32, (0.0, 0.45, 0.75, 1.0, np.nan, np.inf, -np.inf)),
    ]
)
CURVES = st.lists(VALUES, min_size=EVALUATIONS, max_size=EVALUATIONS)


def first_run(good: Sequence[bool], sustain: int) -> int | None:
    """The first evaluation, from 1, of the first `sustain` good ones in a row."""
    for start in range(len(good) - sustain + 1):
        if all(good[start : start + sustain]):
            return start + 1
    return None


def compiled(metric: Metric, sustain: int):
    detect = detector(TargetSpec(metric, LADDERS[metric], sustain))

    def watch(curve_E: jax.Array) -> DetectionState:
        def once(state: DetectionState, at: tuple[jax.Array, jax.Array]):
            state = detect.update(state, *at)
            return state, state

        numbers = jnp.arange(1, EVALUATIONS + 1, dtype=jnp.int32)
        return jax.lax.scan(once, detect.init(), (numbers, curve_E))[1]

    return jax.jit(watch)


watcher = functools.cache(compiled)


def check(states: DetectionState, metric: Metric, sustain: int, curve: Sequence[float]) -> None:
    """After every evaluation the state is that of the definition on the curve so far."""
    for k, threshold in enumerate(LADDERS[metric]):
        limit = np.float32(threshold)
        good = [bool(value >= limit if metric is Metric.IOU else value <= limit) for value in curve]
        for seen in range(1, len(curve) + 1):
            hit = first_run(good[:seen], sustain)
            assert bool(states.reached_K[seen - 1, k]) == (hit is not None)
            if hit is not None:
                assert int(states.hit_K[seen - 1, k]) == hit


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(LADDERS, key=str)), st.integers(1, 3), CURVES)
def test_detection_is_the_definition(metric: Metric, sustain: int, curve: list[float]) -> None:
    states = jax.device_get(watcher(metric, sustain)(jnp.array(curve, jnp.float32)))
    check(states, metric, sustain, curve)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3), CURVES)
def test_easier_thresholds_are_hit_no_later(sustain: int, curve: list[float]) -> None:
    last = jax.tree.map(
        lambda leaf: np.asarray(leaf)[-1],
        watcher(Metric.IOU, sustain)(jnp.array(curve, jnp.float32)),
    )
    assert (np.diff(last.reached_K.astype(int)) <= 0).all()
    hits = last.hit_K[last.reached_K]
    assert (np.diff(hits) >= 0).all()


def test_maximising_and_minimising_are_mirror_images() -> None:
    """A curve c against rising thresholds t is 1.2 - c against falling thresholds 1.2 - t."""
    curve = np.array([0.1, 0.5, 0.31, 0.7, 0.7, 0.2, 0.95, 0.95, 0.95, 0.1], np.float32)
    up = watcher(Metric.IOU, 2)(jnp.asarray(curve))
    down = watcher(Metric.LOSS, 2)(jnp.asarray(np.float32(1.2) - curve))
    jax.tree.map(np.testing.assert_array_equal, up, down)


def broken_forgets_runs(right):
    """A mutant: the number in a row is never set back."""

    def make(target: TargetSpec):
        detect = right(target)

        def update(state: DetectionState, evaluation: jax.Array, value: jax.Array):
            after = detect.update(state, evaluation, value)
            return after._replace(run_K=jnp.maximum(after.run_K, state.run_K))

        return detect._replace(update=update)

    return make


def broken_moves_hits(right):
    """A mutant: the hit is that of the latest run, not of the first."""

    def make(target: TargetSpec):
        detect = right(target)

        def update(state: DetectionState, evaluation: jax.Array, value: jax.Array):
            after = detect.update(state, evaluation, value)
            again = after.run_K >= target.sustain
            return after._replace(
                hit_K=jnp.where(again, evaluation - target.sustain + 1, after.hit_K)
            )

        return detect._replace(update=update)

    return make


@pytest.mark.parametrize("break_it", [broken_forgets_runs, broken_moves_hits])
def test_mutants_are_noticed(monkeypatch: pytest.MonkeyPatch, break_it) -> None:
    curve = [0.0, 0.95, 0.0, 0.95, 0.95, 0.95, 0.0, 0.95, 0.95, 0.0]
    monkeypatch.setitem(globals(), "detector", break_it(detection.detector))
    with pytest.raises(AssertionError):
        check(compiled(Metric.IOU, 2)(jnp.array(curve, jnp.float32)), Metric.IOU, 2, curve)
