import dataclasses
import math

import numpy as np
import pytest
from made_up import cohort, first_hits, realistic, tables

from lab.records.imported.recorded import with_target
from lab.records.reader import cohort_records
from lab.specs import Comparison, ContrastSpec, TargetSpec, UNetSpec
from lab.statistics.intervals import OrderCertain
from lab.verdicts import easier
from lab.verdicts.first import First, Standing, agreed
from lab.verdicts.judge import judge
from lab.verdicts.winner_map import winner_maps
from lab.words import Clock, Metric, Rule

CLOCKS = (Clock.STEPS, Clock.EXAMPLES, Clock.FLOPS)
REPLICATES = 300


def records(name, speed, seed, flops=1e6, target=None, members=48):
    spec = cohort(
        name,
        target=target or TargetSpec(Metric.IOU, (0.4, 0.6), sustain=2),
        members=members,
        budget_steps=600,
        model=UNetSpec(width=0.25),
    )
    values = realistic(spec, speed, 0.72, seed)
    if spec.target.metric is Metric.LOSS:
        values = 1 - values
    return cohort_records(spec, 2900, flops, *tables(spec, values)), values


@pytest.fixture(scope="module")
def pair():
    small, _ = records("small", 260, 1)
    large, _ = records("large", 150, 2, flops=3e6)
    return {"small": small, "large": large}


def comparison(*names, clocks=CLOCKS):
    return Comparison("?", (ContrastSpec(*(names or ("small", "large"))),), clocks)


def test_a_map_a_clock_but_for_examples_that_repeat_steps(pair):
    maps = winner_maps(comparison(), pair)
    assert [one.clock for one in maps] == [Clock.STEPS, Clock.FLOPS]
    for one in maps:
        assert one.targets == tuple(sorted(one.targets))
        assert one.declared == (0.4, 0.6)
        assert set(one.declared) < set(one.targets)
        assert max(one.targets) == 0.6
        assert len(one.cells) == len(one.targets) * len(one.budgets)


def test_recorded_times_are_found_again_in_the_curves(pair):
    """Declared targets are read off the records; the curves must tell the same."""
    for one in pair.values():
        again = with_target(one, one.spec.target)
        np.testing.assert_array_equal(again.reached, one.reached)
        np.testing.assert_array_equal(again.hit * again.reached, one.hit * one.reached)


@pytest.mark.parametrize("smoothing", [1, 3])
def test_easier_targets_are_met_by_the_rules_of_training(smoothing):
    target = TargetSpec(Metric.IOU, (0.6,), sustain=3, smoothing=smoothing)
    one, values = records("small", 260, 5, target=target)
    wanted = (0.2, 0.35, 0.6)
    found = easier.watched(one, wanted)
    spec = dataclasses.replace(one.spec, target=dataclasses.replace(target, thresholds=wanted))
    if smoothing == 1:
        hit, reached = first_hits(spec, values)
        np.testing.assert_array_equal(found.reached[:, :2], reached[:, :2])
        np.testing.assert_array_equal(found.hit[:, :2], hit[:, :2])
    else:
        hit, _ = first_hits(spec, values)
        assert (found.hit[:, 0] == hit[:, 0]).mean() > 0.95  # Means round differently in float32.
    assert (found.hit[:, 0] <= found.hit[:, 1])[found.reached[:, 1]].all()
    np.testing.assert_array_equal(found.hit[:, -1], one.hit[:, 0])


def test_the_last_cell_is_the_verdicts_own_win_probability(pair):
    verdict = judge(comparison(), pair)
    for found in verdict.maps:
        told = [one for one in verdict.contrasts if one.clock is found.clock]
        for target in (0.4, 0.6):
            decision = next(one.decision for one in told if one.target == target)
            cell = found.row(target)[-1]
            assert cell.budget == decision.horizon
            for end in ("estimate", "lower", "upper", "level"):
                assert getattr(cell.win_probability, end) == getattr(decision.win_probability, end)


def test_swapped_roles_mirror_the_map(pair):
    plain = winner_maps(comparison(), pair)
    turned = winner_maps(comparison("large", "small"), pair)
    for one, other in zip(plain, turned, strict=True):
        assert [cell.first for cell in one.cells] == [cell.first.other for cell in other.cells]
        assert First.LARGER in {cell.first for cell in plain[0].cells}


def test_before_anybody_got_there_there_is_nobody(pair):
    steps = winner_maps(comparison(), pair)[0]
    assert steps.row(0.6)[0].first is First.NOBODY
    assert steps.row(0.6)[-1].first is First.LARGER


def test_alike_cohorts_have_a_winner_somewhere_no_more_often_than_declared(made):
    """Holm over the map: the chance of any winner at all is at most alpha (here .03)."""
    generator = np.random.default_rng(8)
    false = 0
    for _ in range(REPLICATES):
        hits = [
            [int(hit) if hit <= 99 else None for hit in generator.lognormal(3.4, 0.6, 40) + 1]
            for _ in range(2)
        ]
        pair = {name: made(one).records(name) for name, one in zip("ab", hits, strict=True)}
        (found,) = winner_maps(comparison("a", "b", clocks=(Clock.STEPS,)), pair)
        false += any(cell.first in (First.SMALLER, First.LARGER) for cell in found.cells)
    assert false / REPLICATES <= 0.03 + 3 * math.sqrt(0.03 * 0.97 / REPLICATES)


def test_one_that_got_there_alone_is_first_though_data_are_sparse(made):
    hits = np.random.default_rng(3).integers(10, 40, 40).tolist()
    pair = {"small": made([None] * 40).records("small"), "large": made(hits).records("large")}
    (found,) = winner_maps(comparison(clocks=(Clock.STEPS,)), pair)
    assert found.row(0.75)[-1].first is First.LARGER


def test_without_curves_only_declared_targets_are_told(made):
    pair = {"a": made([20] * 8).records("a"), "b": made([30] * 8).records("b")}
    (found,) = winner_maps(comparison("a", "b", clocks=(Clock.STEPS,)), pair)
    assert found.targets == (0.6, 0.75)


@pytest.mark.parametrize(
    "target",
    [
        TargetSpec(Metric.LOSS, (0.5,)),
        TargetSpec(Metric.IOU, (0.05,), sustain=4, rule=Rule.PLATEAU),
    ],
)
def test_targets_between_are_easier_where_easier_is_more(target):
    one, _ = records("small", 200, 4, target=target)
    found = easier.targets([one])
    assert found == tuple(sorted(found, reverse=True))
    assert found[-1] == target.thresholds[-1]
    assert len(found) > 2


def test_no_target_is_added_where_members_start_beyond_the_hardest():
    one, _ = records("small", 1, 4, target=TargetSpec(Metric.IOU, (0.2,)))
    assert easier.targets([one]) == (0.2,)


def test_a_winner_by_seconds_is_one_at_both_ends_of_their_ratio():
    """Of readings that name two winners neither stands; of those that agree the weakest counts."""

    def read(estimate, p_value):
        win = OrderCertain(estimate, estimate - 0.1, estimate + 0.1, 0.97, estimate, estimate)
        return Standing(win, p_value, True)

    apart = agreed([read(0.8, 1e-4), read(0.9, 1e-6), read(0.3, 1e-3)])
    assert apart.p_value == 1
    assert apart.first(apart.p_value, 0.03) is First.OPEN
    together = agreed([read(0.8, 1e-4), read(0.9, 1e-6), read(0.7, 1e-3)])
    assert (together.p_value, together.win.lower, together.win.upper) == (1e-3, 0.6, 1.0)
    assert together.first(together.p_value, 0.03) is First.SMALLER
