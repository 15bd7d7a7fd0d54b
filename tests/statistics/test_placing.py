import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from lab.statistics.placing import Place, Run, State, place
from lab.statistics.times import Times

hits = st.lists(st.none() | st.integers(1, 8), max_size=20)
runs = st.one_of(
    st.just(Run(State.NEVER)),
    st.builds(Run, st.just(State.REACHED), st.integers(1, 8)),
    st.builds(Run, st.just(State.RUNNING), st.integers(1, 8)),
)


def when(hit):
    return np.inf if hit is None else hit


@pytest.mark.filterwarnings("error")
@given(hits, runs)
def test_the_definition_counted_by_hand(evaluations, run):
    placed = place(run, Times.of(evaluations, last=8), 0.9)
    count = len(evaluations)
    assert placed.smallest_p == pytest.approx(1 / (count + 1))
    assert min(placed.late_p, placed.early_p) >= placed.smallest_p - 1e-12
    if run.state is State.RUNNING:
        later = sum(when(hit) > run.evaluation for hit in evaluations)
        assert placed.late_p == pytest.approx((1 + later) / (count + 1))
        assert placed.early_p == 1
        assert placed.percentile.upper == 1
    else:
        own = np.inf if run.state is State.NEVER else run.evaluation
        at_least = sum(when(hit) >= own for hit in evaluations)
        at_most = sum(when(hit) <= own for hit in evaluations)
        assert placed.late_p == pytest.approx((1 + at_least) / (count + 1))
        assert placed.early_p == pytest.approx((1 + at_most) / (count + 1))
        middle = (count - at_least + at_most) / 2 / count if count else 0.5
        assert placed.percentile.estimate == pytest.approx(middle)
    one = placed.percentile
    assert 0 <= one.lower <= one.estimate <= one.upper <= 1


@given(st.sets(st.integers(1, 50), min_size=1, max_size=20), st.integers(1, 50))
def test_without_ties_the_interval_is_clopper_and_pearsons(evaluations, own):
    evaluations = sorted(evaluations - {own})
    placed = place(Run(State.REACHED, own), Times.of(evaluations, last=50), 0.95)
    if not evaluations:
        return
    before = sum(hit < own for hit in evaluations)
    exact = binomtest(before, len(evaluations)).proportion_ci(0.95, method="exact")
    assert placed.percentile.lower == pytest.approx(exact.low, abs=1e-9)
    assert placed.percentile.upper == pytest.approx(exact.high, abs=1e-9)


@given(hits, st.integers(1, 8))
def test_reversed_time_mirrors(evaluations, own):
    reached = [hit for hit in evaluations if hit is not None]
    one = place(Run(State.REACHED, own), Times.of(reached, last=8), 0.9)
    other = place(Run(State.REACHED, 9 - own), Times.of([9 - hit for hit in reached], last=8), 0.9)
    assert one.late_p == other.early_p
    assert one.percentile.estimate == pytest.approx(1 - other.percentile.estimate)
    assert one.percentile.lower == pytest.approx(1 - other.percentile.upper, abs=1e-9)


def test_one_more_member_is_flagged_as_often_as_said():
    """The rank p-value is exact: over all members in turn, at most 2.5% at each end."""
    generator = np.random.default_rng(0)
    times = generator.permutation(200) + 1
    found = []
    for own in range(200):
        rest = Times.of(np.delete(times, own).tolist(), last=200)
        found.append(place(Run(State.REACHED, int(times[own])), rest, 0.95).place)
    assert found.count(Place.LATE) == 5
    assert found.count(Place.EARLY) == 5


def test_few_members_flag_nobody():
    early = Times.of([1] * 38, last=9)
    placed = place(Run(State.NEVER), early, 0.95)
    assert placed.place is Place.WITHIN
    assert not placed.can_flag
    assert place(Run(State.NEVER), Times.of([1] * 39, last=9), 0.95).place is Place.LATE


def test_a_run_still_running_is_open_until_it_is_late():
    times = Times.of([*range(1, 51)], last=50)
    assert place(Run(State.RUNNING, 20), times, 0.95).place is Place.OPEN
    late = place(Run(State.RUNNING, 50), times, 0.95)
    assert late.place is Place.LATE
    assert late.percentile.estimate == 1
    with pytest.raises(ValueError, match="outside 0 to 50"):
        place(Run(State.RUNNING, 51), times, 0.95)
