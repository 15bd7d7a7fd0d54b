import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics import balanced
from lab.statistics.components import _minque, _partition, components, of_values
from lab.statistics.times import ClockTimes, Times


def crossed(*sizes, repeats=1):
    """Levels of every factor of a balanced design, the last one changing fastest."""
    rows = np.array(list(itertools.product(*map(range, sizes), range(repeats))))
    return {name: rows[:, i] for i, name in enumerate("abcd"[: len(sizes)])}


def estimates(values, levels, seed=0, level=0.95):
    found, _ = of_values(np.asarray(values, float), levels, level, np.random.default_rng(seed))
    return {"*".join("+".join(bundle) for bundle in one.term): one for one in found}


# A gauge study: 20 parts, each measured twice by 3 operators. Montgomery 2013, Design and Analysis
# of Experiments, 8th edition, example 13.1, table 13.1 (from Houf and Berman 1988).
GAUGE = [
    *(21, 20, 20, 20, 19, 21, 24, 23, 24, 24, 23, 24, 20, 21, 19, 21, 20, 22),
    *(27, 27, 28, 26, 27, 28, 19, 18, 19, 18, 18, 21, 23, 21, 24, 21, 23, 22),
    *(22, 21, 22, 24, 22, 20, 19, 17, 18, 20, 19, 18, 24, 23, 25, 23, 24, 24),
    *(25, 23, 26, 25, 24, 25, 21, 20, 20, 20, 21, 20, 18, 19, 17, 19, 18, 19),
    *(23, 25, 25, 25, 25, 25, 24, 24, 23, 25, 24, 25, 29, 30, 30, 28, 31, 30),
    *(26, 26, 25, 26, 25, 27, 20, 20, 19, 20, 20, 20, 19, 21, 19, 19, 21, 23),
    *(25, 26, 25, 24, 25, 25, 19, 19, 18, 17, 19, 17),
]


def test_the_gauge_study_of_montgomery():
    """Table 13.2: mean squares 62.391, 1.308, 0.712, 0.992; components 10.2798, 0.0149, -0.1399,
    0.9917."""
    levels = crossed(20, 3, repeats=2)
    table = balanced.mean_squares(np.array(GAUGE, float), [levels["a"], levels["b"]])
    squares = [round(one.total / one.degrees, 3) for one in table.values()]
    assert squares == [62.391, 1.308, 0.712, 0.992]
    found = estimates(GAUGE, levels)
    assert found["a"].variance == pytest.approx(10.2798, abs=5e-5)
    assert found["b"].variance == pytest.approx(0.0149, abs=5e-5)
    assert found["a*b"].variance == 0
    assert found["a*b"].truncated
    assert found[""].variance == pytest.approx(0.9917, abs=5e-5)


@pytest.mark.parametrize("sizes", [(4, 3), (3, 5, 2), (2, 3, 2, 2)])
@pytest.mark.parametrize("repeats", [1, 2])
def test_balanced_estimates_are_those_of_the_analysis_of_variance(sizes, repeats):
    levels = crossed(*sizes, repeats=repeats)
    generator = np.random.default_rng(3)
    values = generator.normal(size=len(levels["a"])) + 2 * generator.normal(size=sizes[0]).take(
        levels["a"]
    )
    found, is_balanced = of_values(values, levels, 0.95, generator)
    assert is_balanced
    for one in found:
        assert one.variance == pytest.approx(one.variance_interval.estimate, abs=1e-9)
        assert one.share == pytest.approx(one.share_interval.estimate, abs=1e-9)
        assert one.variance_interval.lower <= one.variance_interval.upper
    assert sum(one.share for one in found) == pytest.approx(1)


def test_unbiased_in_an_unbalanced_design():
    """Mean of many estimates, before they are cut at 0, against the truth; 4 standard errors.

    Members are dropped at random from a crossed design with two of each pair.
    """
    generator = np.random.default_rng(0)
    full = crossed(8, 6, repeats=3)
    kept = generator.permutation(144)[:110]
    levels = {name: ids[kept] for name, ids in full.items()}
    both_levels = levels["a"] * 6 + levels["b"]
    parts = (levels["a"], levels["b"], _partition(both_levels), np.arange(110))
    terms = dict(zip("abcd", parts, strict=True))
    truth = {"a": 9.0, "b": 6.0, "a*b": 4.0, "": 1.0}
    rows = []
    for _ in range(600):
        a, b = generator.normal(0, 3, 8), generator.normal(0, 6**0.5, 6)
        both = generator.normal(0, 2, (8, 6))
        values = (
            a[levels["a"]]
            + b[levels["b"]]
            + both[levels["a"], levels["b"]]
            + generator.normal(size=110)
        )
        found = _minque(values, terms)
        rows.append(list(found.values()))
    rows = np.array(rows)
    error = rows.std(0) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(0) - list(truth.values())) < 4 * error).all()


@pytest.mark.parametrize("wanted", ["a", "b", ""])
def test_intervals_cover(wanted):
    """Components and shares, 250 draws: 95% less four standard errors."""
    generator = np.random.default_rng(11)
    levels = crossed(8, 8)
    truth = {"a": 1.0, "b": 0.25, "": 1.0}
    inside = np.zeros(2)
    for seed in range(250):
        values = (
            generator.normal(0, 1, 8)[levels["a"]]
            + generator.normal(0, 0.5, 8)[levels["b"]]
            + generator.normal(0, 1, 64)
        )
        one = estimates(values, levels, seed=seed)[wanted]
        for i, (interval, true) in enumerate(
            [(one.variance_interval, truth[wanted]), (one.share_interval, truth[wanted] / 2.25)]
        ):
            inside[i] += interval.lower <= true <= interval.upper
    assert (inside / 250 > 0.95 - 4 * 0.0138).all()


@given(st.permutations(range(5)), st.permutations(range(4)), st.integers(0, 9))
def test_names_of_levels_and_order_of_members_do_not_matter(one, other, seed):
    generator = np.random.default_rng(seed)
    levels = crossed(5, 4, repeats=2)
    kept = generator.permutation(40)[:33]
    levels = {name: ids[kept] for name, ids in levels.items()}
    values = generator.normal(size=33)
    renamed = {"b": np.array(other)[levels["b"]] + 7, "a": np.array(one)[levels["a"]] * 3}
    shuffle = generator.permutation(33)
    first = estimates(values, levels)
    second = estimates(values[shuffle], {name: ids[shuffle] for name, ids in renamed.items()})
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].variance == pytest.approx(second[name].variance, abs=1e-9)


def test_what_cannot_be_told_apart_is_not_estimated():
    generator = np.random.default_rng(0)
    levels = crossed(6, 5)
    levels["one level"] = np.zeros(30, int)
    levels["own"] = np.arange(30) * 2
    levels["with a"] = 5 - levels["a"]
    found = estimates(generator.normal(size=30), levels)
    assert found["one level"].variance is None
    assert found["own"].variance is None
    assert found["a+with a"].variance is not None
    # Unreplicated, the interaction is what remains.
    assert set(found) == {"a+with a", "b", "", "one level", "own"}


def test_three_factors_of_a_latin_square_are_apart_but_two_levels_are_not():
    generator = np.random.default_rng(0)
    square = crossed(4, 4)
    square["c"] = (square["a"] + square["b"]) % 4
    found = estimates(generator.normal(size=16), square)
    assert all(one.variance is not None for one in found.values())
    small = crossed(2, 2)
    small["c"] = (small["a"] + small["b"]) % 2
    assert all(one.variance is None for one in estimates([1.0, 2, 4, 9], small).values())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 2, 12])
def test_no_spread_and_few_members(count):
    levels = {"a": np.arange(count) % 3, "b": np.arange(count) // 3}
    times = Times.of([4] * count, last=9)
    clock = ClockTimes.uniform(times, Fraction(3))
    found = components(clock, levels, clock.budget, 0.95, np.random.default_rng(0))
    assert all(one.variance in (None, 0) and one.share is None for one in found.components)


def test_too_many_at_the_horizon_are_not_interpreted():
    times = Times.of([1, 2, 3, None], last=9)
    clock = ClockTimes.uniform(times, Fraction(1))
    generator = np.random.default_rng(0)
    found = components(clock, {"a": np.array([0, 0, 1, 1])}, clock.budget, 0.95, generator)
    assert found.at_horizon == 0.25
    assert not found.interpretable
    assert found.components == ()


def test_components_are_the_same_on_every_clock():
    generator = np.random.default_rng(1)
    levels = crossed(5, 5, repeats=2)
    times = Times.of(generator.integers(1, 30, 50).tolist(), last=30)
    found = []
    for cost in (Fraction(1), Fraction(8)):
        clock = ClockTimes.uniform(times, cost)
        found.append(components(clock, levels, clock.budget, 0.95, np.random.default_rng(2)))
    for one, other in zip(found[0].components, found[1].components, strict=True):
        assert one.variance == pytest.approx(other.variance)
