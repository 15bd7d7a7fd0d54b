"""What is drawn, against closed forms and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_up import cohort, tables

from lab.records.reader import cohort_records
from lab.reports.curves import SHARES, fan, held_levels, median_evaluation, share_reached
from lab.specs import TargetSpec
from lab.words import Metric, Outcome, Rule


def records(values, *, thresholds=(0.6,), sustain=2, metric=Metric.IOU, **changes):
    values = np.asarray(values, np.float32)
    spec = cohort(
        target=TargetSpec(metric, thresholds, sustain, **changes),
        members=len(values),
        budget_steps=10 * values.shape[1],
    )
    return cohort_records(spec, 2900, 1e6, *tables(spec, values))


def staircase(members=10, evaluations=14):
    """Member i climbs by 1/20 a step and jumps past the target at evaluation i + 1, for good."""
    evaluation = np.arange(1, evaluations + 1)
    low = np.minimum(0.05 * evaluation, 0.55)
    return np.where(evaluation >= np.arange(1, members + 1)[:, None], 0.9, low)


def test_share_that_reached_is_the_closed_form():
    curve = share_reached(records(staircase()))
    np.testing.assert_array_equal(curve.evaluation, np.arange(14))
    np.testing.assert_allclose(curve.share, np.minimum(np.arange(14), 10) / 10)
    assert (curve.lower <= curve.share).all()
    assert (curve.share <= curve.upper).all()


def test_fan_keeps_those_that_have_reached():
    """A quantile over those still running would stay below 0.6 until nobody is left."""
    levels = fan(records(staircase())).level
    evaluation = np.arange(1, 14)
    for share, line in zip(SHARES, levels, strict=True):
        rank = int(np.ceil(share * 10 - 1e-9))
        np.testing.assert_array_equal(evaluation[line >= 0.6], np.arange(rank, 14))
    np.testing.assert_allclose(levels[2][:4], [0.05, 0.10, 0.15, 0.20], atol=1e-6)


def test_on_a_plateau_the_best_so_far_is_kept():
    """Member 0 ends at evaluation 4; what it saw last is what it keeps, not its tolerance."""
    values = [[0.2, 0.5, 0.45, 0.5, 0.9, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]
    one = records(values, thresholds=(0.06,), sustain=3, rule=Rule.PLATEAU)
    assert one.hit[:, 0].tolist() == [2, 0]
    np.testing.assert_allclose(
        held_levels(one), [[0.2, 0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4]], atol=1e-6
    )


def test_smoothed_levels_are_held():
    values = [[0.2, 0.4, 0.2, 0.4, 0.6, 0.2]]
    one = records(values, sustain=1, thresholds=(0.9,), smoothing=2)
    expected = [[0.0, 0.3, 0.3, 0.3, 0.5, 0.5]]
    np.testing.assert_allclose(held_levels(one), expected, atol=1e-6)


def test_spike_that_is_not_sustained_is_not_held():
    values = np.full((1, 6), 0.2)
    values[0, 2] = 0.9
    held = held_levels(records(values))
    np.testing.assert_allclose(held, np.full((1, 5), 0.2), atol=1e-6)
    alone = held_levels(records(values[:, :3], sustain=1))
    np.testing.assert_allclose(alone, [[0.2, 0.2, 0.6]], atol=1e-6)


def test_hit_on_the_rounded_threshold_counts_as_at_the_target():
    """0.7 in float32 is less than 0.7: what the program called a hit is one."""
    one = records(np.full((1, 6), 0.7), thresholds=(0.7,))
    assert one.reached.all()
    assert (held_levels(one) == 0.7).all()


def test_diverged_member_never_improves_and_stays_in_the_count():
    values = staircase()
    values[9] = 0.3
    values[9, 4:] = np.nan
    one = records(values)
    assert one.outcome[9] is Outcome.DIVERGED
    np.testing.assert_allclose(held_levels(one)[9], 0.3, atol=1e-6)
    assert share_reached(one).share[-1] == 0.9


def test_member_that_diverged_at_once_holds_the_worst():
    values = np.full((2, 6), np.nan)
    np.testing.assert_array_equal(held_levels(records(values)), np.zeros((2, 5)))
    np.testing.assert_array_equal(
        held_levels(records(values, metric=Metric.LOSS)), np.full((2, 5), np.inf)
    )


def test_a_metric_that_falls_is_mirrored():
    rising = records(staircase())
    falling = records(1 - staircase(), thresholds=(0.4,), metric=Metric.LOSS)
    np.testing.assert_allclose(1 - fan(rising).level, fan(falling).level, atol=1e-6)
    np.testing.assert_array_equal(share_reached(rising).share, share_reached(falling).share)


def test_cohort_in_which_nobody_reached_has_no_median():
    assert median_evaluation(records(np.full((4, 8), 0.1))).estimate is None


def test_fan_of_nobody_is_refused():
    whole = records(staircase())
    members, curves = tables(whole.spec, staircase())
    empty = cohort_records(whole.spec, 1, 1.0, members.slice(0, 0), curves)
    with pytest.raises(ValueError, match="without members"):
        fan(empty)


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(3, 9)),
        elements=st.sampled_from([0.0, 0.25, 0.5, 0.59375, 0.625, 0.75, 1.0]),
    ),
    sustain=st.integers(1, 3),
)
def test_fan_meets_the_target_where_the_incidence_reaches_the_share(values, sustain):
    one = records(values, sustain=sustain)
    reached = share_reached(one).share[1:]
    np.testing.assert_allclose((held_levels(one) >= 0.6).mean(axis=0), reached)
    for share, line in zip(SHARES, fan(one).level, strict=True):
        np.testing.assert_array_equal(line >= 0.6, reached >= share - 1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), sustain=st.integers(1, 3))
def test_below_the_target_stopping_early_changes_no_quantile(seed, sustain):
    """The same members, had they all been trained to the budget: quantiles capped at the target."""
    values = np.random.default_rng(seed).uniform(0, 0.8, (11, 9)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(values, sustain, axis=1).min(axis=2)
    whole = np.minimum(np.maximum.accumulate(windows, axis=1), 0.6)
    order = -np.sort(-whole, axis=0)
    ranks = [int(np.ceil(share * 11 - 1e-9)) - 1 for share in SHARES]
    np.testing.assert_allclose(fan(records(values, sustain=sustain)).level, order[ranks], atol=1e-6)
