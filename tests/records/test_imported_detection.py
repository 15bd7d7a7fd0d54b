"""Times from whole curves are those that members in training detect, whatever the rule."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.records.imported.detection import first_hits
from lab.specs import NamedMetric, TargetSpec
from lab.training.detection import detector
from lab.words import Direction, Metric, Rule

LENGTH = 9
VALUES = st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.7, 0.9, float("nan")])


@functools.cache
def trained(target):
    """A member's detector over whole curves, compiled once a target."""
    detect = detector(target)

    def one(state, seen):
        return detect.update(state, *seen), None

    def over(curve):
        evaluations = jnp.arange(1, LENGTH + 1, dtype=jnp.int32)
        state, _ = jax.lax.scan(one, detect.init(), (evaluations, curve))
        return jnp.where(state.reached_K, state.hit_K, 0)

    return jax.jit(over)


def as_trained(curve, target):
    return np.asarray(trained(target)(jnp.array(curve, jnp.float32)))


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("metric", [Metric.ACCURACY, Metric.LOSS], ids=lambda one: one.value)
@pytest.mark.parametrize(("sustain", "smoothing"), [(2, 1), (3, 2)])
@given(curve=st.lists(VALUES, min_size=LENGTH, max_size=LENGTH))
def test_same_hits_as_in_training(rule, metric, sustain, smoothing, curve):
    falling = rule is Rule.PLATEAU or metric is Metric.LOSS
    thresholds = (0.6, 0.3) if falling else (0.3, 0.6)
    target = TargetSpec(metric, thresholds, sustain=sustain, smoothing=smoothing, rule=rule)
    hit, reached = first_hits(np.array([curve]), target, np.float32)
    assert np.where(reached, hit, 0)[0].tolist() == as_trained(curve, target).tolist()


def test_metric_of_somebody_else_goes_its_declared_way():
    curve = np.array([[-3.0, -1.0, -0.5, -0.4]])
    up = TargetSpec(NamedMetric("log likelihood", Direction.MAXIMIZE), (-1.0,), sustain=2)
    down = TargetSpec(NamedMetric("energy", Direction.MINIMIZE), (-1.0,), sustain=2)
    assert first_hits(curve, up, np.float64)[0].tolist() == [[2]]
    assert first_hits(curve, down, np.float64)[0].tolist() == [[1]]


def hits(values, target, precision):
    """From what a column of that precision holds of these values."""
    held = np.array([values], precision).astype(np.float64)
    return first_hits(held, target, precision)[0].tolist()


@pytest.mark.parametrize("target", [0.7, 0.9, 0.1, 0.55])
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("smoothing", [1, 2, 3, 7])
@pytest.mark.parametrize("precision", [np.float16, np.float64])
def test_a_value_meets_the_target_that_it_was_written_as(target, direction, smoothing, precision):
    """Whatever its nearest number is in the precision that it was kept in, and its mean."""
    spec = TargetSpec(NamedMetric("score", direction), (target,), sustain=1, smoothing=smoothing)
    worse = target - 0.01 if direction is Direction.MAXIMIZE else target + 0.01
    assert hits([worse, *(smoothing * [target])], spec, precision) == [[smoothing + 1]]


def test_doubles_that_float32_cannot_tell_apart_are_told_apart():
    spec = TargetSpec(Metric.ACCURACY, (0.7,), sustain=1)
    assert hits([0.69999999, 0.7], spec, np.float64) == [[2]]
    assert hits([0.69999999, 0.7], spec, np.float32) == [[1]]
    mean = TargetSpec(Metric.ACCURACY, (0.7,), sustain=1, smoothing=2)
    assert hits([0.5, 0.7, 0.69999998, 0.70000002], mean, np.float64) == [[4]]
    assert hits([0.5, 0.7, 0.69999998, 0.70000002], mean, np.float32) == [[3]]


def test_a_target_beyond_a_precision_is_not_reached_and_values_beyond_float32_are_compared():
    spec = TargetSpec(NamedMetric("score", Direction.MAXIMIZE), (1e39, 1e60), sustain=1)
    assert hits([1e38, 2e38], spec, np.float32) == [[0, 0]]
    assert hits([1e38, 1e50], spec, np.float64) == [[2, 0]]
