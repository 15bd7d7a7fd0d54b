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
from lab.words import Direction, Metric, Rule

EVALUATIONS = 10
LADDERS = {Metric.IOU: (0.3, 0.6, 0.9), Metric.LOSS: (0.9, 0.6, 0.3)}
TOLERANCES = (0.5, 0.25, 0.0625)
EXACT = [np.float32(one) for one in LADDERS[Metric.IOU]]
ODD = tuple(map(np.float32, (0.0, 1.0, np.nan, np.inf, -np.inf)))
VALUES = st.sampled_from(
    [
        *EXACT,
        *(np.nextafter(one, np.float32(2)) for one in EXACT),
        *(np.nextafter(one, np.float32(-2)) for one in EXACT),
        *map(np.float32, (0.45, 0.75)),
        *ODD,
    ]
)
# Of these, sums and differences are exact, and no mean of three is at a threshold.
DYADIC = st.sampled_from([*(np.float32(i / 16) for i in range(17)), *ODD])


def curves(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(values, min_size=EVALUATIONS, max_size=EVALUATIONS)


def plain(metric: Metric, sustain: int, smoothing: int = 1) -> TargetSpec:
    return TargetSpec(metric, LADDERS[metric], sustain, smoothing)


def plateau(metric: Metric, sustain: int, smoothing: int = 1) -> TargetSpec:
    return TargetSpec(metric, TOLERANCES, sustain, smoothing, Rule.PLATEAU)


def smoothed(target: TargetSpec, curve: Sequence[float]) -> list[float]:
    """The mean of the last so many values; NaN where there are not that many."""
    s = target.smoothing
    with np.errstate(invalid="ignore"):
        return [
            float(np.mean(np.array(curve[end - s : end], np.float32))) if end >= s else float("nan")
            for end in range(1, len(curve) + 1)
        ]


def succeeds(target: TargetSpec, threshold: float, run: Sequence[float], best: float) -> bool:
    """Whether all of a run is a success, when `best` is the best up to its end."""
    limit, maximize = float(np.float32(threshold)), target.direction is Direction.MAXIMIZE
    if target.rule is Rule.PLATEAU:
        return all((best - one if maximize else one - best) <= limit for one in run)
    return all(one >= limit if maximize else one <= limit for one in run)


def first_hit(target: TargetSpec, threshold: float, curve: Sequence[float]) -> int | None:
    """The first evaluation, from 1, of the first `sustain` in a row that are a success."""
    values, width = smoothed(target, curve), target.sustain
    for end in range(width, len(values) + 1):
        numbers = [one for one in values[:end] if not np.isnan(one)]
        worst = -np.inf if target.direction is Direction.MAXIMIZE else np.inf
        best = (max if target.direction is Direction.MAXIMIZE else min)([worst, *numbers])
        if succeeds(target, threshold, values[end - width : end], best):
            return end - width + 1
    return None


def compiled(target: TargetSpec):
    detect = detector(target)

    def watch(curve_E: jax.Array) -> DetectionState:
        def once(state: DetectionState, at: tuple[jax.Array, jax.Array]):
            state = detect.update(state, *at)
            return state, state

        numbers = jnp.arange(1, EVALUATIONS + 1, dtype=jnp.int32)
        return jax.lax.scan(once, detect.init(), (numbers, curve_E))[1]

    return jax.jit(watch)


watcher = functools.cache(compiled)


def check(states: DetectionState, target: TargetSpec, curve: Sequence[float]) -> None:
    """After every evaluation the state is that of the definition on the curve so far."""
    for k, threshold in enumerate(target.thresholds):
        for seen in range(1, len(curve) + 1):
            hit = first_hit(target, threshold, curve[:seen])
            assert bool(states.reached_K[seen - 1, k]) == (hit is not None)
            if hit is not None:
                assert int(states.hit_K[seen - 1, k]) == hit


def watched(target: TargetSpec, curve: Sequence[float]) -> DetectionState:
    return jax.device_get(watcher(target)(jnp.array(curve, jnp.float32)))


METRICS = st.sampled_from(sorted(LADDERS, key=str))


@settings(max_examples=200)
@given(METRICS, st.integers(1, 3), curves(VALUES))
def test_detection_is_the_definition(metric: Metric, sustain: int, curve: list[float]) -> None:
    target = plain(metric, sustain)
    check(watched(target, curve), target, curve)


@settings(max_examples=200)
@given(METRICS, st.integers(1, 2), st.integers(2, 3), curves(DYADIC))
def test_smoothing_is_the_definition(
    metric: Metric, sustain: int, smoothing: int, curve: list[float]
) -> None:
    target = plain(metric, sustain, smoothing)
    check(watched(target, curve), target, curve)


@settings(max_examples=300)
@given(METRICS, st.integers(2, 3), st.integers(1, 2), curves(DYADIC))
def test_a_plateau_is_the_definition(
    metric: Metric, sustain: int, smoothing: int, curve: list[float]
) -> None:
    target = plateau(metric, sustain, smoothing)
    check(watched(target, curve), target, curve)


def test_a_plateau_by_hand() -> None:
    """At 0.5 for three, but then better by more than 1/4: only then does it stay."""
    curve = [0.0, 0.5, 0.5, 0.8125, 0.5, 0.75, 0.8125, 0.875, 0.875, 1.0]
    target = plateau(Metric.IOU, 3)
    states = watched(target, curve)
    assert states.hit_K[-1].tolist() == [1, 6, 7]
    assert states.reached_K[:, 1].tolist() == [False] * 7 + [True] * 3
    assert watched(target, [0.0625 * i for i in range(10)]).reached_K[-1].tolist() == [
        True,
        True,
        False,
    ]


@settings(max_examples=50)
@given(st.sampled_from([plain, plateau]), st.integers(2, 3), curves(DYADIC))
def test_easier_thresholds_are_hit_no_later(make, sustain: int, curve: list[float]) -> None:
    states = watched(make(Metric.IOU, sustain), curve)
    reached_K, hit_K = states.reached_K[-1], states.hit_K[-1]
    assert (np.diff(reached_K.astype(int)) <= 0).all()
    assert (np.diff(hit_K[reached_K]) >= 0).all()


@pytest.mark.parametrize("make", [plain, plateau])
def test_maximising_and_minimising_are_mirror_images(make) -> None:
    """A curve c against rising thresholds t is 1.2 - c against falling thresholds 1.2 - t."""
    curve = np.array([0.1, 0.5, 0.31, 0.7, 0.7, 0.2, 0.95, 0.95, 0.95, 0.1], np.float32)
    up, down = (
        watched(make(Metric.IOU, 2), curve),
        watched(make(Metric.LOSS, 2), np.float32(1.2) - curve),
    )
    np.testing.assert_array_equal(up.reached_K, down.reached_K)
    np.testing.assert_array_equal(up.hit_K, down.hit_K)


def test_the_state_is_as_long_as_needed() -> None:
    for target, length in ((plain(Metric.IOU, 1), 1), (plateau(Metric.IOU, 3, 4), 6)):
        assert detector(target).init().latest_V.shape == (length,)


def broken_forgets_rule(right):
    """A mutant: evaluations that are no success are left out, not an end of the run."""

    def make(target: TargetSpec):
        detect = right(target)

        def update(state: DetectionState, evaluation: jax.Array, value: jax.Array):
            after = detect.update(state, evaluation, value)
            skipped = value < target.thresholds[-1]
            kept = jnp.where(skipped, state.latest_V, after.latest_V)
            return after._replace(latest_V=kept)

        return detect._replace(update=update)

    return make


def broken_moves_hits(right):
    """A mutant: the hit is that of the latest run, not of the first."""

    def make(target: TargetSpec):
        detect = right(target)

        def update(state: DetectionState, evaluation: jax.Array, value: jax.Array):
            after = detect.update(state, evaluation, value)
            afresh = detect.update(
                state._replace(reached_K=jnp.zeros_like(state.reached_K)), evaluation, value
            )
            return after._replace(hit_K=jnp.where(afresh.reached_K, afresh.hit_K, after.hit_K))

        return detect._replace(update=update)

    return make


@pytest.mark.parametrize("break_it", [broken_forgets_rule, broken_moves_hits])
def test_mutants_are_noticed(monkeypatch: pytest.MonkeyPatch, break_it) -> None:
    curve = [0.0, 0.95, 0.0, 0.95, 0.95, 0.95, 0.0, 0.95, 0.95, 0.0]
    target = plain(Metric.IOU, 2)
    monkeypatch.setitem(globals(), "detector", break_it(detection.detector))
    with pytest.raises(AssertionError):
        check(compiled(target)(jnp.array(curve, jnp.float32)), target, curve)


def test_a_best_that_is_updated_too_late_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant: the latest evaluation does not count among the best."""
    right = detection.detector

    def make(target: TargetSpec):
        detect = right(target)

        def update(state: DetectionState, evaluation: jax.Array, value: jax.Array):
            after = detect.update(state, evaluation, value)
            stale = detect.update(state, evaluation, jnp.minimum(value, state.best))
            return after._replace(reached_K=stale.reached_K, hit_K=stale.hit_K)

        return detect._replace(update=update)

    curve = [0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    target = plateau(Metric.IOU, 3)
    monkeypatch.setitem(globals(), "detector", make)
    with pytest.raises(AssertionError):
        check(compiled(target)(jnp.array(curve, jnp.float32)), target, curve)
